"""Requests over MQTT by clients that do as they like: any bytes to any topic."""

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiomqtt

from quitanda.mqtt.connection import BrokerClient
from quitanda.mqtt.topics import reply_topic, request_topic
from quitanda.operations import TOKEN_FIELD
from quitanda.runtime.addresses import parse_address
from quitanda_testing.cluster.cluster import Cluster

REPLY_SECONDS = 10.0

WriteRequest = Callable[[str], str | bytes]
"""Writes a request for a reply address."""


class RawCustomer:
    """A connection that gets the replies to every session of one customer; each request is a session of its own.

    `proof` are the fields of a request that say who asks: none in the open mode.
    """

    def __init__(self, client: aiomqtt.Client, customer_id: str, token: str) -> None:
        self._client = client
        self.proof = {TOKEN_FIELD: token} if token else {}
        self._prefix = f"raw-{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)
        self._replies: dict[str, asyncio.Future[bytes]] = {}
        self.customer_id = customer_id

    async def ask(self, operation: str, write: WriteRequest) -> dict[str, Any]:
        """Publish what `write` makes of a reply address, and give the reply, a dictionary."""
        reply_to = f"{self._prefix}-{next(self._numbers)}"
        reply = self._replies[reply_topic(self.customer_id, reply_to)] = asyncio.get_running_loop().create_future()
        await self.publish(request_topic(self.customer_id, operation), write(reply_to))
        async with asyncio.timeout(REPLY_SECONDS):
            return json.loads(await reply)

    async def ask_all(self, requests: Iterable[tuple[str, WriteRequest]]) -> list[dict[str, Any]]:
        """Ask for many things (operation, write) at once; give the replies in the same order."""
        return await asyncio.gather(*(self.ask(operation, write) for operation, write in requests))

    async def orders(self) -> list[dict[str, Any]]:
        """List the customer's orders."""
        return (await self.ask("list_orders", self.envelope()))["result"]["orders"]

    def envelope(self, **fields: Any) -> WriteRequest:
        """Write a request of these fields."""
        return lambda reply_to: json.dumps({"reply_to": reply_to, **self.proof, **fields})

    async def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish anything anywhere."""
        await self._client.publish(topic, payload, qos=1, retain=retain)

    async def take_replies(self) -> None:
        """Hand the replies out, for as long as there is a connection."""
        async for message in self._client.messages:
            reply = self._replies.pop(message.topic.value, None)
            if reply is not None:
                reply.set_result(message.payload)


@asynccontextmanager
async def raw_customer(cluster: Cluster, customer_id: str) -> AsyncIterator[RawCustomer]:
    """Connect to the broker as a customer."""
    async with raw_client(cluster, customer_id) as client:
        client.pending_calls_threshold = 1_000
        await client.subscribe(reply_topic(customer_id, "+"), qos=1)
        customer = RawCustomer(client, customer_id, cluster.callers.token_of(customer_id))
        replies = asyncio.create_task(customer.take_replies())
        try:
            yield customer
        finally:
            replies.cancel()
            with suppress(asyncio.CancelledError, aiomqtt.MqttError):
                await replies


def raw_client(cluster: Cluster, user: str) -> aiomqtt.Client:
    """Make a connection of a user, a process of the cluster or a customer, that publishes anything anywhere.

    In the open mode the broker does not know who it is. Otherwise it takes what the user may publish; so whoever lies
    on the feed has taken over a replica.
    """
    address = parse_address(cluster.address(cluster.broker))
    callers = cluster.callers
    tls = callers.tls_of_process(user) if user in cluster.everything else callers.tls_of_customer(user)
    return BrokerClient(address.host, address.port, protocol=aiomqtt.ProtocolVersion.V311, tls_context=tls)


def verdict(reply: dict[str, Any]) -> tuple[str, str, str]:
    """What a row of the matrix expects of a reply: reason, field and, for INVALID_ARGUMENT, the problem."""
    error = reply.get("error")
    if error is None:
        return "OK", "", ""
    return error["reason"], error["field"], error["details"].get("problem", "")
