"""Calls over MQTT: a request is published, and its reply comes on a topic of the connection's own.

`python -m bench.load_mqtt BROKER` is the echo: it replies to every request at once, with nothing. It has one
connection, in a loop of its own. Both ends use paho's client itself: what asyncio's wrappers put around it costs more
than the rest.
"""

import asyncio
import contextlib
import json
import secrets
import socket
import ssl
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.cases import Calls, named
from bench.load import Call, LoadOrder
from bench.measurement import Refusal
from bench.proofs import Proofs
from bench.workload import ItemChange, Workload
from quitanda.mqtt.topics import reply_topic, request_topic
from quitanda.operations import TOKEN_FIELD
from quitanda.runtime.addresses import parse_address

IN_FLIGHT_MAX: Final = 65_535
"""As many messages as the protocol can number."""
QOS: Final = 1
"""As Quitanda's own clients use it."""
CONNECT_SECONDS: Final = 20.0
KEEP_ALIVE_SECONDS: Final = 600
"""Longer than any case: nobody then has to send a ping."""
ECHO_TOPIC: Final = "bench/echo/requests"
ECHO_REPLIES: Final = "bench/echo/replies"


def new_client(broker: str, context: ssl.SSLContext | None = None) -> mqtt.Client:
    """Make a connected client that sends each message at once, however many are in flight. Raises OSError."""
    address = parse_address(broker)
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(IN_FLIGHT_MAX)
    client.on_socket_open = _without_delay
    if context is not None:
        client.tls_set_context(context)
    client.connect(address.host, address.port, KEEP_ALIVE_SECONDS)
    return client


def _without_delay(client: mqtt.Client, userdata: object, connected: Any) -> None:
    del client, userdata
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class CallingConnection:
    """One connection on the running loop; each reply ends the call whose correlation it repeats.

    It is of one customer, or, with "+", of all: only a broker in the open mode allows that.
    """

    def __init__(self, broker: str, calls: Calls, customer_id: str, proofs: Proofs) -> None:
        self._calls = calls
        self._customer_id = customer_id
        self._tokens = proofs.tokens
        self._session = f"bench-{secrets.token_hex(8)}"
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._loop = asyncio.get_running_loop()
        self._subscribed = asyncio.Event()
        self._client = new_client(broker, proofs.broker_context(customer_id))
        self._socket: Any = self._client.socket()
        self._client.on_message = self._receive
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_socket_register_write = lambda *_: self._loop.add_writer(self._socket, self._client.loop_write)
        self._client.on_socket_unregister_write = self._all_written

    async def open(self) -> None:
        """Subscribe to this connection's replies. Raises TimeoutError."""
        self._loop.add_reader(self._socket, self._read)
        # What the client wrote while it connected may wait for the callbacks that were set later.
        self._client.loop_write()
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._subscribed.wait()

    def close(self) -> None:
        """End the connection."""
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._client.on_socket_unregister_write = None
        self._socket.close()

    async def call(self, item: ItemChange, timeout: float) -> None:
        """Send one request and wait for its reply. Raises TimeoutError, or Refusal for a reply with an error."""
        correlation = uuid.uuid4().hex
        fields = {
            "request_id": correlation,
            "reply_to": self._session,
            "correlation": correlation,
            "order_id": item.order.order_id,
            "product_id": item.product_id,
            "quantity": item.quantity,
        }
        if token := self._tokens.get(item.order.customer_id):
            fields[TOKEN_FIELD] = token
        topic = ECHO_TOPIC if self._echo else request_topic(item.order.customer_id, "set_order_item")
        waiting = self._waiting[correlation] = self._loop.create_future()
        try:
            async with asyncio.timeout(timeout):
                self._client.publish(topic, json.dumps(fields), qos=QOS)
                reply = await waiting
        finally:
            self._waiting.pop(correlation, None)
        if error := reply.get("error"):
            raise Refusal(error["reason"], error.get("retry_after_seconds", 0.0))

    def _subscribe(self, *_: object) -> None:
        self._client.subscribe(
            f"{ECHO_REPLIES}/{self._session}" if self._echo else reply_topic(self._customer_id, self._session), QOS
        )

    def _read(self) -> None:
        self._client.loop_read()
        # what the TLS library has decrypted already makes the socket no more readable
        while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self._client.loop_read()

    def _all_written(self, *_: object) -> None:
        self._loop.remove_writer(self._socket)

    def _receive(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        del client, userdata
        reply = json.loads(message.payload)
        waiting = self._waiting.get(reply["correlation"])
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    @property
    def _echo(self) -> bool:
        return self._calls is Calls.ECHO_MQTT


@asynccontextmanager
async def connected_calls(order: LoadOrder) -> AsyncIterator[list[Call]]:
    """Connect as often as the case says, and give the call of each connection."""
    case, proofs, orders = named(order.case), Proofs.from_json(order.proofs), Workload.from_json(order.workload).orders
    async with AsyncExitStack() as stack:
        connections = []
        for n in range(case.connections):
            customer_id = orders[n % len(orders)].customer_id if case.connections == case.in_flight else "+"
            connection = CallingConnection(order.broker, case.calls, customer_id, proofs)
            connections.append(stack.enter_context(contextlib.closing(connection)))
            await connection.open()
        yield [connection.call for connection in connections]


def echo(broker: str) -> None:
    """Reply to every request, for ever."""

    def reply(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        del userdata
        request = json.loads(message.payload)
        answer = json.dumps({"correlation": request["correlation"]})
        client.publish(f"{ECHO_REPLIES}/{request['reply_to']}", answer, qos=QOS)

    def subscribe(client: mqtt.Client, *_: object) -> None:
        client.subscribe(ECHO_TOPIC, QOS)

    client = new_client(broker)
    client.on_message = reply
    client.on_connect = subscribe
    client.loop_forever()


if __name__ == "__main__":
    echo(sys.argv[1])
