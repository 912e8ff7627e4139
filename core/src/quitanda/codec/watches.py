"""What the portals' callers may watch, and what they are told, as messages and as JSON objects.

Over MQTT each reply of a watch has the `result`

    {"after_revision", "changes": [change, …], "ends"}
    change = {"product": {…}} | {"order": {…}} | {"deleted_product_id": …} | {"deleted_order_id": …}

and tells what changed after `after_revision`, up to the reply's revision. So a client sees whether a reply was lost.
`ends` is true in the last one: the client then asks anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quitanda.codec.documents import present_document, read_shown_document
from quitanda.codec.json_fields import FieldReader
from quitanda.codec.json_text import dump_json
from quitanda.codec.numbers import INT64_MAX
from quitanda.codec.protobuf import DOCUMENT_CODECS
from quitanda.domain.model import Document, Kind
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.v1.documents_pb2 import WatchedChange as ChangeMessage
from quitanda.v1.documents_pb2 import WatchResponse

WATCHED_KINDS: Final = (Kind.PRODUCT, Kind.ORDER)
"""Kinds of documents that can be watched."""

_NAMES: Final[Mapping[str, Kind]] = {kind.value: kind for kind in WATCHED_KINDS}
_VALUE_LENGTH_SHOWN: Final = 40
_DELETED: Final = {kind: f"deleted_{kind.value}_id" for kind in WATCHED_KINDS}


@dataclass(frozen=True, slots=True)
class WatchDocuments:
    """Changes of documents of these kinds, each named once; orders are the customer's, or all where no customer asks.

    They are the changes after the revision, or after the beginning of the watch where it is None.
    """

    kinds: tuple[Kind, ...]
    customer_id: str = ""
    after_revision: int | None = None


@dataclass(frozen=True, slots=True)
class WatchedChange:
    """What became of a document: `document` is None where it was deleted."""

    kind: Kind
    document_id: str
    document: Document | None


@dataclass(frozen=True, slots=True)
class WatchedChanges:
    """Every change up to `revision` of what is watched has been told, at least once; none are a heartbeat."""

    revision: int
    changes: tuple[WatchedChange, ...] = ()


def watch_from_message(message: Any, customer_id: str) -> WatchDocuments | Refused:
    """Read the request to watch."""
    kinds = _kinds_or_refused(message.kinds)
    if isinstance(kinds, Refused):
        return kinds
    return WatchDocuments(kinds, customer_id, message.after_revision if message.HasField("after_revision") else None)


def watch_from_object(fields: Mapping[str, Any], customer_id: str) -> WatchDocuments | Refused:
    """Read {"kinds", "after_revision"?}."""
    reader = FieldReader(dict(fields))
    kinds = _kinds_or_refused(reader.texts("kinds", len(_NAMES)))
    after = reader.optional_integer("after_revision")
    if reader.refusal is None and isinstance(kinds, Refused):
        return kinds
    if reader.refusal is None and after is not None and after < 0:
        return invalid("after_revision", Problem.NEGATIVE, value=after)
    return reader.finish(WatchDocuments(kinds if isinstance(kinds, tuple) else (), customer_id, after))


def watch_to_message_fields(watched: WatchDocuments) -> dict[str, Any] | Refused:
    """Write the request to watch as a message's fields; Refused where no message can hold the revision."""
    fields: dict[str, Any] = {"kinds": [kind.value for kind in watched.kinds]}
    if watched.after_revision is None:
        return fields
    if watched.after_revision < 0:
        return invalid("after_revision", Problem.NEGATIVE, limit=0)
    if watched.after_revision > INT64_MAX:
        return invalid("after_revision", Problem.TOO_LARGE, limit=INT64_MAX)
    return fields | {"after_revision": watched.after_revision}


def changes_to_message(told: WatchedChanges) -> WatchResponse:
    """Write what is told."""
    return WatchResponse(revision=told.revision, changes=map(_change_to_message, told.changes))


def changes_from_message(message: Any) -> WatchedChanges:
    """Read what a portal tells. Raises ValueError where it cannot be read."""
    return WatchedChanges(message.revision, tuple(map(_change_from_message, message.changes)))


def changes_to_result(changes: Sequence[str], after_revision: int, *, ends: bool) -> str:
    """Write what is told, of which `change_to_text` gives each, as the `result` of a reply over MQTT."""
    return f'{{"after_revision":{after_revision},"changes":[{",".join(changes)}],"ends":{dump_json(ends)}}}'


def changes_from_result(result: Any, revision: int) -> tuple[int, WatchedChanges, bool]:
    """Read what `changes_to_result` wrote: after which revision, what is told, and whether the watch ends.

    Raises ValueError where it cannot be read.
    """
    try:
        changes = tuple(map(_change_from_object, result["changes"]))
        return int(result["after_revision"]), WatchedChanges(revision, changes), bool(result["ends"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a part of a watch: {error!r}") from error


def change_to_text(change: WatchedChange) -> str:
    """Write one change as it stands in a reply over MQTT."""
    if change.document is None:
        return f'{{"{_DELETED[change.kind]}":{dump_json(change.document_id)}}}'
    return f'{{"{change.kind.value}":{present_document(change.document)}}}'


def _change_from_object(fields: Mapping[str, Any]) -> WatchedChange:
    for kind, deleted in _DELETED.items():
        if deleted in fields:
            return WatchedChange(kind, str(fields[deleted]), None)
        if kind.value in fields:
            document = read_shown_document(kind, fields[kind.value])
            return WatchedChange(kind, getattr(document, f"{kind}_id"), document)
    raise ValueError("a change that does not say what became of which document")


def _kinds_or_refused(names: Sequence[str]) -> tuple[Kind, ...] | Refused:
    if not names:
        return invalid("kinds", Problem.MISSING)
    if len(names) > len(_NAMES):
        return invalid("kinds", Problem.TOO_MANY, limit=len(_NAMES), length=len(names))
    for index, name in enumerate(names):
        if name not in _NAMES:
            return invalid(f"kinds[{index}]", Problem.UNKNOWN_VALUE, value=name[:_VALUE_LENGTH_SHOWN])
    if len(set(names)) < len(names):
        return invalid("kinds", Problem.DUPLICATE)
    return tuple(_NAMES[name] for name in names)


def _change_to_message(change: WatchedChange) -> ChangeMessage:
    what: dict[str, Any]
    if change.document is None:
        what = {_DELETED[change.kind]: change.document_id}
    else:
        what = {change.kind.value: DOCUMENT_CODECS[change.kind].write(change.document)}
    return ChangeMessage(**what)


def _change_from_message(message: Any) -> WatchedChange:
    what = message.WhichOneof("what")
    for kind, deleted in _DELETED.items():
        if what == deleted:
            return WatchedChange(kind, getattr(message, deleted), None)
        if what == kind.value:
            document = DOCUMENT_CODECS[kind].read(getattr(message, what))
            if isinstance(document, Refused):
                raise ValueError(f"a {kind} that cannot be read: {document}")
            return WatchedChange(kind, getattr(document, f"{kind}_id"), document)
    raise ValueError("a change that does not say what became of which document")


def newest_of_each(changes: Iterable[WatchedChange]) -> tuple[WatchedChange, ...]:
    """Leave of several changes of a document only the last one, where it stands."""
    last: dict[tuple[Kind, str], WatchedChange] = {}
    for change in changes:
        key = (change.kind, change.document_id)
        last.pop(key, None)
        last[key] = change
    return tuple(last.values())
