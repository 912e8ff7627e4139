"""What a portal asks the replicas, and what comes back, as immutable values."""

from dataclasses import dataclass
from typing import TypeAlias

from quitanda.codec.change_records import HistoryEntry
from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.queries import FindOrders
from quitanda.domain.model import Document, Kind
from quitanda.domain.outcomes import Outcome, Refused
from quitanda.domain.webhook_model import SenderLease, Webhook


@dataclass(frozen=True, slots=True)
class Executed:
    """What became of a request; `revision` is the log index at which it was decided.

    A repeated request gets the first one's outcome and revision. `revision` is 0 where the request was
    refused before it reached the log.
    """

    outcome: Outcome
    revision: int


@dataclass(frozen=True, slots=True)
class Get:
    """Read one document.

    `known_version` says "I hold this version" (0: "I hold that it is absent") and `known_digest` what it looks like
    (`wire.documents.document_digest`; empty for absence). They are answered with `Unchanged` where both still are
    those of the document; None asks for whatever there is. `include_closed`: of an order, also where it is closed.
    """

    kind: Kind
    document_id: str
    known_version: int | None = None
    known_digest: bytes | None = None
    include_closed: bool = False


@dataclass(frozen=True, slots=True)
class List:
    """Read one page of documents, ascending by id; orders and credentials are those of `customer_id`.

    It is empty for staff's credentials, and for other kinds of documents. `states` says which orders are listed, by
    values of OrderState; empty: the live ones. A page by states may be shorter than asked for.

    `page_token` is empty for the first page, then what the last `Page` gave.
    """

    kind: Kind
    customer_id: str
    page_size: int
    page_token: str = ""
    states: tuple[str, ...] = ()
    filter: DocumentFilter | None = None
    """Of customers or products, which of them; None: all."""


@dataclass(frozen=True, slots=True)
class ListHistory:
    """Read one page of the changes of a document, the newest first; `page_token` as in `List`."""

    kind: Kind
    document_id: str
    page_size: int
    page_token: str = ""


@dataclass(frozen=True, slots=True)
class ReadWebhooks:
    """Read all webhooks, with their secrets, and which portal sends."""


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Read what happened after the change `after_number`: about `limit` of the events named, in their order."""

    after_number: int
    events: str
    limit: int


ReadItem: TypeAlias = Get | List | ListHistory | FindOrders | ReadWebhooks | ReadEvents


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The document that the `Get` named, by version and digest, is still the current one."""


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such document."""


@dataclass(frozen=True, slots=True)
class Found:
    """The document as it is."""

    document: Document


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents of a list; `next_page_token` is empty after the last page.

    `revision` is the log index of the snapshot that the whole list shows: the first page's.
    """

    documents: tuple[Document, ...]
    next_page_token: str
    revision: int


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some changes of a document; token and revision as in `Page`."""

    entries: tuple[HistoryEntry, ...]
    next_page_token: str
    revision: int


@dataclass(frozen=True, slots=True)
class WebhooksRead:
    """All webhooks by id, and which portal sends."""

    webhooks: tuple[Webhook, ...]
    lease: SenderLease


@dataclass(frozen=True, slots=True)
class DocumentEvent:
    """An event: the change `number` of a document, at the log index `revision`; `at_ms` as in a HistoryEntry."""

    event: str
    document_id: str
    number: int
    revision: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class EventsPage:
    """All events up to the change `up_to`; the history had forgotten `missed` of the changes asked about."""

    events: tuple[DocumentEvent, ...]
    up_to: int
    missed: int


Result: TypeAlias = Unchanged | Absent | Found | Page | HistoryPage | WebhooksRead | EventsPage | Refused


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """Results in the order of the questions, all at the snapshot `revision` (a log index).

    `term` is that of the leader that answered; 0 where the answer did not need one, or does not tell.
    """

    revision: int
    results: tuple[Result, ...]
    term: int = 0
