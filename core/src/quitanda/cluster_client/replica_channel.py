"""One gRPC channel to one replica; failures leave here as the errors of `quitanda.errors`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeAlias, TypeVar

import grpc
import structlog
from grpc import aio

from quitanda.cluster_client.options import ClusterOptions
from quitanda.domain.outcomes import Refused
from quitanda.errors import OutcomeUnknown, QuitandaError, Rejected, Unavailable
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime.grpc_channel import ReconnectingChannel
from quitanda.runtime.grpc_options import Options, channel_options
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.v1 import admin_portal_pb2, replica_pb2, replica_pb2_grpc

_log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")
_BackupCall: TypeAlias = "aio.UnaryStreamCall[replica_pb2.BackupRequest, admin_portal_pb2.BackupPart]"


def replica_channel_options(options: ClusterOptions) -> Options:
    """Give the options of a channel to a replica: everybody's, and two of our own."""
    own = {
        # The longest that one attempt to connect may take; the pauses between them are shorter.
        "grpc.min_reconnect_backoff_ms": round(options.connect_timeout * 1000),
        # Each client its own connection, closed with it.
        "grpc.use_local_subchannel_pool": 1,
    }
    return tuple({**dict(channel_options()), **own}.items())


class ReplicaChannel:
    """A replica as its callers see it; made while the event loop runs."""

    def __init__(self, name: str, address: str, options: ClusterOptions, identity: LinkIdentity | None = None) -> None:
        """With an `identity` the connection is TLS, and the replica's certificate must have its name."""
        self.name = name
        self._connect_timeout = options.connect_timeout
        self._channel = ReconnectingChannel(
            name, address, replica_channel_options(options), replica_pb2_grpc.ReplicaStub, identity, name
        )
        self._refusal_logged = False

    async def execute(
        self, request: replica_pb2.ExecuteRequest, timeout: float, metadata: tuple[tuple[str, str]] | None = None
    ) -> replica_pb2.ExecuteResponse:
        """Call Execute. Raises QuitandaError: definite ones where nothing can have happened."""
        return await self._call(lambda stub, left: stub.Execute(request, timeout=left, metadata=metadata), timeout)

    async def read(self, request: replica_pb2.ReadRequest, timeout: float) -> replica_pb2.ReadResponse:
        """Call Read. Raises QuitandaError."""
        return await self._call(lambda stub, left: stub.Read(request, timeout=left), timeout)

    async def status(self, timeout: float) -> admin_portal_pb2.ReplicaStatus:
        """Call GetStatus. Raises QuitandaError."""
        request = replica_pb2.GetStatusRequest()
        response = await self._call(lambda stub, left: stub.GetStatus(request, timeout=left), timeout)
        return response.status

    async def transfer_leadership(
        self, request: admin_portal_pb2.TransferLeadershipRequest, timeout: float
    ) -> admin_portal_pb2.TransferLeadershipResponse:
        """Call TransferLeadership. Raises QuitandaError."""
        return await self._call(lambda stub, left: stub.TransferLeadership(request, timeout=left), timeout)

    async def raise_level(
        self, request: admin_portal_pb2.RaiseLevelRequest, timeout: float
    ) -> admin_portal_pb2.RaiseLevelResponse:
        """Call RaiseLevel. Raises QuitandaError."""
        return await self._call(lambda stub, left: stub.RaiseLevel(request, timeout=left), timeout)

    async def verify(self, request: replica_pb2.VerifyRequest, timeout: float) -> admin_portal_pb2.ReplicaVerification:
        """Call Verify. Raises QuitandaError."""
        response = await self._call(lambda stub, left: stub.Verify(request, timeout=left), timeout)
        return response.verification

    async def backup(self, timeout: float, whole: float) -> AsyncGenerator[admin_portal_pb2.BackupPart, None]:
        """Call Backup; return the parts once the first has come, within `timeout` seconds; all, within `whole`.

        Raises QuitandaError, later from the parts, too. Close the parts where they are not read to the end.
        """
        stub = await self._connected(timeout)
        call = stub.Backup(replica_pb2.BackupRequest(), timeout=whole)
        parts = self._parts(call)
        try:
            async with asyncio.timeout(timeout):
                first = await anext(parts)
        except TimeoutError:
            raise Unavailable(f"{self.name} did not begin a backup within {timeout:.3g} s") from None
        except StopAsyncIteration:
            raise Unavailable(f"{self.name} sent an empty backup") from None
        return _with_first(first, parts)

    async def _parts(self, call: _BackupCall) -> AsyncGenerator[admin_portal_pb2.BackupPart, None]:
        try:
            async for part in call:
                yield part
        except grpc.RpcError as error:
            raise _failure(error, self.name) from error
        finally:
            call.cancel()

    async def close(self) -> None:
        """Close the channel and end its calls."""
        await self._channel.close()

    async def _call(
        self, start: "Callable[[replica_pb2_grpc.ReplicaAsyncStub, float], Awaitable[Answer]]", timeout: float
    ) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        stub = await self._connected(timeout)
        try:
            return await start(stub, max(deadline - loop.time(), 0.001))
        except grpc.RpcError as error:
            raise _failure(error, self.name) from error

    async def _connected(self, timeout: float) -> "replica_pb2_grpc.ReplicaAsyncStub":
        try:
            return await self._channel.connected(min(timeout, self._connect_timeout))
        finally:
            why = self._channel.refusal
            if why and not self._refusal_logged:  # once until it is connected again: the reason tells the time
                _log.warning("replica_connection_refused", replica=self.name, reason=why)
            self._refusal_logged = bool(why)


async def _with_first(
    first: admin_portal_pb2.BackupPart, others: AsyncGenerator[admin_portal_pb2.BackupPart, None]
) -> AsyncGenerator[admin_portal_pb2.BackupPart, None]:
    async with aclosing(others):
        yield first
        async for part in others:
            yield part


def _failure(error: grpc.RpcError, name: str) -> QuitandaError:
    failure = from_rpc_error(error)
    if isinstance(failure, Refused):
        return Rejected(failure)
    if isinstance(failure, OutcomeUnknown | Unavailable) and not failure.args:
        failure.args = (f"{name}: {error}",)
    return failure
