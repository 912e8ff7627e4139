"""Webhooks of a whole shop: what happened is told in order, whichever process dies."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.operations import PortalKind
from quitanda.runtime.addresses import parse_address
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.transports.grpc import GrpcTransport
from quitanda_testing.cluster.process_cluster import ProcessCluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.processes_only(reason="it has a receiver here")]

SECONDS = 40.0
ORDERS = 6
LIFE = ["order_created", "order_placed", "order_fulfilled"]
SETTINGS = {"QUITANDA_WEBHOOK_PRIVATE_ADDRESSES": "true", "QUITANDA_WEBHOOK_PLAIN_HTTP": "true"}


class EventReceiver:
    """Takes messages, or refuses them while `status` is not 200."""

    def __init__(self):
        self.status = 200
        self.secret = ""
        self.bodies = []
        self.told = asyncio.Condition()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = dict(line.lower().split(": ", 1) for line in lines)
            text = dict(line.split(": ", 1) for line in lines)
            body = await reader.readexactly(int(headers["content-length"]))
            writer.write(f"HTTP/1.1 {self.status} Told\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            if self.status == 200:
                self._verify(text, body)
                self.bodies.append(json.loads(body))
            async with self.told:
                self.told.notify_all()
        writer.close()

    def _verify(self, headers, body):
        """Do what the documents show to a receiver."""
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert any(hmac.compare_digest(expected, each) for each in headers["webhook-signature"].split(" "))

    def events_of(self, document_id):
        """Give the events of a document in the order in which they first came."""
        return list(dict.fromkeys(each["event"] for each in self.bodies if each["document_id"] == document_id))

    async def until(self, condition):
        async with asyncio.timeout(SECONDS), self.told:
            await self.told.wait_for(condition)


@pytest.fixture
async def cluster(tmp_path):
    made = ProcessCluster.on_free_ports(tmp_path / "data", settings=SETTINGS)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def sender_of(cluster):
    """Give the portal that has the lease: of all changes of the sender the one with the highest number."""
    changes = [
        (json.loads(line)["number"], name)
        for name in cluster.admin_portals
        for line in cluster.log(name)
        if "webhook_sender_changed" in line
    ]
    return max(changes)[1] if changes else None


async def test_events_come_in_order_although_sender_and_leader_die_and_dead_letters_can_be_repeated(cluster):
    portals = [parse_address(cluster.address(name)) for name in cluster.admin_portals]
    shops = [parse_address(cluster.address(name)) for name in cluster.client_portals]
    async with (
        EventReceiver() as receiver,
        AdminClient(portals, timeout=20.0) as admin,
        ShopClient("ana", GrpcTransport(PortalKind.CLIENT, shops, timeout=20.0)) as ana,
    ):
        await admin.raise_level()
        await admin.create_customer("ana", "Ana")
        await admin.create_product("tea", "Tea", 250, 100, reorder_level=90)
        made = await admin.create_webhook(receiver.url, "order_created,order_placed,order_fulfilled,product_low")
        receiver.secret = made.secret
        orders = []

        async def order():
            order_id = (await ana.create_order([ItemQuantity("tea", 3)])).document.order_id
            orders.append(order_id)
            await ana.place_order(order_id)
            await admin.fulfil_order(order_id)

        for _ in range(ORDERS // 2):
            await order()
        await receiver.until(lambda: receiver.events_of(orders[0]) == LIFE)
        sender, leader = sender_of(cluster), await cluster.wait_for_leader()
        assert sender is not None
        cluster.kill(sender)
        cluster.kill(leader)
        for _ in range(ORDERS // 2):
            await order()
        await receiver.until(lambda: "order_fulfilled" in receiver.events_of(orders[-1]))

        for order_id in orders:
            assert receiver.events_of(order_id) == LIFE
        assert receiver.events_of("tea") == ["product_low"]
        assert sender_of(cluster) != sender
        names = {}
        for body in receiver.bodies:
            names.setdefault((body["document_id"], body["event"]), body["event_id"])
            assert names[body["document_id"], body["event"]] == body["event_id"]
