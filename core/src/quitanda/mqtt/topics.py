"""MQTT: the names of the topics, and the payload of the change feed.

    quitanda/v1/customers/{customer_id}/requests/{operation}   a client asks; QoS 1
    quitanda/v1/customers/{customer_id}/replies/{reply_to}     a portal answers
    quitanda/v1/feed                                           the leader tells what changed

The feed's messages are numbered by the log: `revision` is the index of the entry that made the changes,
`previous_revision` that of the last entry with changes before it. A subscriber that has seen everything
up to p is contiguous with a message iff p >= previous_revision; a message of a lower term, or with a
revision <= p, is old. A heartbeat has no changes: its revision is that of the last applied entry, and its
previous revision that of the last entry that had changes. Messages travel sealed (`feed_key`).
"""

from dataclasses import dataclass
from typing import Any, Final

from quitanda.codec.documents import id_of, read_document, stored_text
from quitanda.codec.json_text import dump_json, parse_json
from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.model import Document, Kind
from quitanda.domain.outcomes import Refused
from quitanda.domain.validation import check_id

PREFIX: Final = "quitanda/v1"
FEED_TOPIC: Final = f"{PREFIX}/feed"

REQUESTS_FILTER: Final = f"{PREFIX}/customers/+/requests/+"
"""Every request of every customer."""

SHARED_REQUESTS_FILTER: Final = f"$share/client-portals/{REQUESTS_FILTER}"
"""The same, each request given to one of the portals that share the subscription."""

_FEED_DEPTH_MAX: Final = JSON_DEPTH_MAX + 4

FEED_NUMBER_MAX: Final = 2**63 - 1
"""The largest term, revision and version; a log that takes a million entries a second gets there in 290,000 years."""


def request_topic(customer_id: str, operation: str) -> str:
    """Name the topic on which a customer asks for an operation, such as `create_order`."""
    return f"{PREFIX}/customers/{customer_id}/requests/{operation}"


def parse_request_topic(topic: str) -> tuple[str, str] | None:
    """Give the customer's id and the operation that a request's topic names; None for any other topic."""
    match topic.removeprefix(f"{PREFIX}/").split("/"):
        case ["customers", customer_id, "requests", operation] if topic.startswith(f"{PREFIX}/"):
            return (customer_id, operation) if customer_id and operation else None
        case _:
            return None


def reply_topic(customer_id: str, reply_to: str) -> str:
    """Name the topic on which a client session (`reply_to`) of a customer gets its answers."""
    return f"{PREFIX}/customers/{customer_id}/replies/{reply_to}"


def reply_session(customer_id: str, topic: str) -> str | None:
    """Give the client session whose replies of this customer a topic is for; None for any other topic."""
    prefix = reply_topic(customer_id, "")
    session = topic.removeprefix(prefix)
    return session if topic.startswith(prefix) and not check_id("reply_to", session) else None


@dataclass(frozen=True, slots=True)
class FeedChange:
    """A document as an entry left it; `document` is None (and `version` 0) where it was deleted."""

    kind: Kind
    document_id: str
    version: int
    document: Document | None

    @classmethod
    def put(cls, kind: Kind, document: Document) -> "FeedChange":
        """Say that a document is new or changed."""
        return cls(kind, id_of(document), document.version, document)

    @classmethod
    def delete(cls, kind: Kind, document_id: str) -> "FeedChange":
        """Say that a document is gone."""
        return cls(kind, document_id, 0, None)


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """What one log entry changed, or a heartbeat (`changes` is empty).

    `changes` is None where they are too large to publish: a subscriber then treats it as a gap.
    """

    term: int
    revision: int
    previous_revision: int
    changes: tuple[FeedChange, ...] | None


def encode_feed(message: FeedMessage) -> bytes:
    """Write a message of the feed, to be sealed."""
    changes = "null" if message.changes is None else f"[{','.join(map(_change_text, message.changes))}]"
    return (
        f'{{"term":{message.term},"revision":{message.revision},'
        f'"previous_revision":{message.previous_revision},"changes":{changes}}}'
    ).encode()


def decode_feed(payload: bytes) -> FeedMessage:
    """Read a message of the feed that was opened; ValueError where it is none, or has numbers that cannot be."""
    parsed = parse_json(payload.decode(), "feed", depth_max=_FEED_DEPTH_MAX)
    if isinstance(parsed, Refused):
        raise ValueError(f"not a message of the feed: {dict(parsed.details)}")  # noqa: TRY004 - the text is wrong, not a type
    try:
        fields = parsed.value
        changes = fields["changes"]
        message = FeedMessage(
            _number(fields["term"]),
            _number(fields["revision"]),
            _number(fields["previous_revision"]),
            None if changes is None else tuple(_read_change(change) for change in changes),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a message of the feed: {error!r}") from error
    if message.previous_revision > message.revision:
        raise ValueError("not a message of the feed: its previous revision is above its revision")
    return message


def _change_text(change: FeedChange) -> str:
    document = "null" if change.document is None else stored_text(change.document)
    return (
        f'{{"kind":"{change.kind.value}","id":{dump_json(change.document_id)},'
        f'"version":{change.version},"document":{document}}}'
    )


def _read_change(fields: Any) -> FeedChange:
    kind = Kind(fields["kind"])
    document = None if fields["document"] is None else read_document(kind, fields["document"])
    change = FeedChange(kind, fields["id"], _number(fields["version"]), document)
    if not isinstance(change.document_id, str) or (document is not None and not _agrees(change, document)):
        raise ValueError("a change whose id or version is not its document's")
    return change


def _agrees(change: FeedChange, document: Document) -> bool:
    return change.document_id == id_of(document) and change.version == document.version


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= FEED_NUMBER_MAX:
        raise TypeError(f"a whole number from 0 to {FEED_NUMBER_MAX} expected")
    return value
