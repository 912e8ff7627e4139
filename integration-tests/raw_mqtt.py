"""Requests over MQTT by clients that do as they like: any bytes to any topic."""

import asyncio
import json
import secrets
from contextlib import asynccontextmanager

import aiomqtt

from quitanda.topics import reply_topic, request_topic
from quitanda_clients.addresses import parse_address

REPLY_SECONDS = 10.0


class RawCustomer:
    """A connection that gets the replies to one session of one customer, and asks for one thing at a time."""

    def __init__(self, client, customer_id, session):
        self._client = client
        self._replies = aiter(client.messages)
        self.customer_id = customer_id
        self.session = session

    def envelope(self, **fields):
        """The JSON text of a request whose reply comes here."""
        return json.dumps({"reply_to": self.session, **fields})

    async def ask(self, operation, payload):
        """Publish a request and give its reply, a dictionary."""
        await self.publish(request_topic(self.customer_id, operation), payload)
        return await self.reply()

    async def publish(self, topic, payload, *, retain=False):
        """Publish anything anywhere."""
        await self._client.publish(topic, payload, qos=1, retain=retain)

    async def reply(self):
        """Give the next reply."""
        async with asyncio.timeout(REPLY_SECONDS):
            return json.loads((await anext(self._replies)).payload)


@asynccontextmanager
async def raw_customer(broker, customer_id):
    """Connect to the broker at `host:port`, in a session of one's own."""
    address, session = parse_address(broker), f"raw-{secrets.token_hex(6)}"
    client = aiomqtt.Client(address.host, address.port, protocol=aiomqtt.ProtocolVersion.V311)
    async with client:
        await client.subscribe(reply_topic(customer_id, session), qos=1)
        yield RawCustomer(client, customer_id, session)


def verdict(reply):
    """What a row of the matrix expects of a reply: reason, field and, for INVALID_ARGUMENT, the problem."""
    error = reply.get("error")
    if error is None:
        return "OK", "", ""
    return error["reason"], error["field"], error["details"].get("problem", "")
