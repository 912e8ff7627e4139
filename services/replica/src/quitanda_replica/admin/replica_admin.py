"""What administrators ask of one replica: hand over, hand out, check."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import structlog

from quitanda.domain.outcomes import Problem, invalid
from quitanda.errors import NotLeader, Rejected, Unavailable
from quitanda.v1.admin_portal_pb2 import BackupPart, ReplicaVerification, TransferLeadershipResponse
from quitanda_replica.admin.backup_source import BackupSource
from quitanda_replica.admin.level_raiser import LevelRaiser
from quitanda_replica.integrity.verification import Verification, matches
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.state import digest
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import StoreFailed

TRANSFER_SECONDS_MAX: Final = 1.5
"""Writes are refused meanwhile; a follower that is not ready by then is not going to be soon."""

_log = structlog.get_logger(__name__)


class ReplicaAdmin:
    """Any thread may call it. `on_fatal` hears of a state that does not match its digest."""

    def __init__(
        self,
        name: str,
        replicas: Sequence[str],
        raft: RaftNode,
        backups: BackupSource,
        verification: Verification,
        levels: LevelRaiser,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._name = name
        self._replicas = replicas
        self._raft = raft
        self._backups = backups
        self._verification = verification
        self._levels = levels
        self._on_fatal = on_fatal

    def transfer_leadership(self, to: str, timeout: float) -> TransferLeadershipResponse:
        """Let the replica `to` lead, or any other one; nothing happens where it leads already.

        Rejected: no replica has that name. NotLeader. Unavailable: nobody, or somebody else, took over within
        `timeout` seconds. Overloaded: a transfer to another one is under way.
        """
        if to and to not in self._replicas:
            names = sorted(self._replicas)
            choices = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
            raise Rejected(invalid("to", Problem.UNKNOWN_VALUE, value=to, choices=choices))
        before = self._raft.status()
        if before.role is not Role.LEADER:
            raise NotLeader(before.leader)
        if to == self._name:
            return TransferLeadershipResponse(leader=self._name, term=before.term)
        if not (to in before.peers if to else before.peers):  # known at once, without a pause for those who write
            raise Unavailable(f"{to or 'no other replica'} is not connected to {self._name}, which leads on")
        moved = self._raft.transfer_leadership(min(timeout, TRANSFER_SECONDS_MAX), to)
        after = self._raft.status()
        _log.info("leadership_transfer", handed_over=moved, leader=after.leader, asked_for=to)
        if not moved:
            raise Unavailable(
                f"{to or 'no other replica'} was {'not ' if to else ''}ready to lead; {self._name} leads on"
            )
        if to and after.leader != to:
            raise Unavailable(f"{after.leader} leads now, not {to}")
        return TransferLeadershipResponse(leader=after.leader, term=after.term)

    def raise_level(self, level: int, timeout: float) -> int:
        """Raise the cluster's level, and return it (`LevelRaiser.run`)."""
        return self._levels.run(level, timeout)

    def backup(self, timeout: float) -> Iterator[BackupPart]:
        """Yield the parts of a backup (`BackupSource.parts`)."""
        return self._backups.parts(timeout)

    def verify(self, compared_revision: int, timeout: float) -> tuple[ReplicaVerification, Callable[[], None] | None]:
        """Read the whole state and tell what it is (`Verification.run`), damaged or not.

        Where it is damaged, or does not match, the second value is what must be done once the answer has left.
        """
        error: Exception
        try:
            verified = self._verification.run(compared_revision, timeout)
        except (StateCorrupt, StoreFailed) as failed:
            error = failed
            verified = ReplicaVerification(name=self._name, reachable=True, error=str(failed))
        else:
            if matches(verified):
                return verified, None
            error = digest.mismatch(verified.kept_digest, verified.computed_digest)
        return verified, lambda: self._on_fatal(error)
