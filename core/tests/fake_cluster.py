"""A cluster in memory behind the interface of `quitanda.cluster_client.ClusterClient`, for tests of portals.

The rules themselves are its oracle: it decides with the real state machine, one request at a time, and
gives each decided request the next revision. It can be told to fail, to answer late, and to lose lists. Webhooks are
told of `events`, and the history has forgotten the changes before `history_first`.

With `demands_principals` it is one whose processes have identities: a portal's request that names nobody is refused.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace

from quitanda.cache import Key, ReadResult
from quitanda.cache.feed_cursor import FeedCursor
from quitanda.cache.recent_changes import RecentChanges
from quitanda.cluster_client import (
    Absent,
    DocumentEvent,
    EventsPage,
    Executed,
    Found,
    Get,
    HistoryPage,
    List,
    ListHistory,
    Page,
    ReadAnswer,
    ReadEvents,
    ReadWebhooks,
    Unchanged,
    WebhooksRead,
)
from quitanda.cluster_client.values import ReadItem, Result
from quitanda.codec.change_records import HistoryEntry, encode_records, find_entry
from quitanda.codec.document_filters import DocumentFilter, passes, searched_fields
from quitanda.codec.documents import document_digest, encode_document
from quitanda.codec.queries import FindOrders
from quitanda.domain import machine
from quitanda.domain.commands import Command, PortalCommand, Request
from quitanda.domain.document_history import HISTORY_LEVEL, recorded
from quitanda.domain.model import Document, Kind
from quitanda.domain.outcomes import AuthenticationProblem, Done, Problem, Reason, invalid, refused
from quitanda.domain.state import Execution
from quitanda.errors import OutcomeUnknown, Rejected
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, encode_feed
from quitanda.v1 import admin_portal_pb2
from quitanda_testing.found_orders import found_orders
from quitanda_testing.in_memory_state import InMemoryState


class FakeCluster:
    """`requests` and `reads` keep what was asked, in order; `revision` is the last one given."""

    def __init__(self, *, demands_principals: bool = False) -> None:
        self.demands_principals = demands_principals
        self.state = InMemoryState()
        self.revision = 0
        self.requests: list[Request] = []
        self.reads: list[tuple[ReadItem, ...]] = []
        self.timeouts: list[float] = []
        self.leader_reached = True
        self.closed = False
        self.events: list[DocumentEvent] = []
        self.history: dict[tuple[Kind, str], list[HistoryEntry]] = {}
        self.history_first = 1
        self.administration = FakeAdministration(self)
        self._failures: list[Exception] = []
        self._meanwhile: list[Callable[[], None]] = []
        self._lists: dict[str, tuple[List | FindOrders, list[Document], int]] = {}
        self._keeps_lists = True
        self._loses_answer = False
        self._list_numbers = itertools.count(1)
        self._request_numbers = itertools.count(1)
        self._open = asyncio.Event()
        self._open.set()
        self.waiting = 0

    # What a test says to it

    def does(self, command: Command, scope: str = "") -> Document | None:
        """Execute a command that must succeed, as somebody else would have done before the test."""
        request = Request(scope, f"earlier-{next(self._request_numbers)}", command)
        outcome = self._execute(request).outcome
        assert isinstance(outcome, Done), outcome
        return outcome.document

    def fail_next(self, error: Exception) -> None:
        """Raise this for the next call that has not been given another error."""
        self._failures.append(error)

    def before_next_execution(self, happens: Callable[[], None]) -> None:
        """Let something happen before the next request of the portal that nothing else happens before."""
        self._meanwhile.append(happens)

    def lose_next_answer(self) -> None:
        """Execute the next request, but let nobody hear what became of it."""
        self._loses_answer = True

    def hold(self) -> None:
        """Answer nothing until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Answer what was held, and everything from now on."""
        self._open.set()

    def forget_lists(self) -> None:
        """Lose the snapshots of all lists, as a restarted replica does."""
        self._lists = dict.fromkeys(self._lists, (List(Kind.PRODUCT, "", 0), [], 0))

    def keep_no_lists(self) -> None:
        """Lose the snapshot of every list as soon as its first page is read."""
        self._keeps_lists = False

    # What a portal asks of it

    async def execute(self, request: Request, timeout: float) -> Executed:
        self.requests.append(request)
        await self.turn(timeout)
        if self.demands_principals and request.principal is None and not isinstance(request.command, PortalCommand):
            raise Rejected(refused(Reason.UNAUTHENTICATED, "principal", problem=AuthenticationProblem.MISSING.value))
        if self._meanwhile:
            self._meanwhile.pop(0)()
        executed = self._execute(request)
        if self._loses_answer:
            self._loses_answer = False
            raise OutcomeUnknown("the answer was lost")
        return executed

    async def read(self, reads: Sequence[ReadItem], timeout: float) -> ReadAnswer:
        self.reads.append(tuple(reads))
        await self.turn(timeout)
        return ReadAnswer(self.revision, tuple(self._read(item) for item in reads))

    async def ready(self) -> bool:
        return self.leader_reached

    async def close(self) -> None:
        self.closed = True

    async def turn(self, timeout: float) -> None:
        """Wait until the test lets it go on, and fail if the test says so."""
        self.timeouts.append(timeout)
        self.waiting += 1
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1
        if self._failures:
            raise self._failures.pop(0)

    def _execute(self, request: Request) -> Executed:
        self.revision += 1
        execution = machine.execute(self.state, request, self.revision)
        self._record(request, execution)
        self.state.apply(request, execution)
        return Executed(execution.outcome, execution.revision)

    def _record(self, request: Request, execution: Execution) -> None:
        """Keep what a request changes in the history, as replicas do."""
        if self.state.level < HISTORY_LEVEL:
            return
        record = recorded(self.state, request, execution.changes, lambda _kind, _id: 0, execution.webhooks)
        if record.changes:
            value = encode_records(self.revision, [record])
            for change in record.changes:
                entry, kind, document_id, _ = find_entry(value, change.number)
                self.history.setdefault((kind, document_id), []).insert(0, entry)

    def _read(self, item: ReadItem) -> Result:
        if isinstance(item, ListHistory):
            begin = int(item.page_token or 0)
            end = begin + item.page_size
            entries = self.history.get((item.kind, item.document_id), [])
            return HistoryPage(tuple(entries[begin:end]), str(end) if entries[end:] else "", self.revision)
        if isinstance(item, FindOrders):
            return self._found(item)
        if isinstance(item, ReadWebhooks):
            ids = self.state.webhook_ids(100)
            return WebhooksRead(tuple(filter(None, map(self.state.webhook, ids))), self.state.sender_lease())
        if isinstance(item, ReadEvents):
            return self._events(item)
        return self._get(item) if isinstance(item, Get) else self._page(item)

    def _events(self, item: ReadEvents) -> EventsPage:
        after = max(item.after_number, self.history_first - 1)
        told = [each for each in self.events if each.number > after and each.event in item.events]
        up_to = max([after, *(each.number for each in self.events)])
        shown = tuple(told[: item.limit])
        return EventsPage(shown, shown[-1].number if told[item.limit :] else up_to, after - item.after_number)

    def _get(self, item: Get) -> Result:
        find = {
            Kind.CUSTOMER: self.state.customer,
            Kind.PRODUCT: self.state.product,
            Kind.ORDER: self.state.order,
            Kind.CREDENTIAL: self.state.credential,
        }
        document = find[item.kind](item.document_id)
        if document is None and item.include_closed:
            document = self.state.closed_order(item.document_id)
        held = (document.version, document_digest(encode_document(document))) if document else (0, b"")
        if (item.known_version, item.known_digest) == held:
            return Unchanged()
        return Found(document) if document else Absent()

    def _page(self, item: List) -> Result:
        if not item.page_token:
            return self._cut(item, self._listed(item), self.revision)
        if item.page_token not in self._lists:
            return invalid("page_token", Problem.MALFORMED)
        first, rest, revision = self._lists[item.page_token]
        if not rest:
            return refused(Reason.PAGE_TOKEN_EXPIRED, "page_token")
        asked, begun = ((each.kind, each.customer_id, each.states, each.filter) for each in (item, first))
        if asked != begun:
            return invalid("page_token", Problem.MALFORMED)
        return self._cut(item, rest, revision)

    def _found(self, item: FindOrders) -> Result:
        if not item.page_token:
            every = (*self.state.orders(), *self.state.closed_orders())
            return self._cut(item, [*found_orders(every, item)], self.revision)
        first, rest, revision = self._lists[item.page_token]
        if replace(first, page_size=0, page_token="") != replace(item, page_size=0, page_token=""):
            return invalid("page_token", Problem.UNKNOWN_VALUE)
        return self._cut(item, rest, revision)

    def _cut(self, item: List | FindOrders, documents: list[Document], revision: int) -> Page:
        page, rest = documents[: item.page_size], documents[item.page_size :]
        token = f"list-{next(self._list_numbers)}" if rest else ""
        if rest:
            self._lists[token] = (item, rest if self._keeps_lists else [], revision)
        return Page(tuple(page), token, revision)

    def _listed(self, item: List) -> list[Document]:
        is_wanted = passes(item.filter or DocumentFilter())
        match item.kind:
            case Kind.CUSTOMER:
                return [each for each in self.state.customers() if is_wanted(searched_fields(each))]
            case Kind.PRODUCT:
                return [each for each in self.state.products() if is_wanted(searched_fields(each))]
            case Kind.ORDER:
                return list(self.state.orders_in_states(item.customer_id, item.states))
            case Kind.CREDENTIAL:
                return [each for each in self.state.credentials() if each.customer_id == item.customer_id]
            case Kind.WEBHOOK:
                raise AssertionError("webhooks are no documents, and have no list")


class DirectReader:
    """Stands in for a CachedReader: asks the cluster each time; `recorded` keeps what it was told after writes.

    `asked` keeps what is asked: of memory, which holds nothing, (True, the least revision); of the leader (False, 0).
    """

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self.hears_the_feed = True
        self.recent: RecentChanges | None = None
        self.asked: list[tuple[bool, int]] = []
        self.recorded: list[tuple[Document | Key, int]] = []

    def serve(self, keys: Sequence[Key], min_revision: int = 0) -> None:  # noqa: ARG002 - the reader's signature
        self.asked.append((True, min_revision))

    async def get(self, keys: Sequence[Key], timeout: float) -> ReadResult:
        self.asked.append((False, 0))
        answer = await self._cluster.read([Get(kind, document_id) for kind, document_id in keys], timeout)
        return ReadResult(answer.revision, tuple(getattr(result, "document", None) for result in answer.results))

    def record_write(self, changed: Document | Key, revision: int) -> None:
        self.recorded.append((changed, revision))

    def feed_alive(self) -> bool:
        return self.hears_the_feed


class FakeFeed:
    """Tells a portal that watches, through the reader, what changed in the cluster, as the replicas' feed would."""

    def __init__(self, cluster: FakeCluster, reader: DirectReader, bytes_max: int = 1_000_000) -> None:
        self._cluster = cluster
        self._cursor = FeedCursor()
        self._last_changed = cluster.revision
        self.recent = reader.recent = RecentChanges(bytes_max)
        self.beat()

    def beat(self) -> None:
        """Say that the leader is there, and up to where everything has been told."""
        self._send(FeedMessage(1, self._cluster.revision, self._last_changed, ()))

    def changed(self, *changed: Document | Key) -> int:
        """Tell what the cluster's last entry changed: documents, and keys of those that are gone; give its revision."""
        changes = [FeedChange.delete(*each) if isinstance(each, tuple) else FeedChange.put(each) for each in changed]
        self._send(FeedMessage(1, self._cluster.revision, self._last_changed, tuple(changes)))
        self._last_changed = self._cluster.revision
        return self._cluster.revision

    def lose_one(self) -> None:
        """Let a message be lost that told of a change."""
        self._last_changed = self._cluster.revision

    def _send(self, message: FeedMessage) -> None:
        keys = [(change.kind, change.document_id) for change in message.changes or ()]
        self.recent.take(message, self._cursor.advance(message, 0.0), keys, encode_feed(message))


class FakeAdministration:
    """What stands behind `FakeCluster.administration`; `told` is what replicas tell of themselves when they verify."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self.transfers: list[str] = []
        self.raised: list[int] = []
        self.backup_parts: list[admin_portal_pb2.BackupPart] = []
        self.backup_closed = False
        self.breaks_off: Exception | None = None
        self.compared: list[int] = []
        self.told: list[admin_portal_pb2.ReplicaVerification] = []

    async def statuses(self, timeout: float) -> list[admin_portal_pb2.ReplicaStatus]:
        self._cluster.timeouts.append(timeout)
        return [
            admin_portal_pb2.ReplicaStatus(
                name="replica1",
                reachable=True,
                role=admin_portal_pb2.REPLICA_ROLE_LEADER,
                revision=self._cluster.revision,
            ),
            admin_portal_pb2.ReplicaStatus(name="replica2", reachable=False, error="connection refused"),
        ]

    async def transfer_leadership(self, to: str, timeout: float) -> admin_portal_pb2.TransferLeadershipResponse:
        self.transfers.append(to)
        await self._cluster.turn(timeout)
        return admin_portal_pb2.TransferLeadershipResponse(leader=to or "replica2", term=7)

    async def raise_level(self, level: int, timeout: float) -> admin_portal_pb2.RaiseLevelResponse:
        await self._cluster.turn(timeout)
        self.raised.append(level)
        return admin_portal_pb2.RaiseLevelResponse(level=level)

    async def backup(self, timeout: float) -> AsyncGenerator[admin_portal_pb2.BackupPart, None]:
        await self._cluster.turn(timeout)
        return self._parts()

    async def verify(self, compared_revision: int, timeout: float) -> list[admin_portal_pb2.ReplicaVerification]:
        self.compared.append(compared_revision)
        self._cluster.timeouts.append(timeout)
        return self.told

    async def _parts(self) -> AsyncGenerator[admin_portal_pb2.BackupPart, None]:
        try:
            for part in self.backup_parts:
                yield part
            if self.breaks_off is not None:
                raise self.breaks_off
        finally:
            self.backup_closed = True
