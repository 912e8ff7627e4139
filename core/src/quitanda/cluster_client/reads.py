"""Gathers reads into Read calls to the leader, and sends further pages of lists to where they began."""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from quitanda.cluster_client.batching import Bounds, Coalescer, Waiter, last_deadline, waiting
from quitanda.cluster_client.counters import ClusterCounters
from quitanda.cluster_client.options import ClusterOptions
from quitanda.cluster_client.read_messages import item_to_proto, results_from_proto, weight_of
from quitanda.cluster_client.replica_channel import ReplicaChannel
from quitanda.cluster_client.retrying import ReplicaCalls
from quitanda.cluster_client.values import List, ReadAnswer, ReadItem, Result
from quitanda.domain.outcomes import Refused
from quitanda.errors import OutcomeUnknown, QuitandaError, Rejected, Unavailable
from quitanda.v1 import replica_pb2

Items: TypeAlias = tuple[ReadItem, ...]
ReadWaiter: TypeAlias = Waiter[Items, ReadAnswer]


class Reads:
    """Reads, each caller's all at one snapshot; a read changes nothing, so its failures are definite."""

    def __init__(self, calls: ReplicaCalls, options: ClusterOptions, counters: ClusterCounters) -> None:
        self._calls = calls
        self._counters = counters
        leader_bounds = Bounds(
            calls=options.read_calls,
            queued=options.reads_queued,
            count_per_call=options.reads_queued,
            weight_per_call=options.answer_kib_per_call,
        )
        # Pages of different lists come from different replicas: one to a call.
        page_bounds = Bounds(calls=options.page_calls, queued=options.reads_queued, count_per_call=1, weight_per_call=1)
        self._from_leader = Coalescer[Items, ReadAnswer](leader_bounds, self._send)
        self._from_origin = Coalescer[Items, ReadAnswer](page_bounds, self._send_page)

    async def read(self, items: Items, timeout: float) -> ReadAnswer:
        """See `ClusterClient.read`."""
        if any(isinstance(item, List) and item.page_token for item in items):
            if len(items) > 1:
                raise ValueError("a further page of a list shows a snapshot of its own: ask for it alone")
            self._counters.gathered.labels("pages").inc()
            return await self._from_origin.ask(items, weight_of(items[0]), timeout)
        self._counters.gathered.labels("reads").inc()
        return await self._from_leader.ask(items, 1 + sum(map(weight_of, items)), timeout)

    async def close(self) -> None:
        """End all reads."""
        await asyncio.gather(self._from_leader.close(), self._from_origin.close())

    async def _send(self, batch: Sequence[ReadWaiter]) -> None:
        async def attempt(replica: ReplicaChannel, timeout: float) -> None:
            await _read(replica, waiting(batch), timeout)

        try:
            await self._calls.to_leader(attempt, lambda: last_deadline(batch))
        except Rejected as rejected:
            await self._send_apart(waiting(batch), rejected)
        except QuitandaError as error:
            _fail(waiting(batch), error)

    async def _send_apart(self, batch: Sequence[ReadWaiter], rejected: Rejected) -> None:
        """Send alone what was refused together, so that one caller's mistake does not reach another."""
        if len(batch) > 1:
            for waiter in batch:
                await self._send([waiter])
            return
        for waiter in batch:
            waiter.answer(_refused(waiter, rejected))

    async def _send_page(self, batch: Sequence[ReadWaiter]) -> None:
        async def attempt(replica: ReplicaChannel, timeout: float) -> None:
            await _read(replica, batch, timeout)

        try:
            await self._calls.to_origin(attempt, last_deadline(batch))
        except Rejected as rejected:
            for waiter in batch:
                waiter.answer(_refused(waiter, rejected))
        except QuitandaError as error:
            _fail(batch, error)


async def _read(replica: ReplicaChannel, batch: Sequence[ReadWaiter], timeout: float) -> None:
    """One call for everybody in the batch; what several ask for is asked for once."""
    items = tuple(dict.fromkeys(item for waiter in batch for item in waiter.question))
    request = replica_pb2.ReadRequest(reads=map(item_to_proto, items))
    response = await replica.read(request, timeout)
    try:
        results = results_from_proto(items, response)
    except ValueError as error:
        raise Unavailable(f"{replica.name} answered what cannot be read: {error}") from error
    proven = not items or not all(isinstance(result, Refused) for result in results.values())
    for waiter in batch:
        if waiter.question or proven:
            waiter.answer(_answer(response, results, waiter.question))
    if not proven and waiting(batch):
        # RejectedConnectionLog need no proof of leadership; who asked for nothing but that asks again, without them.
        await _read(replica, waiting(batch), timeout)


def _answer(response: replica_pb2.ReadResponse, results: dict[ReadItem, Result], question: Items) -> ReadAnswer:
    return ReadAnswer(response.revision, tuple(results[item] for item in question), response.term)


def _fail(batch: Sequence[ReadWaiter], error: QuitandaError) -> None:
    failure = Unavailable(str(error)) if type(error) is OutcomeUnknown else error
    for waiter in batch:
        waiter.fail(failure)


def _refused(waiter: ReadWaiter, rejected: Rejected) -> ReadAnswer:
    return ReadAnswer(rejected.revision, tuple(rejected.refused for _ in waiter.question))
