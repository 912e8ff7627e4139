"""Greedy customers, as a process of their own: each keeps a number of calls in flight, and never waits.

`python -m quitanda_testing.greedy_callers` reads a `Greed` as JSON from the first line of its input, writes `ready`
when every customer is connected, and begins to call. At the end of the input it stops, and writes how its calls ended.
A third of the calls are writes, a third linearizable reads, a third cached reads. A call that is refused is followed by
the next at once: nothing that a refusal asks for is heard.
"""

import asyncio
import itertools
import json
import ssl
import sys
import uuid
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import aiomqtt
import grpc.aio

from quitanda.mqtt.topics import reply_topic
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime.addresses import parse_address
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda.v1.documents_pb2 import CONSISTENCY_CACHED, CONSISTENCY_LINEARIZABLE
from quitanda_testing.cluster.callers import OPTIONS
from quitanda_testing.raw_mqtt import RawCustomer

CALL_SECONDS: Final = 10.0
CONNECT_SECONDS: Final = 60.0
END_SECONDS: Final = 30.0
GREED_BYTES_MAX: Final = 1024 * 1024
OK: Final = "OK"

Call = Callable[[int], Awaitable[str]]
"""Makes the call of a number, and tells how it ended."""


@dataclass(frozen=True, slots=True)
class GreedyCustomer:
    """One customer; `certificate` is the file of her key and certificate for the broker. Empty in the open mode."""

    customer_id: str
    order_id: str
    product_id: str
    token: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Greed:
    """What the process does: over gRPC where there are `portals`, over MQTT otherwise; `ca` is a file."""

    customers: tuple[GreedyCustomer, ...]
    in_flight: int
    portals: tuple[str, ...] = ()
    broker: str = ""
    ca: str = ""

    def to_json(self) -> str:
        """Write it as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Greed":
        """Read what `to_json` has written."""
        fields = json.loads(text)
        customers = tuple(GreedyCustomer(**customer) for customer in fields.pop("customers"))
        return cls(customers, portals=tuple(fields.pop("portals")), **fields)


@asynccontextmanager
async def greedy_callers(greed: Greed) -> AsyncIterator[Counter[str]]:
    """Let the greedy customers call while the context lasts; how their calls ended is in the counter afterwards."""
    command = (sys.executable, "-m", "quitanda_testing.greedy_callers")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    ended: Counter[str] = Counter()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{greed.to_json()}\n".encode())
        async with asyncio.timeout(CONNECT_SECONDS):
            assert await process.stdout.readline() == b"ready\n", "the greedy customers are not connected"
        yield ended
        process.stdin.close()
        async with asyncio.timeout(END_SECONDS):
            ended.update(json.loads(await process.stdout.read()))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def keep_calling(call: Call, in_flight: int, ended: Counter[str]) -> None:
    """Keep so many calls in flight for ever."""
    numbers = itertools.count()

    async def one_after_the_other() -> None:
        while True:
            ended[await call(next(numbers))] += 1

    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))


def over_grpc(customer: GreedyCustomer, channel: grpc.aio.Channel) -> Call:
    """Call over a connection to a portal."""
    # The generated stub has the types of the synchronous library.
    portal: Any = ClientPortalStub(channel)
    metadata = (("authorization", f"Bearer {customer.token}"),) if customer.token else None

    async def call(number: int) -> str:
        try:
            await _request(portal, customer, number)(timeout=CALL_SECONDS, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return from_rpc_error(error).reason
        return OK

    return call


def _request(portal: Any, customer: GreedyCustomer, number: int) -> Callable[..., Awaitable[Any]]:
    if number % 3 == 0:
        change = pb.SetOrderItemRequest(
            request_id=str(uuid.uuid4()),
            customer_id=customer.customer_id,
            order_id=customer.order_id,
            product_id=customer.product_id,
            quantity=1 + number % 5,
        )
        return lambda **options: portal.SetOrderItem(change, **options)
    consistency = CONSISTENCY_LINEARIZABLE if number % 3 == 1 else CONSISTENCY_CACHED
    read = pb.GetOrderRequest(customer_id=customer.customer_id, order_id=customer.order_id, consistency=consistency)
    return lambda **options: portal.GetOrder(read, **options)


def over_mqtt(customer: GreedyCustomer, connected: RawCustomer) -> Call:
    """Call over a connection to the broker."""

    async def call(number: int) -> str:
        order = {"order_id": customer.order_id}
        if number % 3 == 0:
            change = {
                **order,
                "request_id": str(uuid.uuid4()),
                "product_id": customer.product_id,
                "quantity": 1 + number % 5,
            }
            asked = connected.ask("set_order_item", connected.envelope(**change))
        else:
            consistency = "linearizable" if number % 3 == 1 else "cached"
            asked = connected.ask("get_order", connected.envelope(**order, consistency=consistency))
        try:
            reply = await asked
        except TimeoutError:
            return "NOT_ANSWERED"
        return reply["error"]["reason"] if "error" in reply else OK

    return call


async def _connected(greed: Greed, open_connections: AsyncExitStack) -> list[Call]:
    if greed.broker:
        return [await _connect_to_broker(greed, customer, open_connections) for customer in greed.customers]
    calls = []
    for customer, portal in zip(greed.customers, itertools.cycle(greed.portals), strict=False):
        channel = await open_connections.enter_async_context(_channel(greed, portal))
        await channel.channel_ready()
        calls.append(over_grpc(customer, channel))
    return calls


def _channel(greed: Greed, portal: str) -> grpc.aio.Channel:
    if not greed.ca:
        return grpc.aio.insecure_channel(portal, options=OPTIONS)
    credentials = grpc.ssl_channel_credentials(Path(greed.ca).read_bytes())
    return grpc.aio.secure_channel(portal, credentials, options=OPTIONS)


async def _connect_to_broker(greed: Greed, customer: GreedyCustomer, open_connections: AsyncExitStack) -> Call:
    broker, context = parse_address(greed.broker), None
    if greed.ca:
        context = ssl.create_default_context(cafile=greed.ca)
        context.load_cert_chain(customer.certificate)
    version = aiomqtt.ProtocolVersion.V311
    client = aiomqtt.Client(broker.host, broker.port, protocol=version, tls_context=context)
    await open_connections.enter_async_context(client)
    client.pending_calls_threshold = 1_000
    await client.subscribe(reply_topic(customer.customer_id, "+"), qos=1)
    connected = RawCustomer(client, customer.customer_id, customer.token)
    replies = asyncio.create_task(connected.take_replies())
    open_connections.callback(replies.cancel)
    return over_mqtt(customer, connected)


async def call_until_told() -> None:
    """Do what the input asks for, until it ends."""
    lines = asyncio.StreamReader(limit=GREED_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    greed, ended = Greed.from_json((await lines.readline()).decode()), Counter[str]()
    async with AsyncExitStack() as open_connections:
        calls = await _connected(greed, open_connections)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        calling = [asyncio.create_task(keep_calling(call, greed.in_flight, ended)) for call in calls]
        await lines.read()
        for task in calling:
            task.cancel()
        await asyncio.gather(*calling, return_exceptions=True)
    sys.stdout.write(json.dumps(ended))


if __name__ == "__main__":
    asyncio.run(call_until_told())
