"""The load generator: a process of its own that calls in a closed loop, and tells of every call.

`python -m bench.load` reads a `LoadOrder` as JSON from the first line of its input and writes `ready` when it is
connected. With the next line its callers begin, one after another; at the end of the input they stop, and it writes
how each call ended into a file. Each caller has one call in flight at a time. A caller whose call is refused waits as
long as the refusal asks it to (google.rpc.RetryInfo); a caller whose call fails and says nothing waits longer after
each such failure.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import grpc.aio
import uvloop
from google.rpc import error_details_pb2, status_pb2

from bench.cases import Calls, Case, named
from bench.measurement import DONE, EndedCall, Refusal
from bench.proofs import Proofs
from bench.workload import ItemChange, Workload, changes, drawn_changes
from quitanda.v1.client_portal_pb2 import GetOrderRequest, GetProductForCustomerRequest, SetOrderItemRequest
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda.v1.documents_pb2 import CONSISTENCY_CACHED, CONSISTENCY_LINEARIZABLE

CHANNELS: Final = 8
READS_PER_CHANGE: Final = 9
ORDER_BYTES_MAX: Final = 4 * 1024 * 1024
BEGIN_PER_SECOND: Final = 500
"""How many callers begin in a second: a generator that begins with all at once is itself what their calls wait for."""
REFUSED_PAUSE: Final = 0.5
REFUSED_PAUSE_MAX: Final = 16.0
"""Seconds that a caller waits on average whose call failed and does not say how long; twice as long after each further
such failure, as clients do that want the other side to recover."""
RETRY_AFTER_JITTER: Final = 0.25
"""The part of the time that a refusal asks for by which a caller waits longer, at random, as our clients do."""

Call = Callable[[ItemChange, float], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What a generator does: `portals` are addresses, `callers` the numbers of its callers.

    It writes how each call ended into the file `results`, as a JSON list.
    """

    case: str
    portals: tuple[str, ...]
    workload: dict[str, Any]
    callers: tuple[int, ...]
    results: str
    broker: str = ""
    proofs: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` has written."""
        return cls(**json.loads(text))


def status_of(error: grpc.aio.AioRpcError) -> tuple[str, float]:
    """Give the reason of a failed call (its status where it has none), and the seconds to wait; 0 if it says none."""
    reason, pause = error.code().name, 0.0
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Unpack(info):
                    reason = info.reason
                elif detail.Unpack(retry):
                    pause = retry.retry_delay.ToTimedelta().total_seconds()
    return reason, pause


def calls_of(portal: Any, case: Case, proofs: Proofs) -> Call:
    """Give what a caller of the case calls, again and again; `portal` is a ClientPortalStub of an asyncio channel."""
    metadata = proofs.metadata()

    def change(item: ItemChange, timeout: float) -> Any:
        request = SetOrderItemRequest(
            request_id=str(uuid.uuid4()),
            customer_id=item.order.customer_id,
            order_id=item.order.order_id,
            product_id=item.product_id,
            quantity=item.quantity,
        )
        return portal.SetOrderItem(request, timeout=timeout, metadata=metadata.get(item.order.customer_id))

    def read_order(item: ItemChange, timeout: float) -> Any:
        request = GetOrderRequest(
            customer_id=item.order.customer_id, order_id=item.order.order_id, consistency=CONSISTENCY_LINEARIZABLE
        )
        return portal.GetOrder(request, timeout=timeout, metadata=metadata.get(item.order.customer_id))

    def read_product(item: ItemChange, timeout: float) -> Any:
        request = GetProductForCustomerRequest(
            customer_id=item.order.customer_id, product_id=item.product_id, consistency=CONSISTENCY_CACHED
        )
        return portal.GetProduct(request, timeout=timeout, metadata=metadata.get(item.order.customer_id))

    turn = 0

    def mixed(item: ItemChange, timeout: float) -> Any:
        nonlocal turn
        turn += 1
        return change(item, timeout) if turn % (READS_PER_CHANGE + 1) == 0 else read_order(item, timeout)

    by_calls = {
        Calls.READ_ORDER: read_order,
        Calls.READ_DRAWN: read_order,
        Calls.READ_PRODUCT: read_product,
        Calls.MIXED: mixed,
    }
    return by_calls.get(case.calls, change)


def pause_of(pause: float, failed: int) -> float:
    """Give the seconds to wait after a refusal that asks for `pause`, or after `failed` failures that ask for none."""
    if pause:
        return pause * (1 + random.uniform(0, RETRY_AFTER_JITTER))  # noqa: S311 - spreads callers, hides nothing
    longest = 2 * min(REFUSED_PAUSE_MAX, REFUSED_PAUSE * 2.0 ** min(failed - 1, 16))
    return random.uniform(0, longest)  # noqa: S311 - as above


class Callers:
    """The callers of one generator, each with one call in flight until `stop`; `ended` tells of their calls."""

    def __init__(self, order: LoadOrder) -> None:
        self._case = named(order.case)
        self._numbers = order.callers
        self._workload = Workload.from_json(order.workload)
        self._stopped = asyncio.Event()
        self.ended: list[EndedCall] = []

    async def run(self, calls: list[Call]) -> None:
        """Let each caller call until `stop`; it uses one of the given calls."""
        async with asyncio.TaskGroup() as group:
            for caller in self._numbers:
                group.create_task(self._call_again(caller, calls[caller % len(calls)]))

    def stop(self) -> None:
        """Let every caller end after its present call."""
        self._stopped.set()

    async def _call_again(self, caller: int, call: Call) -> None:
        await self._rest(caller / BEGIN_PER_SECOND)
        failed = 0
        for item in self._items(caller):
            if self._stopped.is_set():
                return
            begun = time.monotonic()
            status, pause = DONE, 0.0
            try:
                await call(item, self._case.deadline)
            except grpc.aio.AioRpcError as error:
                status, pause = status_of(error)
            except Refusal as error:
                status, pause = error.reason, error.pause
            except TimeoutError:
                status = "DEADLINE_EXCEEDED"
            now = time.monotonic()
            self.ended.append(EndedCall(now, now - begun, status))
            failed = 0 if status == DONE or pause else failed + 1
            if status != DONE:
                await self._rest(pause_of(pause, failed))

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    def _items(self, caller: int) -> Iterator[ItemChange]:
        if self._case.calls in {Calls.CHANGE_DRAWN, Calls.READ_DRAWN}:
            return drawn_changes(self._workload, caller, self._case.in_flight)
        return changes(self._workload, caller, same_product=self._case.calls is Calls.CHANGE_SAME_PRODUCT)


async def call_as_asked(order: LoadOrder, calls: list[Call], lines: asyncio.StreamReader) -> list[EndedCall]:
    """Say that the calls can begin; let the callers call from the next line of the input to its end."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await lines.readline()
    callers = Callers(order)
    running = asyncio.create_task(callers.run(calls))
    ended = asyncio.create_task(lines.read())
    await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
    callers.stop()
    await running
    await ended
    return callers.ended


async def _over_grpc(order: LoadOrder, lines: asyncio.StreamReader) -> list[EndedCall]:
    proofs = Proofs.from_json(order.proofs)
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for n in range(CHANNELS):
            channel = proofs.channel(order.portals[n % len(order.portals)])
            await stack.enter_async_context(channel)
            await asyncio.wait_for(channel.channel_ready(), 20)
            calls.append(calls_of(ClientPortalStub(channel), named(order.case), proofs))
        return await call_as_asked(order, calls, lines)


async def _over_mqtt(order: LoadOrder, lines: asyncio.StreamReader) -> list[EndedCall]:
    from bench.load_mqtt import connected_calls  # noqa: PLC0415 - most cases need no MQTT

    async with connected_calls(order) as calls:
        return await call_as_asked(order, calls, lines)


async def generate() -> tuple[LoadOrder, list[EndedCall]]:
    """Do what the input asks for; give that, and how the calls ended."""
    lines = asyncio.StreamReader(limit=ORDER_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    order = LoadOrder.from_json((await lines.readline()).decode())
    return order, await (_over_mqtt if named(order.case).over_mqtt else _over_grpc)(order, lines)


if __name__ == "__main__":
    _order, _ended = uvloop.run(generate())
    Path(_order.results).write_text(json.dumps(_ended), encoding="utf-8")
