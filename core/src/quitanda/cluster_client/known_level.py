"""What a portal knows of the cluster's level of rules."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from quitanda.domain import levels
from quitanda.domain.outcomes import Refused
from quitanda.errors import Unavailable
from quitanda.v1.admin_portal_pb2 import ReplicaStatus

ASK_SECONDS_MAX: Final = 1.0
"""The longest wait for the replicas' levels: a replica that is silent must not take the command's whole time."""


class KnownLevel:
    """Refuses a command that needs a higher level than the cluster is at; knows that level from the replicas.

    A replica of an earlier version would ignore a field that it does not know, and would not say so. Such a command is
    sent only when a replica has said that the cluster is at the level which it needs: then all replicas know the field.
    """

    def __init__(self, statuses: Callable[[float], Awaitable[Sequence[ReplicaStatus]]]) -> None:
        """`statuses` asks all replicas (`Administration.statuses`)."""
        self._statuses = statuses
        self._level = levels.FIRST_LEVEL

    async def check(self, command: object, timeout: float) -> Refused | None:
        """Refuse the command (LEVEL_TOO_LOW), or not. Asks the replicas only if it needs more than is known.

        Raises Unavailable if no replica answers: then nobody knows whether the level is too low.
        """
        if levels.needed(command) <= self._level:
            return None
        statuses = await self._statuses(min(timeout, ASK_SECONDS_MAX))
        answers = [status.cluster_level for status in statuses if status.reachable]
        if not answers:
            raise Unavailable("no replica says at which level of rules the cluster is")
        self._level = max(self._level, *answers)
        return levels.check(command, self._level)
