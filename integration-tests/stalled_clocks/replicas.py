"""Asks replicas, each over one connection, and takes their silence for what it is: no answer."""

import asyncio
from contextlib import suppress

import grpc.aio

from quitanda.v1 import replica_pb2
from quitanda.v1.replica_pb2_grpc import ReplicaStub

STATUS_SECONDS = 2.0
"""Longer than a replica stands still."""


class ReplicaClients:
    """The replicas of a cluster, by name."""

    def __init__(self, cluster):
        self._channels = {name: grpc.aio.insecure_channel(cluster.address(name)) for name in cluster.replicas}
        self._stubs = {name: ReplicaStub(channel) for name, channel in self._channels.items()}

    async def close(self):
        for channel in self._channels.values():
            await channel.close()

    async def status(self, name):
        """What the replica says of itself; None if it says nothing."""
        with suppress(grpc.aio.AioRpcError):
            return (await self._stubs[name].GetStatus(replica_pb2.GetStatusRequest(), timeout=STATUS_SECONDS)).status
        return None

    async def statuses(self):
        """What those say who say anything."""
        answers = await asyncio.gather(*(self.status(name) for name in self._stubs))
        return [status for status in answers if status is not None]

    async def execute(self, request, timeout):
        """The answer of whoever leads; None where nobody says so, or where it is not known what happened."""
        return await self._of_any("Execute", replica_pb2.ExecuteRequest(requests=[request]), timeout)

    async def read(self, items, timeout):
        """A linearizable answer, or None."""
        return await self._of_any("Read", replica_pb2.ReadRequest(reads=items), timeout)

    async def _of_any(self, call, message, timeout):
        for stub in self._stubs.values():
            with suppress(grpc.aio.AioRpcError):
                return await getattr(stub, call)(message, timeout=timeout)
        return None
