"""Puts the portal's parts together; the only place that knows them all."""

from typing import Final, Protocol

import grpc
from prometheus_client import CollectorRegistry

from quitanda.portal import readiness
from quitanda.portal.readiness import Readiness
from quitanda.runtime import metrics
from quitanda.runtime.grpc_server import GrpcServer
from quitanda.runtime.requests_log import RequestLog
from quitanda.runtime.settings import AdminPortalSettings
from quitanda.v1 import admin_portal_pb2
from quitanda.v1.admin_portal_pb2_grpc import add_AdminPortalServicer_to_server
from quitanda_admin_portal import care, operations
from quitanda_admin_portal.care import Care
from quitanda_admin_portal.operations import Operations
from quitanda_admin_portal.servicer import AdminPortalServicer

_SERVICE: Final = admin_portal_pb2.DESCRIPTOR.services_by_name["AdminPortal"].full_name


class Cluster(operations.Cluster, readiness.Cluster, Protocol):
    """What the portal needs of a `quitanda.cluster_client.ClusterClient`."""

    @property
    def administration(self) -> care.Administration:
        """Operations on the cluster as such."""


def compose(
    settings: AdminPortalSettings, cluster: Cluster, reader: operations.Reader, registry: CollectorRegistry
) -> tuple[GrpcServer, Readiness]:
    """Make the parts of a portal, in the order in which they start; nothing runs yet."""
    caring = Care(cluster, cluster.administration)
    servicer = AdminPortalServicer(Operations(cluster, reader), caring, settings.request_timeout_seconds)

    def register(server: grpc.aio.Server) -> None:
        add_AdminPortalServicer_to_server(servicer, server)

    server = GrpcServer(settings.listen, register, (_SERVICE,), RequestLog(metrics.RequestMetrics(registry)))
    return server, Readiness(cluster, server)
