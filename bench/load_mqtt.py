"""Calls over MQTT: a request is published, and its reply comes on a topic of the connection's own.

`python -m bench.load_mqtt BROKER` is the echo: it replies to every request at once, with nothing.
"""

import asyncio
import json
import secrets
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import aiomqtt
import grpc.aio

from bench.cases import Calls, Case
from bench.load import Call
from bench.workload import ItemChange
from quitanda.mqtt.topics import reply_topic, request_topic
from quitanda.runtime.addresses import parse_address

CONNECTIONS: Final = 4
IN_FLIGHT_MAX: Final = 65_535
QOS: Final = 1
"""As Quitanda's own clients use it."""
ECHO_TOPIC: Final = "bench/echo/requests"
ECHO_REPLIES: Final = "bench/echo/replies"


class Refusal(grpc.aio.AioRpcError):
    """A reply that tells of a failure, told as gRPC would tell it."""

    def __init__(self, reason: str) -> None:
        nothing = grpc.aio.Metadata()
        super().__init__(grpc.StatusCode.UNKNOWN, nothing, nothing, details=reason)


def connect(broker: str) -> aiomqtt.Client:
    """Make a client that lets as many messages be in flight as the protocol can number."""
    address = parse_address(broker)
    return aiomqtt.Client(address.host, address.port, max_inflight_messages=IN_FLIGHT_MAX)


class Connection:
    """One connection; each reply ends the call whose correlation it repeats."""

    def __init__(self, client: aiomqtt.Client, case: Case) -> None:
        self._client = client
        self._case = case
        self._session = f"bench-{secrets.token_hex(8)}"
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def listen(self) -> None:
        """Subscribe to this connection's replies."""
        replies = f"{ECHO_REPLIES}/{self._session}" if self._echo else reply_topic("+", self._session)
        await self._client.subscribe(replies, qos=QOS)

    async def read(self) -> None:
        """Give replies to the calls that wait for them, until cancelled."""
        async for message in self._client.messages:
            reply = json.loads(bytes(message.payload))
            if (waiting := self._waiting.pop(reply["correlation"], None)) and not waiting.done():
                waiting.set_result(reply)

    async def call(self, item: ItemChange, timeout: float) -> None:
        """Send one request and wait for its reply. Raises TimeoutError, or Refusal for a reply with an error."""
        correlation = uuid.uuid4().hex
        customer = item.order.customer_id
        fields = {
            "request_id": correlation,
            "reply_to": self._session,
            "correlation": correlation,
            "order_id": item.order.order_id,
            "product_id": item.product_id,
            "quantity": item.quantity,
        }
        topic = ECHO_TOPIC if self._echo else request_topic(customer, "set_order_item")
        waiting = self._waiting[correlation] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(timeout):
            await self._client.publish(topic, json.dumps(fields), qos=QOS)
            reply = await waiting
        if "error" in reply:
            raise Refusal(reply["error"]["reason"])

    @property
    def _echo(self) -> bool:
        return self._case.calls is Calls.ECHO_MQTT


@asynccontextmanager
async def connected_calls(broker: str, case: Case) -> AsyncIterator[list[Call]]:
    """Connect several times, and give the call of each connection."""
    async with AsyncExitStack() as stack:
        connections = [Connection(await stack.enter_async_context(connect(broker)), case) for _ in range(CONNECTIONS)]
        reading = []
        for connection in connections:
            await connection.listen()
            reading.append(asyncio.create_task(connection.read()))
        try:
            yield [connection.call for connection in connections]
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)


async def echo(broker: str) -> None:
    """Reply to every request, for ever."""
    async with connect(broker) as client, asyncio.TaskGroup() as replies:
        await client.subscribe(ECHO_TOPIC, qos=QOS)
        async for message in client.messages:
            request = json.loads(bytes(message.payload))
            reply = json.dumps({"correlation": request["correlation"]})
            # The broker's acknowledgement of one reply is not waited for before the next.
            replies.create_task(client.publish(f"{ECHO_REPLIES}/{request['reply_to']}", reply, qos=QOS))


if __name__ == "__main__":
    asyncio.run(echo(sys.argv[1]))
