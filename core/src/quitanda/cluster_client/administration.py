"""What administrators ask of the replicas: who leads, a backup, whether all is well."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from quitanda.cluster_client.replica_channel import ReplicaChannel
from quitanda.cluster_client.retrying import ReplicaCalls
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import NotOffered, QuitandaError, Rejected
from quitanda.v1.admin_portal_pb2 import (
    BackupPart,
    RaiseLevelRequest,
    RaiseLevelResponse,
    ReplicaStatus,
    ReplicaVerification,
    TransferLeadershipRequest,
    TransferLeadershipResponse,
)
from quitanda.v1.replica_pb2 import VerifyRequest

BACKUP_SECONDS_MAX: Final = 3_600.0
"""The longest that a whole backup may take."""


class Administration:
    """Operations on the cluster as such; times are in seconds."""

    def __init__(self, replicas: Mapping[str, ReplicaChannel], calls: ReplicaCalls) -> None:
        self._replicas = replicas
        self._calls = calls

    async def statuses(self, timeout: float) -> list[ReplicaStatus]:
        """Ask all replicas at once what they know of themselves, in the order of their names; never raises."""
        return list(await asyncio.gather(*(_status(replica, timeout) for replica in self._replicas.values())))

    async def transfer_leadership(self, to: str, timeout: float) -> TransferLeadershipResponse:
        """Let the replica `to` lead, or with '' any other one. Raises Rejected, Unavailable, OutcomeUnknown."""
        request = TransferLeadershipRequest(to=to)
        deadline = asyncio.get_running_loop().time() + timeout
        return await self._calls.to_leader(
            lambda replica, left: replica.transfer_leadership(request, left), lambda: deadline
        )

    async def raise_level(self, level: int, timeout: float) -> RaiseLevelResponse:
        """Raise the cluster's level, with 0 as far as the leader can. Raises Rejected, Unavailable, OutcomeUnknown."""
        request = RaiseLevelRequest(level=level)
        deadline = asyncio.get_running_loop().time() + timeout

        async def attempt(replica: ReplicaChannel, left: float) -> RaiseLevelResponse:
            try:
                return await replica.raise_level(request, left)
            except NotOffered:  # of a version that knows no levels
                wanted = level or SUPPORTED_LEVEL
                refusal = refused(Reason.LEVEL_NOT_SUPPORTED, level=wanted, replica=replica.name, supported=FIRST_LEVEL)
                raise Rejected(refusal) from None

        return await self._calls.to_leader(attempt, lambda: deadline)

    async def backup(self, timeout: float) -> AsyncGenerator[BackupPart, None]:
        """Begin a backup within `timeout` seconds; return its parts, to be read to the end or closed.

        Raises Unavailable; the parts, too, where the replica is lost on the way.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        return await self._calls.to_leader(
            lambda replica, left: replica.backup(left, BACKUP_SECONDS_MAX), lambda: deadline
        )

    async def verify(self, compared_revision: int, timeout: float) -> list[ReplicaVerification]:
        """Let all replicas at once compare state and digest, in the order of their names; never raises."""
        request = VerifyRequest(compared_revision=compared_revision)
        return list(await asyncio.gather(*(_verify(each, request, timeout) for each in self._replicas.values())))


async def _status(replica: ReplicaChannel, timeout: float) -> ReplicaStatus:
    try:
        status = await replica.status(timeout)
    except QuitandaError as error:
        return ReplicaStatus(name=replica.name, reachable=False, error=str(error) or error.reason)
    status.reachable = True
    return status


async def _verify(replica: ReplicaChannel, request: VerifyRequest, timeout: float) -> ReplicaVerification:
    try:
        return await replica.verify(request, timeout)
    except QuitandaError as error:
        return ReplicaVerification(name=replica.name, reachable=False, error=str(error) or error.reason)
