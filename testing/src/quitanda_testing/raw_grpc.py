"""Calls to a portal over gRPC by clients that do as they like: any bytes to any method."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from quitanda.domain.model import CallerRole
from quitanda.operations import OPERATIONS, CertificateOperation, PasswordOperation
from quitanda_testing.cluster.callers import OPTIONS
from quitanda_testing.cluster.cluster import Cluster

CALL_SECONDS = 10.0
STATUS_KEY = "grpc-status-details-bin"


NEED_AN_IDENTITY: Final = frozenset(
    operation.label for operation in OPERATIONS if isinstance(operation, CertificateOperation | PasswordOperation)
)
"""A portal without an identity has no CA of customers and knows nobody: it does not have these methods."""


def offered(cluster: Cluster, service: ServiceDescriptor) -> list[MethodDescriptor]:
    """Give the methods that the cluster's portals have, and administrators may ask for.

    The others refuse an administrator's token before they look at the message.
    """
    missing = frozenset() if cluster.callers.secure else NEED_AN_IDENTITY
    refused = {operation.path for operation in OPERATIONS if CallerRole.ADMIN not in operation.roles}
    return [
        method
        for method in service.methods
        if method.name not in missing and f"/{service.full_name}/{method.name}" not in refused
    ]


@dataclasses.dataclass(frozen=True)
class RawReply:
    """What a caller was told: OK and the answer's bytes, or a status with what its ErrorInfo says."""

    code: str
    reason: str = ""
    field: str = ""
    problem: str = ""
    message: str = ""
    details: dict = dataclasses.field(default_factory=dict)
    answer: bytes = b""

    @property
    def verdict(self) -> tuple[str, str, str]:
        """What a row of the matrix expects: reason, field and, for INVALID_ARGUMENT, the problem."""
        return self.reason or self.code, self.field, self.problem


class RawPortal:
    """One service of one portal; `method` is its name in the contract."""

    def __init__(self, channel: grpc.aio.Channel, service: str) -> None:
        self._channel = channel
        self._service = service

    async def call(self, method: str, payload: bytes | Message) -> RawReply:
        """Send a message, or bytes as they are; tell what came back, of a stream its first message."""
        data = payload if isinstance(payload, bytes) else payload.SerializeToString()
        # One answer and a stream of one look the same on the wire.
        invoke: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(
            f"/{self._service}/{method}"
        )
        call = invoke(data, timeout=CALL_SECONDS)
        try:
            return RawReply("OK", answer=await anext(aiter(call)))
        except grpc.aio.AioRpcError as error:
            return _reply_of(error)
        finally:
            call.cancel()


@asynccontextmanager
async def raw_portal(cluster: Cluster, name: str, service: str) -> AsyncIterator[RawPortal]:
    """Connect to a portal by its name, with the administrators' token; to a replica, as a portal does."""
    options = (*OPTIONS, ("grpc.max_send_message_length", -1))
    connect = cluster.callers.channel_of_portal if name in cluster.replicas else cluster.callers.channel
    async with connect(cluster.address(name), options=options) as channel:
        yield RawPortal(channel, service)


def _reply_of(error: grpc.aio.AioRpcError) -> RawReply:
    told = RawReply(error.code().name, message=error.details() or "")
    for key, value in error.trailing_metadata() or ():
        if key != STATUS_KEY:
            continue
        status = status_pb2.Status.FromString(value)
        info = error_details_pb2.ErrorInfo()
        for detail in status.details:
            if detail.Unpack(info):
                facts = dict(info.metadata)
                return RawReply(
                    told.code, info.reason, facts.get("field", ""), facts.get("problem", ""), told.message, facts
                )
    return told
