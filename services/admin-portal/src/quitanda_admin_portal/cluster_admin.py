"""Caring for the cluster itself, apart from the messages in which administrators ask for it."""

from collections.abc import AsyncGenerator
from typing import Final, Protocol

from quitanda.domain.limits import LEVEL_MAX
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.validation import check_id
from quitanda.errors import Rejected, Unavailable
from quitanda.v1.admin_portal_pb2 import (
    BackupPart,
    RaiseLevelResponse,
    ReplicaStatus,
    ReplicaVerification,
    TransferLeadershipResponse,
    VerifyClusterResponse,
)
from quitanda_admin_portal.operations import Cluster

REVISION_SECONDS_MAX: Final = 3.0
"""How long a leader is looked for that says at which revision the replicas are compared."""

NOT_COMPARED: Final = 0


class Administration(Protocol):
    """What caring needs of `quitanda.cluster_client.ClusterClient.administration`."""

    async def statuses(self, timeout: float) -> list[ReplicaStatus]:
        """Say what each replica knows of itself."""

    async def transfer_leadership(self, to: str, timeout: float) -> TransferLeadershipResponse:
        """Let another replica lead."""

    async def raise_level(self, level: int, timeout: float) -> RaiseLevelResponse:
        """Raise the level of rules that all replicas decide by."""

    async def backup(self, timeout: float) -> AsyncGenerator[BackupPart, None]:
        """Begin a backup; return its parts, to be closed."""

    async def verify(self, compared_revision: int, timeout: float) -> list[ReplicaVerification]:
        """Let each replica compare its state with its digest."""


class ClusterAdmin:
    """Performs what is asked, each within `timeout` seconds; holds no state of its own."""

    def __init__(self, cluster: Cluster, administration: Administration) -> None:
        self._cluster = cluster
        self._administration = administration

    async def statuses(self, timeout: float) -> list[ReplicaStatus]:
        """Say what each replica knows of itself; one that is silent is said to be unreachable."""
        return await self._administration.statuses(timeout)

    async def transfer_leadership(self, to: str, timeout: float) -> TransferLeadershipResponse:
        """Let the replica `to` lead, or with '' any other one. Raises Rejected, Unavailable, OutcomeUnknown."""
        wrong = check_id("to", to) if to else None
        if isinstance(wrong, Refused):
            raise Rejected(wrong)
        return await self._administration.transfer_leadership(to, timeout)

    async def raise_level(self, level: int, timeout: float) -> RaiseLevelResponse:
        """Raise the cluster's level, with 0 as far as the leader can. Raises Rejected, Unavailable, OutcomeUnknown."""
        if level > LEVEL_MAX:
            raise Rejected(invalid("level", Problem.TOO_LARGE, limit=LEVEL_MAX))
        return await self._administration.raise_level(level, timeout)

    async def backup(self, timeout: float) -> AsyncGenerator[BackupPart, None]:
        """Begin a backup within `timeout` seconds; return its parts, to be closed. Raises Unavailable."""
        return await self._administration.backup(timeout)

    async def verify(self, timeout: float) -> VerifyClusterResponse:
        """Let each replica compare its state with its digest, and tell all digests at one revision.

        Where no leader tells the present revision, the replicas are not compared with each other (revision 0).
        """
        try:
            revision = (await self._cluster.read((), min(timeout, REVISION_SECONDS_MAX))).revision
        except Unavailable:
            revision = NOT_COMPARED
        return VerifyClusterResponse(revision=revision, replicas=await self._administration.verify(revision, timeout))
