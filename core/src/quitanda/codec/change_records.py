"""Records of what requests changed, as the state keeps them, and the entries of a document's history made of them.

What the requests of one log entry changed is one value:

    revision, number of changes, number of deletions (8, 4 and 4 bytes, big-endian); for each request a line of JSON:
    [number of its first change, received_at_ms, credential id, command, scope, request id, [change, …]]
    change = [kind, document id, previous, [[name, product id, before, after], …]], of a deletion [kind, id, previous]

Values before and after are texts that hold JSON, so that a number keeps all its digits; "" stands for no field.
"""

import json
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, Final

from quitanda.codec.messages import MessageCodec
from quitanda.codec.money import format_price
from quitanda.domain.compiled import fast_init
from quitanda.domain.document_history import ChangeRecord, DocumentChange, FieldChange
from quitanda.domain.field_types import Form
from quitanda.domain.model import Kind
from quitanda.v1 import documents_pb2

_HEAD: Final = struct.Struct(">QII")
_ORDER: Final = Kind.ORDER.value

_quote: Final[Callable[[str], str]] = encode_basestring


@fast_init
@dataclass(frozen=True, slots=True)
class ChangedField:
    """A field's values before and after, as JSON; "" where the document did not have the field.

    A new document's fields of a higher level than the history's are told only where they differ from their default,
    as a new order's `state`; their first change names that default as the value before.

    `product_id` is the product of the order's item whose field it is; "" for a field of the document.
    """

    name: str
    product_id: str
    before_json: str
    after_json: str


@fast_init
@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A change of a document, and the request that made it (`HistoryEntry` in documents.proto explains each field)."""

    number: int
    revision: int
    received_at_ms: int
    credential_id: str
    command: str
    scope: str
    request_id: str
    order_id: str
    deleted: bool
    fields: tuple[ChangedField, ...]


HISTORY_ENTRY_CODEC: Final = MessageCodec(HistoryEntry, documents_pb2.HistoryEntry, bounded=False)
"""How messages show an entry."""


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What a stored value says of itself: its log index, and how many changes and deletions it has."""

    revision: int
    changes: int
    deletions: int


def encode_records(revision: int, records: Iterable[ChangeRecord]) -> bytes:
    """Write what the requests of one log entry changed."""
    changes = deletions = 0
    lines = []
    for record in records:
        changes += len(record.changes)
        deletions += sum([each.deleted for each in record.changes])
        lines.append(_line(record))
    return _HEAD.pack(revision, changes, deletions) + "\n".join(lines).encode()


def read_head(value: bytes) -> RecordHead:
    """Read the head of a stored value. Raises struct.error."""
    return RecordHead(*_HEAD.unpack_from(value))


def deleted_documents(value: bytes) -> Iterable[tuple[Kind, str, int]]:
    """Yield kind, id and number of each deletion in a stored value. Raises ValueError."""
    for line in value[_HEAD.size :].splitlines():
        first, *_, changes = json.loads(line)
        for number, change in enumerate(changes, first):
            if len(change) == len(_DELETED):
                yield Kind(change[0]), change[1], number


def find_entry(value: bytes, number: int) -> tuple[HistoryEntry, Kind, str, int]:
    """Find the change `number` in a stored value: its entry, its document's kind and id, and the change before it.

    Raises ValueError and struct.error where the value has no such change.
    """
    revision = read_head(value).revision
    line = b""
    for each in value[_HEAD.size :].splitlines():
        if int(each[1 : each.index(b",")]) > number:
            break
        line = each
    first, received_at_ms, credential_id, command, scope, request_id, changes = json.loads(line)
    kind, document_id, previous, *fields = changes[number - first]
    orders = [each[1] for each in changes if each[0] == _ORDER]
    entry = HistoryEntry(
        number,
        revision,
        received_at_ms,
        credential_id,
        command,
        scope,
        request_id,
        orders[0] if len(orders) == 1 else "",
        deleted=not fields,
        fields=tuple(ChangedField(*each) for each in (fields[0] if fields else ())),
    )
    return entry, Kind(kind), document_id, previous


def read_changes(value: bytes) -> Iterable[tuple[int, int, str, Kind, str, list[Any] | None]]:
    """Yield number, received_at_ms, command, kind, document id and fields (None: deleted) of each change.

    Raises ValueError.
    """
    for line in value[_HEAD.size :].splitlines():
        first, received_at_ms, _, command, *_, changes = json.loads(line)
        for number, (kind, document_id, _, *fields) in enumerate(changes, first):
            yield number, received_at_ms, command, Kind(kind), document_id, fields[0] if fields else None


def _line(record: ChangeRecord) -> str:
    request = record.request
    return (
        f"[{record.changes[0].number},{request.received_at_ms},{_quote(record.credential_id)},"
        f"{_quote(record.command)},{_quote(request.scope)},{_quote(request.request_id)},"
        f"[{','.join([_change(each) for each in record.changes])}]]"
    )


def _change(change: DocumentChange) -> str:
    head = f'"{change.kind.value}",{_quote(change.document_id)},{change.previous}'
    return f"[{head}]" if change.deleted else f"[{head},[{','.join([_field(each) for each in change.fields])}]]"


def _field(field: FieldChange) -> str:
    write = _WRITERS[field.form]
    before = "" if field.before is None else write(field.before)
    after = "" if field.after is None else write(field.after)
    return f"[{_quote(field.name)},{_quote(field.product_id)},{_quote(before)},{_quote(after)}]"


_DELETED: Final = ("kind", "document_id", "previous")
"""What a deletion says, and nothing more."""

_WRITERS: Final[Mapping[Form, Callable[[Any], str]]] = {
    Form.TEXT: encode_basestring,
    Form.NUMBER: str,
    Form.MONEY: format_price,
    Form.FLAG: lambda value: "true" if value else "false",
    Form.CUSTOM_FIELDS: str,
}
