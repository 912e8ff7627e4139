"""The load generator: a process of its own that calls in a closed loop, and tells of every call.

`python -m bench.load` reads a `LoadOrder` as JSON from the first line of its input and writes `ready` when it is
connected. With the next line its callers begin; at the end of the input they stop, and it writes a `Told` as JSON. Each
caller has one call in flight at a time. A caller whose call is refused waits as long as the refusal asks it to
(google.rpc.RetryInfo), or REFUSED_PAUSE.
"""

import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

import grpc.aio
import uvloop
from google.rpc import error_details_pb2, status_pb2

from bench.cases import Calls, Case, named
from bench.measurement import DONE, EndedCall
from bench.workload import ItemChange, Workload, changes
from quitanda.v1.client_portal_pb2 import GetOrderRequest, GetProductForCustomerRequest, SetOrderItemRequest
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda.v1.documents_pb2 import CONSISTENCY_CACHED, CONSISTENCY_LINEARIZABLE

CHANNELS: Final = 8
READS_PER_CHANGE: Final = 9
ORDER_BYTES_MAX: Final = 4 * 1024 * 1024
REFUSED_PAUSE: Final = 0.5
"""Seconds that a refused caller waits where the refusal does not say how long."""

LATENESS_SAMPLE_SECONDS: Final = 0.05

Call = Callable[[ItemChange, float], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What a generator does: `portals` are addresses, `callers` the numbers of its callers."""

    case: str
    portals: tuple[str, ...]
    workload: dict[str, Any]
    callers: tuple[int, ...]
    broker: str = ""

    def to_json(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` has written."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Told:
    """What a generator saw: how each call ended, and how late its own loop was (moments and seconds).

    A loop that is late finds out later than it could that a call has been answered.
    """

    calls: list[EndedCall] = field(default_factory=list)
    lateness: list[tuple[float, float]] = field(default_factory=list)

    def to_json(self) -> str:
        """Write it as JSON."""
        return json.dumps({"calls": self.calls, "lateness": self.lateness})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` has written."""
        value = json.loads(text)
        return cls([EndedCall(*call) for call in value["calls"]], [(at, late) for at, late in value["lateness"]])


def status_of(error: grpc.aio.AioRpcError) -> tuple[str, float]:
    """Give the reason of a failed call (its status where it has none), and the seconds to wait before the next."""
    reason, pause = error.code().name, REFUSED_PAUSE
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

    by_calls = {Calls.READ_ORDER: read_order, Calls.READ_PRODUCT: read_product, Calls.MIXED: mixed}
    return by_calls.get(case.calls, change)


class Callers:
    """The callers of one generator, each with one call in flight until `stop`."""

    def __init__(self, order: LoadOrder) -> None:
        self._case = named(order.case)
        self._numbers = order.callers
        self._workload = Workload.from_json(order.workload)
        self._stopped = asyncio.Event()
        self.told = Told()

    async def run(self, calls: list[Call]) -> None:
        """Let each caller call until `stop`; it uses one of the given calls."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_loop())
            for caller in self._numbers:
                group.create_task(self._call_again(caller, calls[caller % len(calls)]))

    def stop(self) -> None:
        """Let every caller end after its present call."""
        self._stopped.set()

    async def _watch_loop(self) -> None:
        while not self._stopped.is_set():
            due = time.monotonic() + LATENESS_SAMPLE_SECONDS
            await asyncio.sleep(LATENESS_SAMPLE_SECONDS)
            now = time.monotonic()
            self.told.lateness.append((now, now - due))

    async def _call_again(self, caller: int, call: Call) -> None:
        same = self._case.calls is Calls.CHANGE_SAME_PRODUCT
        for item in changes(self._workload, caller, same_product=same):
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
            self.told.calls.append(EndedCall(now, now - begun, status))
            if pause:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), pause)


async def call_as_asked(order: LoadOrder, calls: list[Call], lines: asyncio.StreamReader) -> Told:
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
    return callers.told


async def _over_grpc(order: LoadOrder, lines: asyncio.StreamReader) -> Told:
    # Each channel has a connection of its own.
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.enable_http_proxy", 0)]
    async with contextlib.AsyncExitStack() as stack:
        calls = []
        for n in range(CHANNELS):
            channel = grpc.aio.insecure_channel(order.portals[n % len(order.portals)], options=options)
            await stack.enter_async_context(channel)
            await asyncio.wait_for(channel.channel_ready(), 20)
            calls.append(calls_of(ClientPortalStub(channel), named(order.case)))
        return await call_as_asked(order, calls, lines)


async def _over_mqtt(order: LoadOrder, lines: asyncio.StreamReader) -> Told:
    from bench.load_mqtt import connected_calls  # noqa: PLC0415 - most cases need no MQTT

    async with connected_calls(order.broker, named(order.case)) as calls:
        return await call_as_asked(order, calls, lines)


async def generate() -> Told:
    """Do what the input asks for."""
    lines = asyncio.StreamReader(limit=ORDER_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    order = LoadOrder.from_json((await lines.readline()).decode())
    return await (_over_mqtt if named(order.case).over_mqtt else _over_grpc)(order, lines)


if __name__ == "__main__":
    sys.stdout.write(uvloop.run(generate()).to_json())
