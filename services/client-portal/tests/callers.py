"""The same calls over gRPC and over MQTT, so that one body of tests speaks to both.

A call gives (revision, what was asked for as the domain's values); a failure is raised as CallFailed.
"""

import asyncio
import itertools
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

import aiomqtt
import grpc
import simplejson

from quitanda import error_status, rpc_status
from quitanda.codec.documents import read_shown_document, read_summary
from quitanda.codec.json_text import dump_json
from quitanda.codec.protobuf import DOCUMENT_CODECS, SUMMARY_CODEC
from quitanda.domain.model import Kind
from quitanda.mqtt import topics
from quitanda.operations import PortalKind, operations_of
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1 import documents_pb2
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub

CALL_SECONDS = 10.0


class CallFailed(Exception):
    """`failure` is a row of the error table; `request_id` and `retry_after` (seconds) are what the error told."""

    def __init__(self, failure: error_status.Failure, request_id: str | None = None, retry_after: float = 0.0) -> None:
        super().__init__(f"{failure.reason} {failure.field} {failure.details}")
        self.failure = failure
        self.reason = failure.reason
        self.field = failure.field
        self.problem = failure.details.get("problem", "")
        self.request_id = request_id
        self.retry_after = retry_after


class GrpcCaller:
    """Calls over gRPC; the fields are those of the request's message."""

    CONSISTENCY: ClassVar = {
        "linearizable": documents_pb2.CONSISTENCY_LINEARIZABLE,
        "cached": documents_pb2.CONSISTENCY_CACHED,
    }

    def __init__(self, port: int) -> None:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self._stub = ClientPortalStub(self._channel)

    async def close(self) -> None:
        await self._channel.close()

    async def call(self, operation: str, customer_id: str, /, **fields: Any) -> tuple[int, Any]:
        row = operations_of(PortalKind.CLIENT)[operation]
        if fields.get("consistency") in self.CONSISTENCY:
            fields["consistency"] = self.CONSISTENCY[fields["consistency"]]
        if "items" in fields:
            fields["items"] = [pb.ItemQuantity(**_with_json_texts(item)) for item in fields["items"]]
        try:
            request = row.request_class(customer_id=customer_id, **_with_json_texts(fields))
            response = await getattr(self._stub, row.label)(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            failure = rpc_status.from_rpc_error(error)
            raise CallFailed(error_status.describe(failure), getattr(failure, "request_id", None)) from error
        return response.revision, self._read(response)

    @staticmethod
    def _read(response: Any) -> Any:
        match response:
            case pb.ListOrdersResponse():
                return [SUMMARY_CODEC.read(order) for order in response.orders], response.next_page_token
            case pb.ListProductsForCustomerResponse() | pb.FindProductsForCustomerResponse():
                return [
                    DOCUMENT_CODECS[Kind.PRODUCT].read(product) for product in response.products
                ], response.next_page_token
            case pb.GetProductForCustomerResponse():
                return DOCUMENT_CODECS[Kind.PRODUCT].read(response.product)
            case _:
                return DOCUMENT_CODECS[Kind.ORDER].read(response.order)


def _with_json_texts(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Unknown fields are values in JSON, and texts of such values in Protocol Buffers."""
    if "extra" not in fields:
        return dict(fields)
    return {**fields, "extra": {name: dump_json(value) for name, value in fields["extra"].items()}}


class MqttCaller:
    """Calls over MQTT as one client session of each customer that it speaks for."""

    SESSION = "test-session"

    def __init__(self, port: int) -> None:
        self._client = aiomqtt.Client(
            "127.0.0.1",
            port,
            identifier="caller",
            protocol=aiomqtt.ProtocolVersion.V311,
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        self._client.pending_calls_threshold = 10_000
        self._numbers = itertools.count(1)
        self._replies: dict[str | None, asyncio.Queue[dict[str, Any]]] = {}
        self._reading: asyncio.Task[None] | None = None
        self.received: list[tuple[str, dict[str, Any]]] = []

    async def open(self) -> None:
        await self._client.__aenter__()
        await self._client.subscribe("quitanda/v1/customers/+/replies/+", qos=1)
        self._reading = asyncio.create_task(self._read_replies())

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._client.__aexit__(None, None, None)

    async def call(self, operation: str, customer_id: str, /, **fields: Any) -> tuple[int, Any]:
        request_id = fields.pop("request_id", "") or f"call-{next(self._numbers)}"
        await self.send(operation, customer_id, {"request_id": request_id, "reply_to": self.SESSION, **fields})
        return self._result(operation, await self.reply(request_id))

    async def send(self, operation: str, customer_id: str, payload: Mapping[str, Any] | bytes, **options: Any) -> None:
        data = payload if isinstance(payload, bytes) else simplejson.dumps(payload, use_decimal=True).encode()
        await self._client.publish(topics.request_topic(customer_id, operation), data, qos=1, **options)

    async def reply(self, request_id: str | None, timeout: float = CALL_SECONDS) -> dict[str, Any]:
        async with asyncio.timeout(timeout):
            return await self._replies.setdefault(request_id, asyncio.Queue()).get()

    async def _read_replies(self) -> None:
        async for message in self._client.messages:
            reply = simplejson.loads(message.payload, use_decimal=True)
            self.received.append((message.topic.value, reply))
            self._replies.setdefault(reply["request_id"], asyncio.Queue()).put_nowait(reply)

    @staticmethod
    def _result(operation: str, reply: dict[str, Any]) -> tuple[int, Any]:
        if "error" in reply:
            failure = error_status.describe(error_status.from_json_error(reply["error"]))
            raise CallFailed(failure, reply["request_id"], float(reply["error"].get("retry_after_seconds", 0)))
        revision, result = reply["revision"], reply["result"]
        match operation:
            case "list_orders":
                return revision, ([read_summary(order) for order in result["orders"]], result["next_page_token"])
            case "list_products" | "find_products":
                products = [read_shown_document(Kind.PRODUCT, product) for product in result["products"]]
                return revision, (products, result["next_page_token"])
            case "get_product":
                return revision, read_shown_document(Kind.PRODUCT, result)
            case _:
                return revision, read_shown_document(Kind.ORDER, result)
