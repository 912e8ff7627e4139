"""The one policy of retries: a call goes to one replica after the other until one answers or the deadline comes.

- The next replica is tried at once. After all replicas were tried, the client pauses for a short random time, so that
  it finds a new leader soon after the election.
- The client retries every failure except a refusal and a replica's own defect. A request that may have been applied
  is repeated with the same request id, so it takes effect once.
- The caller gets OVERLOADED after a few tries: more tries would add to the overload.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import SystemRandom
from typing import Final, Self, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from quitanda.cluster_client.options import ClusterOptions
from quitanda.cluster_client.replica_channel import ReplicaChannel
from quitanda.cluster_client.routing import LeaderRoute, LeaderTracker, PageRoute, Route
from quitanda.errors import InternalError, NotLeader, OutcomeUnknown, Overloaded, QuitandaError, Rejected, Unavailable

Answer = TypeVar("Answer")

_log = structlog.get_logger(__name__)
_random = SystemRandom()

_NEARLY: Final = 0.9
"""Timers of the two sides differ a little: nine tenths of the time are the whole time."""


@dataclass(frozen=True, slots=True)
class ClusterCounters:
    """Counters in one registry."""

    tries: Counter
    leader_changes: Counter
    gathered: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry | None) -> Self:
        """Make the counters in `registry`, or in a registry that is not exported."""
        registry = registry or CollectorRegistry()
        return cls(
            tries=Counter(
                "quitanda_cluster_tries", "Calls to replicas, by what came of them", ["result"], registry=registry
            ),
            leader_changes=Counter(
                "quitanda_cluster_leader_changes", "How often another replica answered as leader", registry=registry
            ),
            gathered=Counter(
                "quitanda_cluster_gathered",
                "Requests that were gathered into calls, by kind (commands, reads, pages)",
                ["kind"],
                registry=registry,
            ),
        )


class ReplicaCalls:
    """Calls to the leader, or to where a list began; `clock` gives the event loop's seconds."""

    def __init__(
        self,
        replicas: Mapping[str, ReplicaChannel],
        options: ClusterOptions,
        counters: ClusterCounters,
        clock: Callable[[], float],
    ) -> None:
        self._replicas = replicas
        self._options = options
        self._counters = counters
        self._answered = counters.tries.labels("answered")
        self._clock = clock
        self._leadership = LeaderTracker(tuple(replicas), options.suspicion)
        self._answered_at: float | None = None

    def led_within(self, seconds: float) -> bool:
        """Whether a leader is known and answered in the last `seconds`."""
        if self._leadership.known is None or self._answered_at is None:
            return False
        return self._clock() - self._answered_at <= seconds

    async def to_leader(
        self, attempt: Callable[[ReplicaChannel, float], Awaitable[Answer]], deadline: Callable[[], float]
    ) -> Answer:
        """Have the leader answer `attempt(replica, timeout)` before `deadline()`, which may move.

        Raises the last try's error, at once where that is Rejected; Unavailable if no replica led before the deadline.
        """
        answer, name = await self._until_answered(LeaderRoute(self._leadership, self._clock), attempt, deadline)
        self._answered_at = self._clock()
        if self._leadership.answered(name):
            self._counters.leader_changes.inc()
            _log.info("leader_found", leader=name)
        return answer

    async def to_origin(self, attempt: Callable[[ReplicaChannel, float], Awaitable[Answer]], deadline: float) -> Answer:
        """As `to_leader`, but where the page's list began; Rejected (PAGE_TOKEN_EXPIRED) where that is gone."""
        answer, _ = await self._until_answered(PageRoute(self._leadership, self._clock), attempt, lambda: deadline)
        return answer

    async def _until_answered(
        self,
        route: Route,
        attempt: Callable[[ReplicaChannel, float], Awaitable[Answer]],
        deadline: Callable[[], float],
    ) -> tuple[Answer, str]:
        failed: QuitandaError | None = None
        try:
            return await self._try(route, attempt, deadline() - self._clock())
        except QuitandaError as error:
            failed = error
        # The machinery of retries costs as much as a call: only a call that failed needs it.
        policy = _Policy(route, self._options, deadline, self._clock)
        try:
            async for retry in policy.retrying():
                with retry:
                    if failed is not None:
                        first, failed = failed, None
                        raise first
                    return await self._try(route, attempt, deadline() - self._clock())
        except NotLeader as error:  # our caller does not know replicas: to it, no replica could be reached
            raise Unavailable("no leader answered in time") from error
        raise AssertionError("tenacity ends by an answer or an error")

    async def _try(
        self, route: Route, attempt: Callable[[ReplicaChannel, float], Awaitable[Answer]], left: float
    ) -> tuple[Answer, str]:
        name = route.candidate()
        if name is None or left <= 0:
            raise Unavailable("no replica could be asked in time")
        timeout = min(left, self._options.try_timeout)
        started = self._clock()
        try:
            answer = await attempt(self._replica(name), timeout)
        except QuitandaError as error:
            self._counters.tries.labels(error.reason.lower()).inc()
            _log.debug("try_failed", replica=name, reason=error.reason, error=str(error))
            self._learn(route, name, error, timeout, self._clock() - started)
            raise
        self._answered.inc()
        return answer, name

    def _replica(self, name: str) -> ReplicaChannel:
        try:
            return self._replicas[name]
        except KeyError:
            raise Unavailable(f"no replica is called {name!r}") from None

    def _learn(self, route: Route, name: str, error: QuitandaError, timeout: float, elapsed: float) -> None:
        if isinstance(error, Rejected):
            return
        patience = min(timeout, self._options.connect_timeout)
        waited = elapsed >= _NEARLY * patience
        if waited and timeout < self._options.connect_timeout:
            # The caller was in a hurry, and its time is over: that says nothing of the replica.
            return
        route.failed(name, error, silent=waited)


class _Policy:
    """When to try again, for one call; tenacity asks `wait` and then `stop` after each failed try."""

    def __init__(
        self, route: Route, options: ClusterOptions, deadline: Callable[[], float], clock: Callable[[], float]
    ) -> None:
        self._route = route
        self._options = options
        self._deadline = deadline
        self._clock = clock
        self._overloads = 0

    def retrying(self) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception(_may_succeed_later),
            wait=self._wait,
            stop=self._stop,
            sleep=asyncio.sleep,
            reraise=True,
        )

    def _wait(self, state: RetryCallState) -> float:
        if _is_overloaded(state):
            self._overloads += 1
        elif self._route.candidate() is not None:
            return 0.0
        self._route.paused()
        return _random.uniform(self._options.backoff_min, self._options.backoff_max)

    def _stop(self, state: RetryCallState) -> bool:
        if _is_overloaded(state) and self._overloads >= self._options.overload_tries:
            return True
        return self._clock() + state.upcoming_sleep >= self._deadline()


def _may_succeed_later(error: BaseException) -> bool:
    return isinstance(error, Unavailable | OutcomeUnknown) and not isinstance(error, InternalError)


def _is_overloaded(state: RetryCallState) -> bool:
    return state.outcome is not None and isinstance(state.outcome.exception(), Overloaded)
