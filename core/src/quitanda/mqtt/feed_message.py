"""The messages of the change feed: what one entry of the log changed, as JSON.

The log numbers the messages: `revision` is the index of the entry that made the changes, and `previous_revision` that
of the last entry with changes before it. A subscriber that has seen everything up to p has missed nothing before a
message iff p >= previous_revision. A message of a lower term, or with a revision <= p, is old. A heartbeat has no
changes: its revision is that of the last applied entry, and its previous revision that of the last entry with changes.
Messages travel with a MAC (`feed_key`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from quitanda.codec.documents import id_of, kind_of, read_document, stored_text
from quitanda.codec.json_text import dump_json, load_canonical_json
from quitanda.domain.compiled import fast_init
from quitanda.domain.model import Document, Kind

FEED_NUMBER_MAX: Final = 2**63 - 1
"""The largest term, revision and version; a log that takes a million entries a second gets there in 290,000 years."""


WITHHELD_KINDS: Final = (Kind.CREDENTIAL,)
"""Kinds of documents of which the feed says that they changed, and nothing else."""

_KINDS: Final[Mapping[str, Kind]] = {kind.value: kind for kind in Kind}


@fast_init
@dataclass(frozen=True, slots=True)
class FeedChange:
    """A document as an entry left it; `document` is None (and `version` 0) where it was deleted.

    What became of a credential is not told, since everybody who reads the feed would have it: `document` is None, and
    `version` says that there is one.
    """

    kind: Kind
    document_id: str
    version: int
    document: Document | None
    stored: bytes | None = field(default=None, compare=False, repr=False)
    """The document's stored JSON where the writer has it already: then it is not written again."""

    @classmethod
    def put(cls, document: Document, stored: bytes | None = None) -> Self:
        """Describe a document that is new or changed."""
        kind = kind_of(document)
        if kind in WITHHELD_KINDS:
            return cls(kind, id_of(document), document.version, None)
        return cls(kind, id_of(document), document.version, document, stored)

    @classmethod
    def delete(cls, kind: Kind, document_id: str) -> Self:
        """Describe a document that was deleted."""
        return cls(kind, document_id, 0, None)

    @property
    def is_withheld(self) -> bool:
        """Whether the document was changed, and nobody is told to what."""
        return self.document is None and self.version > 0


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """What one log entry changed; a heartbeat where `changes` is empty.

    `changes` is None where they are too large to publish: a subscriber then treats it as a gap.
    """

    term: int
    revision: int
    previous_revision: int
    changes: tuple[FeedChange, ...] | None
    traceparents: tuple[str, ...] = ()
    """The traces whose commands made the changes (W3C Trace Context); only while the leader traces."""


def encode_feed(message: FeedMessage) -> bytes:
    """Write a message; `FeedKey.seal` then adds the MAC."""
    changes = "null" if message.changes is None else f"[{','.join(map(_change_text, message.changes))}]"
    traced = f',"traceparents":{dump_json(message.traceparents)}' if message.traceparents else ""
    return (
        f'{{"term":{message.term},"revision":{message.revision},'
        f'"previous_revision":{message.previous_revision},"changes":{changes}{traced}}}'
    ).encode()


def _all(kind: Kind, document_id: str) -> bool:  # noqa: ARG001 - see `decode_feed`
    return True


def decode_feed(payload: bytes, is_wanted: Callable[[Kind, str], bool] = _all) -> FeedMessage:
    """Read a message whose MAC was verified and taken off; ValueError where it is none, or its numbers cannot be.

    Its writer holds the feed's key, so the text is taken to be canonical, as a replica's answer is. Changes of
    documents that are not wanted are left out; of them only kind, id and version are read. So a wanted document that
    cannot be read makes the whole message malformed, while one that is not wanted need only be JSON.
    """
    fields = load_canonical_json(payload.decode())
    try:
        changes = fields["changes"]
        message = FeedMessage(
            _number(fields["term"]),
            _number(fields["revision"]),
            _number(fields["previous_revision"]),
            None if changes is None else tuple(_read_changes(changes, is_wanted)),
            tuple(map(str, fields.get("traceparents") or ())),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a message of the feed: {error!r}") from error
    if message.previous_revision > message.revision:
        raise ValueError("not a message of the feed: its previous revision is above its revision")
    return message


def _change_text(change: FeedChange) -> str:
    if change.document is None:
        document = "null"
    elif change.stored is None:
        document = stored_text(change.document)
    else:
        document = change.stored.decode()
    return (
        f'{{"kind":"{change.kind.value}","id":{dump_json(change.document_id)},'
        f'"version":{change.version},"document":{document}}}'
    )


def _read_changes(changes: Any, is_wanted: Callable[[Kind, str], bool]) -> Iterator[FeedChange]:
    for fields in changes:
        kind, document_id, version = _KINDS[fields["kind"]], fields["id"], _number(fields["version"])
        if not isinstance(document_id, str):
            raise TypeError("a change whose id is no text")
        if not is_wanted(kind, document_id):
            continue
        document = None if fields["document"] is None else read_document(kind, fields["document"])
        change = FeedChange(kind, document_id, version, document)
        if document is not None and not _agrees(change, document):
            raise ValueError("a change whose id or version is not its document's")
        yield change


def _agrees(change: FeedChange, document: Document) -> bool:
    return change.document_id == id_of(document) and change.version == document.version


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= FEED_NUMBER_MAX:
        raise TypeError(f"a whole number from 0 to {FEED_NUMBER_MAX} expected")
    return value
