"""A portal's process: the cluster client, the cache and the metrics, around the parts that `compose` makes."""

import asyncio
import gc
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final, TypeAlias, TypeVar

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from quitanda.cache import CachedReader, ReaderOptions, open_reader
from quitanda.cluster_client import ClusterClient
from quitanda.identity.folder import IdentityError
from quitanda.mqtt.feed_key import FeedKey
from quitanda.runtime import descriptors, lifecycle, logging, metrics, startup_warnings, tracing
from quitanda.runtime.certificate_ends import show_certificate_ends
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.process_identity import open_identity
from quitanda.runtime.settings import PortalSettings, load_or_exit

STOP_SECONDS_MAX: Final = 4.0
"""What calls in flight get at the end, so that the process is gone within five seconds."""

Settings = TypeVar("Settings", bound=PortalSettings)

Compose: TypeAlias = Callable[
    [Settings, ClusterClient, CachedReader, CollectorRegistry, LinkIdentity | None], Sequence[lifecycle.Part]
]
"""Makes a portal's own parts, in the order in which they start; nothing runs yet."""


def main(kind: type[Settings], service: str, compose: Compose[Settings]) -> int:
    """Read the settings, and serve until SIGTERM; give the exit code. `service` is what the logs call it."""
    settings = load_or_exit(kind)
    logging.configure(settings.log_level, settings.log_format, service, settings.name)
    startup_warnings.warn(settings, os.environ)
    tracing.configure_service(service, settings.name, os.environ)
    descriptors.raise_limit()
    try:
        # The loop in C takes a tenth of a portal's processor time less than asyncio's own.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(settings, compose))
    except (OSError, IdentityError) as error:
        structlog.get_logger(__name__).error("cannot_start", error=str(error))
        return lifecycle.EXIT_FAILED
    finally:
        tracing.close(tracing.CLOSE_SECONDS)


async def run(settings: Settings, compose: Compose[Settings]) -> int:
    """Run the portal until a signal asks it to end; give the exit code.

    Raises OSError where the metrics' address cannot be bound, and IdentityError where the identity cannot be used.
    """
    registry = metrics.new_registry()
    async with AsyncExitStack() as stack:
        identity = open_identity(settings.identity, f"portal/{settings.name}")
        show_certificate_ends(registry, identity, settings.mqtt)
        if shown := metrics.serve(settings.metrics_listen, registry, identity):
            stack.callback(shown.close)
        replicas = {name: str(address) for name, address in settings.replicas.items()}
        cluster = ClusterClient(replicas, registry=registry, identity=identity)
        stack.push_async_callback(cluster.close)
        options = cache_options(settings, identity)
        reader = await stack.enter_async_context(open_reader(cluster.read, options, registry=registry))
        parts = compose(settings, cluster, reader, registry, identity)
        # What was imported lives as long as the process: looking for garbage in it makes every caller wait.
        gc.freeze()
        return await lifecycle.run(parts, stop_timeout=min(settings.stop_timeout_seconds, STOP_SECONDS_MAX))


def cache_options(settings: PortalSettings, identity: LinkIdentity | None = None) -> ReaderOptions:
    """Say how the cache is to be kept; without entries or a feed, every read is validated."""
    broker = settings.mqtt if settings.cache_entries else None
    key = None if broker is None else FeedKey.derive(settings.required_feed_key())
    return ReaderOptions(
        max_entries=max(1, settings.cache_entries),
        staleness=settings.staleness_seconds,
        broker=broker,
        feed_key=key,
        name=settings.name,
        identity=identity,
    )
