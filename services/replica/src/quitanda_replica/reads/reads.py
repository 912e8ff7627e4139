"""Linearizable reads: one proof of leadership, one snapshot, many answers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol, TypeAlias

from quitanda.codec.document_filters import DocumentFilter, check_filter
from quitanda.codec.documents import document_digest
from quitanda.codec.protobuf import FILTER_CODEC, FOUND_KINDS, kind_from_proto, refused_to_proto
from quitanda.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from quitanda.domain.model import Kind, OrderState
from quitanda.domain.outcomes import Problem, Reason, Refused, invalid, refused
from quitanda.errors import NotLeader, Overloaded
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.reads import page_tokens
from quitanda_replica.reads.document_history import last_change, read_history
from quitanda_replica.reads.found_documents import SearchMemory, find_page
from quitanda_replica.reads.found_orders import read_found_orders
from quitanda_replica.reads.page_tokens import PageTokens
from quitanda_replica.reads.pages import PageOfDocuments, read_page
from quitanda_replica.reads.snapshots import OpenSnapshots, RefCountedSnapshot, StateSnapshot
from quitanda_replica.reads.webhook_events import read_events, read_webhooks
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateReader
from quitanda_replica.state.stored_documents import json_of, order_value, version_of

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
"""Documents in one answer; a call that would need more is refused as OVERLOADED: ask for less at once."""

FILTER_DIGEST_BYTES: Final = 16

_LISTED: Final = {
    pb.ListItem.KIND_CUSTOMERS: Kind.CUSTOMER,
    pb.ListItem.KIND_PRODUCTS: Kind.PRODUCT,
    pb.ListItem.KIND_ORDERS: Kind.ORDER,
    pb.ListItem.KIND_CREDENTIALS: Kind.CREDENTIAL,
    pb.ListItem.KIND_FOUND_ORDERS: Kind.ORDER,
    **{number: kind for kind, number in FOUND_KINDS.items()},
}

_FOUND: Final = frozenset(FOUND_KINDS.values())
_HISTORY: Final = pb.ListItem.KIND_HISTORY

_ORDER_FIELDS: Final = ("states", "product_id", "created_from_ms", "created_before_ms", "newest_first")
_LIST_FIELDS: Final = ("kind", "customer_id", "document_kind", "document_id", *_ORDER_FIELDS)
"""What says which list it is, in the question and in the page token."""


class Snapshots(Protocol):
    """Who can freeze the committed data."""

    def snapshot(self) -> StateSnapshot:
        """Freeze the committed data of this moment."""


@dataclass(frozen=True, slots=True)
class _Get:
    kind: Kind
    document_id: str
    known: tuple[int, bytes] | None
    """Version and digest of what the caller holds (0 and empty: nothing); None where it holds, or tells, less."""
    include_closed: bool
    """Of an order: also where it is closed."""


@dataclass(frozen=True, slots=True)
class _FirstPage:
    item: pb.ListItem
    kind: Kind
    """Of a list of changes, that of the document."""
    size: int
    filter: DocumentFilter | None
    """Of a search."""


@dataclass(frozen=True, slots=True)
class _NextPage:
    item: pb.ListItem
    kind: Kind
    size: int
    filter: DocumentFilter | None
    token: pb.PageToken


_AboutNow: TypeAlias = _Get | _FirstPage | pb.WebhooksItem | pb.EventsItem
_Question: TypeAlias = _AboutNow | _NextPage | Refused


class Reads:
    """Answers `Replica.Read`. Any thread may call it."""

    def __init__(
        self,
        name: str,
        replicas: Sequence[str],
        snapshots: Snapshots,
        applied_index: Callable[[StateReader], int],
        raft: RaftNode,
        kept: OpenSnapshots,
        tokens: PageTokens,
    ) -> None:
        self._name = name
        self._replicas = frozenset(replicas)
        self._snapshots = snapshots
        self._applied_index = applied_index
        self._raft = raft
        self._kept = kept
        self._tokens = tokens
        self._searched = SearchMemory()

    def read(self, request: pb.ReadRequest, timeout: float) -> pb.ReadResponse:
        """Answer all questions at one snapshot, which holds every write acknowledged before this call.

        Next pages are answered from their list's own snapshot; a call with nothing else proves nothing,
        needs no leadership, and has the (oldest) page's revision. Raises NotLeader, Unavailable, Overloaded.
        """
        questions = [self._understand(item) for item in request.reads]
        if questions and not any(isinstance(question, _AboutNow) for question in questions):
            results = [self._answer_aside(question) for question in questions]
            return _response(results, min((r.page.revision for r in results if r.HasField("page")), default=0))
        self._raft.read_point(timeout)
        term = self._raft.status().term
        with self._now() as now:
            return _response((self._answer(question, now) for question in questions), now.revision, term)

    def _now(self) -> RefCountedSnapshot:
        state = self._snapshots.snapshot()
        return RefCountedSnapshot(state, self._applied_index(state))

    def _answer(self, question: _Question, now: RefCountedSnapshot) -> pb.ReadResult:
        match question:
            case _Get():
                return _get(now.state, question)
            case _FirstPage():
                return self._first_page(now, question)
            case pb.WebhooksItem():
                return pb.ReadResult(webhooks=read_webhooks(now.state))
            case pb.EventsItem():
                return pb.ReadResult(events=read_events(now.state, question))
            case _:
                return self._answer_aside(question)

    def _answer_aside(self, question: _Question) -> pb.ReadResult:
        """Answer what has nothing to do with the present state."""
        match question:
            case _NextPage():
                return self._next_page(question)
            case Refused():
                return _refused(question)
            case _:
                raise TypeError(f"not to be answered aside: {question!r}")

    def _first_page(self, now: RefCountedSnapshot, question: _FirstPage) -> pb.ReadResult:
        if question.item.kind == _HISTORY:
            newest = last_change(now.state, question.kind, question.item.document_id)
            history = read_history(now.state, question.kind, question.item.document_id, newest, question.size)
            return self._first(now, question.item, history.entries, _text(history.next_number))
        customer_id, of_customer = question.item.customer_id, question.item.kind == pb.ListItem.KIND_ORDERS
        if of_customer and now.state.get(keys.document(Kind.CUSTOMER, customer_id)) is None:
            return _refused(refused(Reason.CUSTOMER_NOT_FOUND, "customer_id", customer_id=customer_id))
        page = self._read_page(now.state, question, None)
        return self._first(now, question.item, page.documents, page.next_after)

    def _read_page(
        self, state: StateSnapshot, question: _FirstPage | _NextPage, after_id: str | None
    ) -> PageOfDocuments:
        """Read a page of documents, those that come after the one with this id."""
        if question.filter is not None:
            return find_page(state, self._searched, question.kind, question.filter, after_id, question.size)
        return _documents(state, question, after_id)

    def _first(
        self, now: RefCountedSnapshot, item: pb.ListItem, documents: list[bytes], next_after: str | None
    ) -> pb.ReadResult:
        snapshot_id = 0 if next_after is None else self._kept.keep(now)
        return self._page(documents, next_after, item, snapshot_id, now.revision)

    def _next_page(self, question: _NextPage) -> pb.ReadResult:
        token = question.token
        shared = self._kept.borrow(token.snapshot_id)
        if shared is None:
            return _refused(refused(Reason.PAGE_TOKEN_EXPIRED, page_tokens.FIELD))
        with shared:
            documents, next_after = self._further(shared.state, question)
        return self._page(documents, next_after, question.item, token.snapshot_id, token.revision)

    def _page(
        self, documents: list[bytes], next_after: str | None, item: pb.ListItem, snapshot_id: int, revision: int
    ) -> pb.ReadResult:
        next_page_token = ""
        if next_after is not None:
            listed = {name: getattr(item, name) for name in _LIST_FIELDS}
            token = pb.PageToken(
                replica=self._name,
                snapshot_id=snapshot_id,
                revision=revision,
                after_id=next_after,
                filter_digest=_filter_digest(item),
                **listed,
            )
            next_page_token = self._tokens.write(token)
        return pb.ReadResult(page=pb.Page(documents=documents, next_page_token=next_page_token, revision=revision))

    def _further(self, state: StateSnapshot, question: _NextPage) -> tuple[list[bytes], str | None]:
        """Read a page that is not a list's first one: what it has, and where the list goes on."""
        token = question.token
        if token.kind == _HISTORY:
            history = read_history(state, question.kind, token.document_id, int(token.after_id), question.size)
            return history.entries, _text(history.next_number)
        page = self._read_page(state, question, token.after_id)
        return page.documents, page.next_after

    def _understand(self, item: pb.ReadItem) -> _Question:
        match item.WhichOneof("read"):
            case "get":
                return _understood_get(item.get)
            case "list":
                return self._understood_list(item.list)
            case "webhooks":
                return item.webhooks
            case "events":
                return _check_size(item.events.limit) or item.events
            case _:
                return invalid("reads", Problem.MALFORMED)

    def _understood_list(self, item: pb.ListItem) -> _Question:
        kind = kind_from_proto(item.document_kind) if item.kind == _HISTORY else _LISTED.get(item.kind)
        if kind is None:
            return invalid("kind", Problem.UNKNOWN_VALUE)
        wanted = FILTER_CODEC.read(item.filter) if item.kind in _FOUND else None
        wrong = _check_size(item.page_size) or _check_states(item.states) or (wanted and check_filter(wanted))
        if wrong:
            return wrong
        size = item.page_size or PAGE_SIZE_DEFAULT
        if not item.page_token:
            return _FirstPage(item, kind, size, wanted)
        token = self._tokens.read(item.page_token)
        if isinstance(token, Refused):
            return token
        return self._check(token, item) or _NextPage(item, kind, size, wanted, token)

    def _check(self, token: pb.PageToken, item: pb.ListItem) -> Refused | None:
        if any(getattr(token, name) != getattr(item, name) for name in _LIST_FIELDS):
            return invalid(page_tokens.FIELD, Problem.UNKNOWN_VALUE)
        if token.filter_digest != _filter_digest(item):
            return invalid(page_tokens.FIELD, Problem.UNKNOWN_VALUE)
        if token.replica == self._name:
            return None
        if token.replica in self._replicas:
            raise NotLeader(token.replica)
        return refused(Reason.PAGE_TOKEN_EXPIRED, page_tokens.FIELD)


def _filter_digest(item: pb.ListItem) -> bytes:
    """Digest the filter of a search, whose words may be longer than a page token; empty for other lists."""
    if item.kind not in _FOUND:
        return b""
    return blake2b(item.filter.SerializeToString(deterministic=True), digest_size=FILTER_DIGEST_BYTES).digest()


def _documents(state: StateSnapshot, question: _FirstPage | _NextPage, after_id: str | None) -> PageOfDocuments:
    """Read a page of documents; None: the first one."""
    item = question.item
    if item.kind == pb.ListItem.KIND_FOUND_ORDERS or (question.kind is Kind.ORDER and item.states):
        return read_found_orders(state, item, after_id, question.size)
    return read_page(state, question.kind, item.customer_id, after_id, question.size)


def _check_size(page_size: int) -> Refused | None:
    if page_size < 0:
        return invalid("page_size", Problem.NEGATIVE, limit=PAGE_SIZE_MAX)
    return invalid("page_size", Problem.TOO_LARGE, limit=PAGE_SIZE_MAX) if page_size > PAGE_SIZE_MAX else None


def _check_states(states: Sequence[str]) -> Refused | None:
    """Refuse what no portal sends, before it becomes part of a page token."""
    known = set(OrderState)
    if len(states) > len(known):
        return invalid("states", Problem.TOO_MANY, limit=len(known))
    return None if known.issuperset(states) else invalid("states", Problem.UNKNOWN_VALUE)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _response(results: Iterable[pb.ReadResult], revision: int, term: int = 0) -> pb.ReadResponse:
    response = pb.ReadResponse(revision=revision, term=term)
    size = 0
    for result in results:
        size += result.ByteSize()
        if size > ANSWER_BYTES_MAX:
            raise Overloaded(f"the answer would be larger than {ANSWER_BYTES_MAX} bytes")
        response.results.append(result)
    return response


def _understood_get(item: pb.GetItem) -> _Question:
    kind = kind_from_proto(item.kind)
    if kind not in keys.DOCUMENTS:
        return invalid("kind", Problem.UNKNOWN_VALUE)
    tells = item.HasField("known_version") and item.HasField("known_digest")
    known = (item.known_version, item.known_digest) if tells else None
    return _Get(kind, item.id, known, include_closed=item.include_closed and kind is Kind.ORDER)


def _get(state: StateReader, question: _Get) -> pb.ReadResult:
    if question.include_closed:  # an order
        value = order_value(state, question.document_id)
    else:
        value = state.get(keys.document(question.kind, question.document_id))
    if question.known is not None and _is_still(value, *question.known):
        return pb.ReadResult(unchanged=pb.Unchanged())
    if value is None:
        return pb.ReadResult(absent=pb.Absent())
    return pb.ReadResult(document=json_of(value))


def _is_still(value: bytes | None, version: int, digest: bytes) -> bool:
    """Whether a stored value (None: absent) is the document of this version and digest."""
    if value is None:
        return version == 0 and digest == b""
    return version_of(value) == version and document_digest(json_of(value)) == digest


def _refused(refusal: Refused) -> pb.ReadResult:
    return pb.ReadResult(refused=refused_to_proto(refusal))
