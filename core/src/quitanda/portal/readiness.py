"""Tells health checks whether requests can be answered, which is whether a leader was reached lately.

Apart from that it tells how the change feed does. A portal without the feed serves as correctly, only slower, so
nothing may take it out of service for that.
"""

import asyncio
import contextlib
from typing import Final, Protocol

import structlog

from quitanda.runtime.background_task import lasting_task

log = structlog.get_logger(__name__)

CHECK_SECONDS: Final = 0.5


class Cluster(Protocol):
    """What readiness needs of a `quitanda.cluster_client.ClusterClient`."""

    async def ready(self) -> bool:
        """Whether a leader answered lately, or answers now."""


class Feed(Protocol):
    """What readiness needs of a `quitanda.cache.CachedReader`."""

    def feed_alive(self) -> bool:
        """Whether the leader was heard through the feed within the staleness bound."""


class Health(Protocol):
    """What readiness needs of `doors.PortalServers`."""

    async def set_ready(self, *, ready: bool) -> None:
        """Tell health checks whether requests can be answered."""

    async def set_feed(self, *, alive: bool) -> None:
        """Tell who asks whether the feed is heard."""


class Readiness:
    """Looks every `CHECK_SECONDS` (`lifecycle.Part`)."""

    name: Final = "readiness"

    def __init__(self, cluster: Cluster, feed: Feed, health: Health) -> None:
        self._cluster = cluster
        self._feed = feed
        self._health = health
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to ask; returns at once."""
        self._task = lasting_task(self._watch, "readiness")

    async def stop(self, timeout: float) -> None:  # noqa: ARG002 - nothing to wait for
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        was_ready: bool | None = None  # not told yet, or told by a look that failed
        was_alive: bool | None = None
        while True:
            ready, alive = await self._cluster.ready(), self._feed.feed_alive()
            if ready is not was_ready:
                await self._health.set_ready(ready=ready)
                log.info("ready" if ready else "not_ready")
                was_ready = ready
            if alive is not was_alive:
                await self._health.set_feed(alive=alive)
                log.debug("feed_heard" if alive else "feed_silent")
                was_alive = alive
            await asyncio.sleep(CHECK_SECONDS)
