"""What can go wrong at the edges; business refusals are not here, they are values (`domain.outcomes`).

    QuitandaError
    ├─ Unavailable             definite: it did not and will not happen; retry freely
    │  ├─ NoConnection         definite: nobody took the connection; is the server running?
    │  │  └─ TlsMismatch       definite: one side speaks TLS and the other does not; somebody has to change a setting
    │  ├─ NotOffered           definite: the server does not offer this call; there is no use in trying it again
    │  ├─ NotLeader            definite: another replica leads; retry there
    │  └─ Overloaded           definite: no room or no time for it; retry later
    ├─ OutcomeUnknown          indefinite: it may or may not have happened; retry with the SAME request id
    └─ Rejected                definite: a refusal, raised where a program asks for an answer or an exception

A leaf: imports nothing but the outcomes' types, so that every module may import it.
"""

from collections.abc import Mapping
from typing import ClassVar

from quitanda.domain.outcomes import Refused


class QuitandaError(Exception):
    """The base of all errors; `reason` is the name that programs match on.

    `definite` is true where the operation did not and never will take effect. `request_id` is the write's, also where
    the client chose it; empty where there is none, or where it is not known.
    """

    reason: ClassVar[str] = "UNAVAILABLE"
    definite: ClassVar[bool] = True
    request_id: str = ""


class Unavailable(QuitandaError):
    """Nobody could take the request in time; nothing happened."""


class NoConnection(Unavailable):
    """Nobody took the connection, so nothing was sent."""


class TlsMismatch(NoConnection):
    """The server speaks TLS and this program does not, or the other way round, so nothing was sent."""


class NotOffered(Unavailable):
    """The server does not offer this call, and never will."""


class NotLeader(Unavailable):
    """The replica does not lead. `leader` is the name of the one that does, as far as it knows, or ''."""

    reason = "NOT_LEADER"

    def __init__(self, leader: str = "") -> None:
        super().__init__(f"not the leader; the leader is {leader or 'not known'}")
        self.leader = leader


class Overloaded(Unavailable):
    """There is no room, or no time, for one more request; nothing happened.

    `retry_after` is the number of seconds after which the caller may try again; 0 where nobody knows it. `limit` names
    the caller's own limit that the request is beyond (docs/ERRORS.md); it is empty where everybody's is.
    """

    reason = "OVERLOADED"
    retry_after: float = 0.0
    limit: str = ""


class OutcomeUnknown(QuitandaError):
    """The answer did not come: the write may have taken effect. Safe to repeat with the same request id."""

    reason = "OUTCOME_UNKNOWN"
    definite = False


class InternalError(OutcomeUnknown):
    """The server met an exception that nobody expected; the write may have taken effect. Worth a report."""

    reason = "INTERNAL"


class Rejected(QuitandaError):
    """A refusal, for callers that prefer exceptions; `refused` says why, `revision` when it was decided."""

    def __init__(self, refused: Refused, revision: int = 0) -> None:
        super().__init__(refused.reason.value)
        self.refused = refused
        self.revision = revision

    @property
    def details(self) -> Mapping[str, str]:
        """The facts of the refusal, by name."""
        return dict(self.refused.details)
