"""Sends reads to the leader, several in one Read call, and further pages of lists to where the lists began."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields
from typing import Final, TypeAlias

from google.protobuf.message import DecodeError

from quitanda.cluster_client.batching import BatchBounds, Batcher, PendingRequest, last_deadline, waiting
from quitanda.cluster_client.options import ClusterOptions
from quitanda.cluster_client.replica_channel import ReplicaChannel
from quitanda.cluster_client.retrying import ClusterCounters, ReplicaCalls
from quitanda.cluster_client.values import (
    Absent,
    DocumentEvent,
    EventsPage,
    Found,
    Get,
    HistoryPage,
    List,
    ListHistory,
    Page,
    ReadAnswer,
    ReadEvents,
    ReadItem,
    ReadWebhooks,
    Result,
    Unchanged,
    WebhooksRead,
)
from quitanda.codec.change_records import HISTORY_ENTRY_CODEC, HistoryEntry
from quitanda.codec.documents import decode_document
from quitanda.codec.protobuf import FILTER_CODEC, FOUND_KINDS, kind_to_proto, refused_from_proto
from quitanda.codec.queries import FindOrders
from quitanda.codec.webhooks import read_lease, read_webhook
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Refused
from quitanda.domain.webhook_model import SenderLease
from quitanda.errors import OutcomeUnknown, QuitandaError, Rejected, Unavailable
from quitanda.v1 import documents_pb2, replica_pb2

Items: TypeAlias = tuple[ReadItem, ...]
PendingRead: TypeAlias = PendingRequest[Items, ReadAnswer]

_LIST_KINDS: Final = {
    Kind.CUSTOMER: replica_pb2.ListItem.KIND_CUSTOMERS,
    Kind.PRODUCT: replica_pb2.ListItem.KIND_PRODUCTS,
    Kind.ORDER: replica_pb2.ListItem.KIND_ORDERS,
    Kind.CREDENTIAL: replica_pb2.ListItem.KIND_CREDENTIALS,
}

_DOCUMENT_KIB: Final = {Kind.CUSTOMER: 24, Kind.PRODUCT: 32, Kind.ORDER: 256, Kind.CREDENTIAL: 2}
"""The largest documents that the limits of the rules allow, rounded up."""

_PAGE_KIB: Final = 1024 + 256
"""A replica ends a page at the document with which it passes one MiB."""


class ReadBatches:
    """Reads, each caller's all at one snapshot; a read changes nothing, so its failures are definite."""

    def __init__(self, calls: ReplicaCalls, options: ClusterOptions, counters: ClusterCounters) -> None:
        self._calls = calls
        self._gathered = counters.gathered.labels("reads")
        self._gathered_pages = counters.gathered.labels("pages")
        leader_bounds = BatchBounds(
            calls=options.read_calls,
            queued=options.reads_queued,
            count_per_call=options.reads_queued,
            weight_per_call=options.answer_kib_per_call,
        )
        # Pages of different lists come from different replicas: one to a call.
        page_bounds = BatchBounds(
            calls=options.page_calls, queued=options.reads_queued, count_per_call=1, weight_per_call=1
        )
        self._from_leader = Batcher[Items, ReadAnswer](leader_bounds, self._send)
        self._from_origin = Batcher[Items, ReadAnswer](page_bounds, self._send_page)

    async def read(self, items: Items, timeout: float) -> ReadAnswer:
        """See `ClusterClient.read`."""
        if any(isinstance(item, List | ListHistory | FindOrders) and item.page_token for item in items):
            if len(items) > 1:
                raise ValueError("a further page of a list shows a snapshot of its own: ask for it alone")
            self._gathered_pages.inc()
            return await self._from_origin.ask(items, _weight_of(items[0]), timeout)
        self._gathered.inc()
        return await self._from_leader.ask(items, 1 + sum(map(_weight_of, items)), timeout)

    async def close(self) -> None:
        """End all reads."""
        await asyncio.gather(self._from_leader.close(), self._from_origin.close())

    async def _send(self, batch: Sequence[PendingRead]) -> None:
        async def attempt(replica: ReplicaChannel, timeout: float) -> None:
            await _read(replica, waiting(batch), timeout)

        try:
            await self._calls.to_leader(attempt, lambda: last_deadline(batch))
        except Rejected as rejected:
            await self._send_apart(waiting(batch), rejected)
        except QuitandaError as error:
            _fail(waiting(batch), error)

    async def _send_apart(self, batch: Sequence[PendingRead], rejected: Rejected) -> None:
        """Send alone what was refused together, so that one caller's mistake does not reach another."""
        if len(batch) > 1:
            for pending in batch:
                await self._send([pending])
            return
        for pending in batch:
            pending.answer(_refused(pending, rejected))

    async def _send_page(self, batch: Sequence[PendingRead]) -> None:
        async def attempt(replica: ReplicaChannel, timeout: float) -> None:
            await _read(replica, batch, timeout)

        try:
            await self._calls.to_origin(attempt, last_deadline(batch))
        except Rejected as rejected:
            for pending in batch:
                pending.answer(_refused(pending, rejected))
        except QuitandaError as error:
            _fail(batch, error)


async def _read(replica: ReplicaChannel, batch: Sequence[PendingRead], timeout: float) -> None:
    """One call for everybody in the batch; what several ask for is asked for once."""
    items = tuple(dict.fromkeys(item for pending in batch for item in pending.request))
    request = replica_pb2.ReadRequest(reads=map(_item_to_proto, items))
    response = await replica.read(request, timeout)
    try:
        results = _results_from_proto(items, response)
    except ValueError as error:
        raise Unavailable(f"{replica.name} answered what cannot be read: {error}") from error
    proven = not items or not all(isinstance(result, Refused) for result in results.values())
    for pending in batch:
        if pending.request or proven:
            pending.answer(_answer(response, results, pending.request))
    if not proven and waiting(batch):
        # A refusal needs no proof of leadership; who asked for nothing but the revision asks again, without the others.
        await _read(replica, waiting(batch), timeout)


def _answer(response: replica_pb2.ReadResponse, results: dict[ReadItem, Result], request: Items) -> ReadAnswer:
    return ReadAnswer(response.revision, tuple(results[item] for item in request), response.term)


def _fail(batch: Sequence[PendingRead], error: QuitandaError) -> None:
    failure = Unavailable(str(error)) if type(error) is OutcomeUnknown else error
    for pending in batch:
        pending.fail(failure)


def _refused(pending: PendingRead, rejected: Rejected) -> ReadAnswer:
    return ReadAnswer(rejected.revision, tuple(rejected.refused for _ in pending.request))


def _weight_of(item: ReadItem) -> int:
    """Tell how large the answer may become, in KiB."""
    return _DOCUMENT_KIB[item.kind] if isinstance(item, Get) else _PAGE_KIB


def _item_to_proto(item: ReadItem) -> replica_pb2.ReadItem:
    """Write a question."""
    if isinstance(item, List):
        page = replica_pb2.ListItem(
            kind=_LIST_KINDS[item.kind] if item.filter is None else FOUND_KINDS[item.kind],
            customer_id=item.customer_id,
            page_size=item.page_size,
            page_token=item.page_token,
            states=item.states,
            filter=None if item.filter is None else FILTER_CODEC.write(item.filter),
        )
        return replica_pb2.ReadItem(list=page)
    if isinstance(item, ListHistory):
        history = replica_pb2.ListItem(
            kind=replica_pb2.ListItem.KIND_HISTORY,
            document_kind=kind_to_proto(item.kind),
            document_id=item.document_id,
            page_size=item.page_size,
            page_token=item.page_token,
        )
        return replica_pb2.ReadItem(list=history)
    if isinstance(item, FindOrders):
        wanted = {each.name: getattr(item, each.name) for each in fields(item)}
        return replica_pb2.ReadItem(list=replica_pb2.ListItem(kind=replica_pb2.ListItem.KIND_FOUND_ORDERS, **wanted))
    if isinstance(item, ReadWebhooks):
        return replica_pb2.ReadItem(webhooks=replica_pb2.WebhooksItem())
    if isinstance(item, ReadEvents):
        wanted = {each.name: getattr(item, each.name) for each in fields(item)}
        return replica_pb2.ReadItem(events=replica_pb2.EventsItem(**wanted))
    get = replica_pb2.GetItem(kind=kind_to_proto(item.kind), id=item.document_id, include_closed=item.include_closed)
    if item.known_version is not None:
        get.known_version = item.known_version
    if item.known_digest is not None:
        get.known_digest = item.known_digest
    return replica_pb2.ReadItem(get=get)


def _results_from_proto(items: Sequence[ReadItem], response: replica_pb2.ReadResponse) -> dict[ReadItem, Result]:
    """Read the results by question; ValueError where they do not fit the questions or are corrupt."""
    return {item: _result_from_proto(item, result) for item, result in zip(items, response.results, strict=True)}


def _result_from_proto(item: ReadItem, result: replica_pb2.ReadResult) -> Result:
    return _of_webhooks(result) if isinstance(item, ReadWebhooks | ReadEvents) else _of_documents(item, result)


def _of_documents(item: Get | List | ListHistory | FindOrders, result: replica_pb2.ReadResult) -> Result:
    match result.WhichOneof("result"):
        case "unchanged":
            return Unchanged()
        case "absent":
            return Absent()
        case "document":
            return Found(decode_document(item.kind, result.document))
        case "page" if isinstance(item, ListHistory):
            return HistoryPage(
                tuple(map(_entry, result.page.documents)), result.page.next_page_token, result.page.revision
            )
        case "page":
            documents = tuple(decode_document(item.kind, data) for data in result.page.documents)
            return Page(documents, result.page.next_page_token, result.page.revision)
        case "refused":
            return refused_from_proto(result.refused)
        case _:
            raise ValueError("a result that says nothing")


def _of_webhooks(result: replica_pb2.ReadResult) -> Result:
    match result.WhichOneof("result"):
        case "webhooks":
            lease = read_lease(result.webhooks.lease) if result.webhooks.lease else SenderLease()
            return WebhooksRead(tuple(map(read_webhook, result.webhooks.webhooks)), lease)
        case "events":
            told = [
                DocumentEvent(each.event, each.document_id, each.number, each.revision, each.at_ms)
                for each in result.events.events
            ]
            return EventsPage(tuple(told), result.events.up_to, result.events.missed)
        case "refused":
            return refused_from_proto(result.refused)
        case _:
            raise ValueError("a result that says nothing of webhooks")


def _entry(data: bytes) -> HistoryEntry:
    try:
        entry: HistoryEntry = HISTORY_ENTRY_CODEC.read(documents_pb2.HistoryEntry.FromString(data))
    except DecodeError as error:
        raise ValueError("an entry of a history that cannot be read") from error
    return entry
