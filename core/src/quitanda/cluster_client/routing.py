"""Which replica each try of one call goes to, and what a failed try teaches; pure, one object per call."""

from collections.abc import Callable
from typing import Protocol

from quitanda.cluster_client.leader_tracking import Leadership
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import NotLeader, Overloaded, QuitandaError, Rejected


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

    def __init__(self, leadership: Leadership, clock: Callable[[], float]) -> None:
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

    def __init__(self, leadership: Leadership, clock: Callable[[], float]) -> None:
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
