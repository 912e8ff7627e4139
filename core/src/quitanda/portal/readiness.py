"""Tells health checks whether requests can be answered: whether a leader was reached lately."""

import asyncio
import contextlib
from typing import Final, Protocol

import structlog

log = structlog.get_logger(__name__)

CHECK_SECONDS: Final = 0.5


class Cluster(Protocol):
    """What readiness needs of a `quitanda.cluster_client.ClusterClient`."""

    async def ready(self) -> bool:
        """Whether a leader answered lately, or answers now."""


class Health(Protocol):
    """What readiness needs of a `quitanda.runtime.grpc_server.GrpcServer`."""

    async def set_ready(self, *, ready: bool) -> None:
        """Tell health checks."""


class Readiness:
    """Asks the cluster client every `CHECK_SECONDS` (`lifecycle.Part`); the broker does not count."""

    name: Final = "readiness"

    def __init__(self, cluster: Cluster, health: Health) -> None:
        self._cluster = cluster
        self._health = health
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to ask; returns at once."""
        self._task = asyncio.create_task(self._watch(), name="readiness")

    async def stop(self, timeout: float) -> None:  # noqa: ARG002 - nothing to wait for
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        was_ready = False
        while True:
            ready = await self._cluster.ready()
            if ready is not was_ready:
                await self._health.set_ready(ready=ready)
                log.info("ready" if ready else "not_ready")
                was_ready = ready
            await asyncio.sleep(CHECK_SECONDS)
