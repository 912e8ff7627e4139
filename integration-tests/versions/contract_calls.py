"""Calls of the portals' public contract as JSON objects, so that what one version answered can be kept and compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import grpc.aio
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2

from quitanda.v1 import admin_portal_pb2, client_portal_pb2

CALL_SECONDS: Final = 20.0
SERVICES: Final[Mapping[str, ServiceDescriptor]] = {
    service.name: service
    for module in (admin_portal_pb2, client_portal_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
}
_STATUS_KEY: Final = "grpc-status-details-bin"
_TOLD_SINCE: Final = frozenset({"request_id", "requestId"})
"""What answers and errors of every version after 9cd34e3 tell in addition."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call and what came of it; exactly one of `answer` and `refusal` is there."""

    method: str
    """`Service.Method`."""
    request: Json
    answer: Json | None = None
    refusal: Json | None = None
    """`code`, `reason` and `facts` (texts by name)."""

    def as_json(self) -> Json:
        """Return it as an object of a file."""
        outcome = {"answer": self.answer} if self.refusal is None else {"refusal": self.refusal}
        return {"method": self.method, "request": self.request, **outcome}


def from_json(kept: Json) -> Exchange:
    """Return an exchange that `as_json` has written."""
    return Exchange(kept["method"], kept["request"], kept.get("answer"), kept.get("refusal"))


class ContractCalls:
    """Calls at one portal of each kind; an asynchronous context manager."""

    def __init__(self, addresses: Mapping[str, str], services: Mapping[str, ServiceDescriptor] = SERVICES) -> None:
        """`addresses`: host:port by the service's name; `services`: the contract, where it is another version's."""
        self._services = services
        self._channels = {service: grpc.aio.insecure_channel(address) for service, address in addresses.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels.values():
            await channel.close()

    async def call(self, method: str, request: Json) -> Exchange:
        """Make a call that is answered, or refused for a reason; any other error is raised."""
        service, _, name = method.partition(".")
        described = self._services[service].methods_by_name[name]
        answer_type = message_factory.GetMessageClass(described.output_type)
        message = json_format.ParseDict(request, message_factory.GetMessageClass(described.input_type)())
        send = self._channels[service].unary_unary(
            f"/{self._services[service].full_name}/{name}",
            request_serializer=lambda sent: sent.SerializeToString(),
            response_deserializer=answer_type.FromString,
        )
        try:
            answer = await send(message, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            return Exchange(method, request, refusal=_refusal(error))
        told = json_format.MessageToDict(answer, preserving_proto_field_name=True)
        return Exchange(method, request, answer=_without(told))

    async def all_pages(self, method: str, request: Json, field: str) -> Exchange:
        """Read a list to its end; the answer holds all documents and no page's token."""
        documents: list[Json] = []
        token = ""
        while True:
            page = await self.call(method, request | {"page_token": token})
            if page.answer is None:
                return Exchange(method, request, refusal=page.refusal)
            documents += page.answer.get(field, [])
            token = page.answer.get("next_page_token", "")
            if not token:
                return Exchange(method, request, answer={field: documents})


def _without(told: Json) -> Json:
    return {name: value for name, value in told.items() if name not in _TOLD_SINCE}


def _refusal(error: grpc.aio.AioRpcError) -> Json:
    """Return code, reason and facts. Raises the error itself where it is none of the portals'."""
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_KEY:
            for packed in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if packed.Unpack(info):
                    return {"code": error.code().name, "reason": info.reason, "facts": _without(dict(info.metadata))}
    raise error
