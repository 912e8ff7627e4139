"""Tells health checks whether requests can be answered: whether a leader was reached lately, and any caller is known.

It also tells whether the change feed is heard. A portal without the feed serves correctly, only slower, so nothing may
take it out of service for that.
"""

import asyncio
import contextlib
from typing import Final

import structlog

from quitanda.cache import CachedReader
from quitanda.cluster_client import ClusterClient, List, Page
from quitanda.domain.model import Kind
from quitanda.errors import QuitandaError
from quitanda.portal.servers import PortalServers
from quitanda.runtime.background_task import start_background_task

_log = structlog.get_logger(__name__)

CHECK_SECONDS: Final = 0.5

_ANY_CREDENTIAL: Final = List(Kind.CREDENTIAL, "", 1)


class PortalReadiness:
    """Checks every `CHECK_SECONDS` (`lifecycle.Part`)."""

    name: Final = "readiness"

    def __init__(
        self,
        cluster: ClusterClient,
        reader: CachedReader,
        servers: PortalServers,
        *,
        needs_credential: bool = False,
    ) -> None:
        """`needs_credential`: requests can be answered only when the shop knows some caller.

        The replicas create the first administrator's credential soon after the first start.
        """
        self._needs_credential = needs_credential
        self._cluster = cluster
        self._reader = reader
        self._servers = servers
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to ask; returns at once."""
        self._task = start_background_task(self._watch, "readiness")

    async def stop(self, timeout: float) -> None:  # noqa: ARG002 - nothing to wait for
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        was_ready: bool | None = None  # not told yet
        was_alive: bool | None = None
        while True:
            ready, alive = await self._can_answer(), self._reader.feed_alive()
            if ready is not was_ready:
                await self._servers.set_ready(ready=ready)
                _log.info("ready" if ready else "not_ready")
                was_ready = ready
            if alive is not was_alive:
                await self._servers.set_feed(alive=alive)
                _log.debug("feed_heard" if alive else "feed_silent")
                was_alive = alive
            await asyncio.sleep(CHECK_SECONDS)

    async def _can_answer(self) -> bool:
        if not await self._cluster.ready():
            return False
        if self._needs_credential and await self._is_there_a_credential():
            self._needs_credential = False
        return not self._needs_credential

    async def _is_there_a_credential(self) -> bool:
        try:
            (found,) = (await self._cluster.read((_ANY_CREDENTIAL,), CHECK_SECONDS)).results
        except QuitandaError:
            return False
        return isinstance(found, Page) and bool(found.documents)
