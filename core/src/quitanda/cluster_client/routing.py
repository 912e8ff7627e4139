"""Which replica each try of a call goes to: what is known of who leads, and what a failed try teaches; pure.

An answer proves who leads (or led a moment ago). A NOT_LEADER hint is only what a follower believes: it is used if no
leader is known, or if the replica that gave the hint was taken for the leader. So a follower that lags cannot send all
calls back to a leader that is gone.

A replica that did not answer in time is suspected for a while, and is then asked last: a paused process or a cut
network costs every call there a whole time-out.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import NotLeader, Overloaded, QuitandaError, Rejected


class LeaderTracker:
    """The leader as far as known, shared by all calls of one client; times are in seconds of one clock."""

    def __init__(self, names: Sequence[str], suspicion: float) -> None:
        """`suspicion` is how long a silent replica is avoided.

        Raises ValueError without names or with duplicates.
        """
        if not names or len(set(names)) != len(names):
            raise ValueError("replicas need names, each its own")
        self._names = tuple(names)
        self._suspicion = suspicion
        self._suspected_until: dict[str, float] = {}
        self._turn = 0
        self._answered_last: str | None = None
        self.known: str | None = None

    def candidate(self, tried: Collection[str], now: float) -> str | None:
        """Whom to ask, not among `tried`: the leader, else each in turn; None where all were tried."""
        trusted = [name for name in self._names if self._suspected_until.get(name, now) <= now] or list(self._names)
        left = [name for name in trusted if name not in tried]
        if not left:
            return None
        if self.known in left:
            return self.known
        return left[self._turn % len(left)]

    def answered(self, name: str) -> bool:
        """Learn that the replica answered as the leader; tell whether it is another than before."""
        self._suspected_until.pop(name, None)
        changed = self._answered_last != name
        self.known = self._answered_last = name
        return changed

    def redirected(self, name: str, hint: str) -> None:
        """Learn that the replica does not lead and believes that `hint` does ('': it knows of none)."""
        self._turn += 1
        self._suspected_until.pop(name, None)
        if self.known in {None, name}:
            self.known = hint if hint in self._names and hint != name else None

    def failed(self, name: str) -> None:
        """Learn that the replica cannot be reached or cannot lead now."""
        self._turn += 1
        if self.known == name:
            self.known = None

    def silent(self, name: str, now: float) -> None:
        """Learn that the replica did not answer in time."""
        self.failed(name)
        self._suspected_until[name] = now + self._suspicion


class Route(Protocol):
    """Tells the tries of one call where to go."""

    def candidate(self) -> str | None:
        """Name the replica for the next try; None where a pause must come first."""

    def paused(self) -> None:
        """Learn that the pause is over: everybody may be asked again."""

    def failed(self, name: str, error: QuitandaError, *, silent: bool) -> None:
        """Learn that a try failed; `silent` where the replica let its whole time pass.

        May raise what ends the call.
        """


class LeaderRoute:
    """To the leader: as known, as hinted at, else to everybody in turn."""

    def __init__(self, leadership: LeaderTracker, clock: Callable[[], float]) -> None:
        self._leadership = leadership
        self._clock = clock
        self._tried: set[str] = set()

    def candidate(self) -> str | None:
        """See `Route`."""
        return self._leadership.candidate(self._tried, self._clock())

    def paused(self) -> None:
        """See `Route`."""
        self._tried.clear()

    def failed(self, name: str, error: QuitandaError, *, silent: bool) -> None:
        """See `Route`; an overloaded leader still leads."""
        self._tried.add(name)
        if isinstance(error, NotLeader):
            self._leadership.redirected(name, error.leader)
        elif isinstance(error, Overloaded):
            return
        elif silent:
            self._leadership.silent(name, self._clock())
        else:
            self._leadership.failed(name)


class PageRoute:
    """To the replica where a list began, which is not known until another one names it.

    Teaches the shared knowledge of the leader nothing: here NOT_LEADER names the list's origin.
    """

    def __init__(self, leadership: LeaderTracker, clock: Callable[[], float]) -> None:
        self._leadership = leadership
        self._clock = clock
        self._tried: set[str] = set()
        self._origin: str | None = None

    def candidate(self) -> str | None:
        """See `Route`."""
        if self._origin is not None:
            return None if self._origin in self._tried else self._origin
        return self._leadership.candidate(self._tried, self._clock())

    def paused(self) -> None:
        """See `Route`."""
        self._tried.clear()

    def failed(self, name: str, error: QuitandaError, *, silent: bool) -> None:  # noqa: ARG002 - Route's signature
        """See `Route`.

        Raises Rejected (PAGE_TOKEN_EXPIRED) where the origin is gone, and the snapshot with it.
        """
        self._tried.add(name)
        if name == self._origin and not isinstance(error, Overloaded):
            raise Rejected(refused(Reason.PAGE_TOKEN_EXPIRED, "page_token")) from error
        if isinstance(error, NotLeader) and error.leader:
            self._origin = error.leader
