"""Puts the portal's parts together; the only place that knows them all."""

from contextlib import AsyncExitStack
from typing import Final, Protocol

import grpc
from prometheus_client import CollectorRegistry

from quitanda.cache import ReaderOptions, open_reader
from quitanda.cluster_client import ClusterClient
from quitanda.runtime import lifecycle, metrics
from quitanda.runtime.grpc_server import GrpcServer
from quitanda.runtime.requests_log import RequestLog
from quitanda.runtime.settings import AdminPortalSettings
from quitanda.v1 import admin_portal_pb2
from quitanda.v1.admin_portal_pb2_grpc import add_AdminPortalServicer_to_server
from quitanda_admin_portal import operations, readiness
from quitanda_admin_portal.operations import Operations
from quitanda_admin_portal.readiness import Readiness
from quitanda_admin_portal.servicer import AdminPortalServicer

STOP_SECONDS_MAX: Final = 4.0
"""What calls in flight get at the end, so that the process is gone within five seconds."""

_SERVICE: Final = admin_portal_pb2.DESCRIPTOR.services_by_name["AdminPortal"].full_name


class Cluster(operations.Cluster, readiness.Cluster, Protocol):
    """What the portal needs of a `quitanda.cluster_client.ClusterClient`."""


def compose(
    settings: AdminPortalSettings, cluster: Cluster, reader: operations.Reader, registry: CollectorRegistry
) -> tuple[GrpcServer, Readiness]:
    """Make the parts of a portal, in the order in which they start; nothing runs yet."""
    servicer = AdminPortalServicer(Operations(cluster, reader), settings.request_timeout_seconds)

    def register(server: grpc.aio.Server) -> None:
        add_AdminPortalServicer_to_server(servicer, server)

    server = GrpcServer(settings.listen, register, (_SERVICE,), RequestLog(metrics.RequestMetrics(registry)))
    return server, Readiness(cluster, server)


def cache_options(settings: AdminPortalSettings) -> ReaderOptions:
    """Say how the cache is to be kept; without entries or a feed, every read is validated."""
    broker = settings.mqtt if settings.cache_entries else None
    return ReaderOptions(
        max_entries=max(1, settings.cache_entries),
        staleness=settings.staleness_seconds,
        mqtt=None if broker is None else (broker.host, broker.port),
        name=settings.name,
    )


async def run(settings: AdminPortalSettings) -> int:
    """Run the portal until a signal asks it to end; give the exit code.

    Raises OSError where the metrics' address cannot be bound.
    """
    registry = metrics.new_registry()
    async with AsyncExitStack() as stack:
        if shown := metrics.serve(settings.metrics_listen, registry):
            stack.callback(shown.close)
        replicas = {name: str(address) for name, address in settings.replicas.items()}
        cluster = ClusterClient(replicas, registry=registry)
        stack.push_async_callback(cluster.close)
        reader = await stack.enter_async_context(open_reader(cluster, cache_options(settings), registry=registry))
        parts = compose(settings, cluster, reader, registry)
        return await lifecycle.run(parts, stop_timeout=min(settings.stop_timeout_seconds, STOP_SECONDS_MAX))
