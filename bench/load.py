"""The load generator: a process of its own that calls in a closed loop, and tells what it measured.

`python -m bench.load` reads a `LoadOrder` as JSON from its input and writes a measurement as JSON to its output. Each
caller has one call in flight at a time: `in_flight` is the number of callers, who begin one after another. A caller
whose call is refused waits as long as the refusal asks it to (google.rpc.RetryInfo); a caller whose call fails and says
nothing waits longer after each such failure.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import grpc.aio
import psutil
import uvloop
from google.rpc import error_details_pb2, status_pb2

from bench import processor_time
from bench.cases import Calls, Case, named
from bench.measurement import DONE, Recorder
from bench.workload import ItemChange, Workload, changes, drawn_changes
from quitanda.v1.client_portal_pb2 import GetOrderRequest, GetProductForCustomerRequest, SetOrderItemRequest
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda.v1.documents_pb2 import CONSISTENCY_CACHED, CONSISTENCY_LINEARIZABLE

CHANNELS: Final = 8
READS_PER_CHANGE: Final = 9
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
    """What a generator does: `portals` are addresses, `processes` the ids of those whose processor time counts.

    `acknowledgements`: also tell when each call was answered, on the machine's monotonic clock.
    """

    case: str
    portals: tuple[str, ...]
    workload: dict[str, Any]
    processes: dict[str, int]
    seconds: float
    warm_up: float
    acknowledgements: bool = False
    broker: str = ""

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


def calls_of(portal: Any, case: Case) -> Call:
    """Give what a caller of the case calls, again and again; `portal` is a ClientPortalStub of an asyncio channel."""

    def change(item: ItemChange, timeout: float) -> Any:
        request = SetOrderItemRequest(
            request_id=str(uuid.uuid4()),
            customer_id=item.order.customer_id,
            order_id=item.order.order_id,
            product_id=item.product_id,
            quantity=item.quantity,
        )
        return portal.SetOrderItem(request, timeout=timeout)

    def read_order(item: ItemChange, timeout: float) -> Any:
        request = GetOrderRequest(
            customer_id=item.order.customer_id, order_id=item.order.order_id, consistency=CONSISTENCY_LINEARIZABLE
        )
        return portal.GetOrder(request, timeout=timeout)

    def read_product(item: ItemChange, timeout: float) -> Any:
        request = GetProductForCustomerRequest(
            customer_id=item.order.customer_id, product_id=item.product_id, consistency=CONSISTENCY_CACHED
        )
        return portal.GetProduct(request, timeout=timeout)

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
    """The callers of one case, each with one call in flight until `stop`."""

    def __init__(self, case: Case, workload: Workload, recorder: Recorder) -> None:
        self._case = case
        self._workload = workload
        self._recorder = recorder
        self._stopped = asyncio.Event()
        self.acknowledged: list[float] = []

    async def run(self, calls: list[Call]) -> None:
        """Let each caller call until `stop`; it uses one of the given calls."""
        async with asyncio.TaskGroup() as group:
            for caller in range(self._case.in_flight):
                group.create_task(self._call_again(caller, calls[caller % len(calls)]))

    def stop(self) -> None:
        """Let every caller end after its present call."""
        self._stopped.set()

    async def _call_again(self, caller: int, call: Call) -> None:
        await asyncio.sleep(caller / BEGIN_PER_SECOND)
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
            except TimeoutError:
                status = "DEADLINE_EXCEEDED"
            now = time.monotonic()
            self._recorder.record(status, now - begun)
            if status == DONE:
                self.acknowledged.append(now)
                failed = 0
                continue
            failed = 0 if pause else failed + 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), pause_of(pause, failed))

    def _items(self, caller: int) -> Iterator[ItemChange]:
        if self._case.calls in {Calls.CHANGE_DRAWN, Calls.READ_DRAWN}:
            return drawn_changes(self._workload, caller, self._case.in_flight)
        return changes(self._workload, caller, same_product=self._case.calls is Calls.CHANGE_SAME_PRODUCT)


async def measure(order: LoadOrder, calls: list[Call]) -> dict[str, Any]:
    """Call for the warm-up, then count for the seconds of the order; give the measurement as JSON's types."""
    recorder = Recorder()
    callers = Callers(named(order.case), Workload.from_json(order.workload), recorder)
    processes = {**order.processes, "generator": psutil.Process().pid}
    running = asyncio.create_task(callers.run(calls))
    await asyncio.sleep(order.warm_up)
    before, begun, recorder.counting = processor_time.of_processes(processes), time.monotonic(), True
    await asyncio.sleep(order.seconds)
    recorder.counting, took = False, time.monotonic() - begun
    processor = processor_time.used(before, processor_time.of_processes(processes))
    callers.stop()
    await running
    measured = recorder.measured(took, processor).to_json()
    return {"measurement": measured, "acknowledged": callers.acknowledged if order.acknowledgements else []}


async def _over_grpc(order: LoadOrder) -> dict[str, Any]:
    case = named(order.case)
    # Each channel has a connection of its own.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0)]
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for n in range(CHANNELS):
            channel = grpc.aio.insecure_channel(order.portals[n % len(order.portals)], options=options)
            await stack.enter_async_context(channel)
            await asyncio.wait_for(channel.channel_ready(), 20)
            calls.append(calls_of(ClientPortalStub(channel), case))
        return await measure(order, calls)


async def _over_mqtt(order: LoadOrder) -> dict[str, Any]:
    from bench.load_mqtt import connected_calls  # noqa: PLC0415 - most cases need no MQTT

    async with connected_calls(order.broker, named(order.case)) as calls:
        return await measure(order, calls)


def main() -> None:
    """Do what the input asks for."""
    order = LoadOrder.from_json(sys.stdin.read())
    generate = _over_mqtt if named(order.case).over_mqtt else _over_grpc
    sys.stdout.write(json.dumps(uvloop.run(generate(order))))


if __name__ == "__main__":
    main()
