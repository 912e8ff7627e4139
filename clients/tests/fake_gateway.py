"""A portal on MQTT for tests: it passes requests on to a fake portal, and replies as a portal does."""

import asyncio
import contextlib
import json
from collections import deque
from decimal import Decimal
from typing import Any

import aiomqtt

from quitanda.codec.custom_fields import extra_from_values
from quitanda.codec.documents import present_document, present_summary
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.refusals import customer_not_found
from quitanda.error_status import to_json_error
from quitanda.errors import QuitandaError
from quitanda.mqtt.topics import REQUESTS_FILTER, parse_request_topic, reply_topic
from quitanda.operations import PortalKind, document_operations_of
from quitanda.runtime.addresses import Address
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.results import Consistency
from quitanda_local import broker, ports

START_SECONDS = 60.0


class BrokerProcess:
    """A real broker as a process of its own; `restart` keeps the port."""

    def __init__(self, kind, directory):
        self.address = Address("127.0.0.1", ports.free_ports(1)[0])
        self._command = broker.prepare(kind, self.address.port, directory)
        self._log = directory / "broker.log"
        self._process = None

    async def start(self):
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._command, stdout=log, stderr=log)
        async with asyncio.timeout(START_SECONDS):
            while not await self._accepts():  # noqa: ASYNC110 - another process does not set our events
                await asyncio.sleep(0.02)

    async def kill(self):
        self._process.kill()
        await self._process.wait()

    async def _accepts(self):
        try:
            _, writer = await asyncio.open_connection(self.address.host, self.address.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


class Silence:
    """A plan: the request is carried out, but no reply is published."""


class Loss:
    """A plan: the request is not carried out, and no reply is published."""


class LateReply:
    """A plan: a refusal of the first request of all comes just before the reply to this one."""


class Gateway:
    """Answers every request on the broker; `requests` are (customer id, operation, fields) as they arrived.

    `plans` says, for the requests to come, what goes wrong with them, in turn: an error, or bytes to publish.
    """

    def __init__(self, address, portal):
        self.requests = []
        self.plans = deque()
        self.subscribed = asyncio.Event()
        self.arrival = asyncio.Event()
        self._address = address
        self._portal = portal
        self._task: Any = None

    async def start(self):
        self._task = asyncio.create_task(self._stay())
        async with asyncio.timeout(START_SECONDS):
            await self.subscribed.wait()

    async def asked(self):
        """Wait until a request has arrived since the gateway was made."""
        async with asyncio.timeout(START_SECONDS):
            await self.arrival.wait()

    async def stop(self):
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _stay(self):
        while True:
            try:
                await self._serve()
            except* aiomqtt.MqttError:
                self.subscribed.clear()
            await asyncio.sleep(0.02)

    async def _serve(self):
        async with aiomqtt.Client(self._address.host, self._address.port) as client:
            await client.subscribe(REQUESTS_FILTER, qos=1)
            self.subscribed.set()
            async with asyncio.TaskGroup() as answers:
                async for message in client.messages:
                    answers.create_task(self._answer(client, message))

    async def _answer(self, client, message):
        customer_id, operation = parse_request_topic(str(message.topic)) or ("", "")
        fields = json.loads(message.payload, parse_float=Decimal)
        self.arrival.set()
        self.requests.append((customer_id, operation, dict(fields)))
        fields.pop("token", None)
        request_id, reply_to, correlation = (fields.pop(name) for name in ("request_id", "reply_to", "correlation"))
        plan = self.plans.popleft() if self.plans else None
        if isinstance(plan, Loss):
            return
        echo = {"request_id": request_id, "correlation": correlation}
        if isinstance(plan, LateReply):
            _, _, first = self.requests[0]
            late = _error({name: first[name] for name in echo}, customer_not_found(customer_id))
            await client.publish(reply_topic(customer_id, first["reply_to"]), late, qos=1)
        if isinstance(plan, bytes):
            payload = plan
        elif isinstance(plan, QuitandaError):
            payload = _error(echo, plan)
        else:
            payload = await self._carry_out(customer_id, operation, echo, fields)
        if not isinstance(plan, Silence):
            await client.publish(reply_topic(customer_id, reply_to), payload, qos=1)

    async def _carry_out(self, customer_id, operation, echo, fields):
        async with make_shop_client(
            Transport.GRPC, customer_id, portals=[self._portal.address], broker=self._address
        ) as shop:
            try:
                return await _result(shop, operation, echo, fields)
            except QuitandaError as error:
                return _error(echo, error)


async def _result(shop, operation, echo, fields):
    if "items" in fields:
        fields["items"] = [
            ItemQuantity(item["product_id"], item["quantity"], extra_from_values(item.get("extra", {})))
            for item in fields["items"]
        ]
    if "extra" in fields:
        fields["extra"] = extra_from_values(fields["extra"])
    if "consistency" in fields:
        fields["consistency"] = Consistency(fields["consistency"])
    if operation.startswith(("list_", "find_")):
        name = operation.partition("_")[2]
        if operation == "find_products":
            asked = document_operations_of(PortalKind.CLIENT)[operation].from_fields(shop.customer_id, fields)
            page = await shop.found_page(asked.kind, asked.filter, asked.page_size, asked.page_token)
        else:
            page = await getattr(shop, f"{name}_page")(**fields)
        present = present_summary if name == "orders" else present_document
        documents = ",".join(map(present, page.documents))
        result = f'{{"{name}":[{documents}],"next_page_token":{json.dumps(page.next_page_token)}}}'
        return _reply(echo, page.revision, result)
    if not operation.startswith("get_"):
        fields["request_id"] = echo["request_id"]
    answer = await getattr(shop, operation)(**fields)
    return _reply(echo, answer.revision, present_document(answer.document))


def _reply(echo, revision, result):
    return f'{json.dumps(echo)[:-1]},"revision":{revision},"result":{result}}}'.encode()


def _error(echo, error):
    return json.dumps({**echo, "error": to_json_error(error)}).encode()
