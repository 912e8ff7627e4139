"""Puts the portal's parts together; the only place that knows them all."""

from typing import Final

import grpc
from prometheus_client import CollectorRegistry

from quitanda.cache import CachedReader
from quitanda.cluster_client import ClusterClient
from quitanda.compat.errors import render_error
from quitanda.course import contract_pb2 as course_pb
from quitanda.course.contract_pb2_grpc import add_AdminPortalServicer_to_server as add_CourseServicer_to_server
from quitanda.portal.readiness import PortalReadiness
from quitanda.portal.servers import PortalServers
from quitanda.runtime import metrics
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.settings import AdminPortalSettings
from quitanda.v1 import admin_portal_pb2
from quitanda.v1.admin_portal_pb2_grpc import add_AdminPortalServicer_to_server
from quitanda_admin_portal.cluster_admin import ClusterAdmin
from quitanda_admin_portal.course_servicer import CourseServicer
from quitanda_admin_portal.operations import Operations
from quitanda_admin_portal.servicer import AdminPortalServicer, new_request_id

_SERVICE: Final = admin_portal_pb2.DESCRIPTOR.services_by_name["AdminPortal"].full_name
_COURSE_SERVICE: Final = course_pb.DESCRIPTOR.services_by_name["AdminPortal"].full_name


def compose(
    settings: AdminPortalSettings, cluster: ClusterClient, reader: CachedReader, registry: CollectorRegistry
) -> tuple[PortalServers, PortalReadiness]:
    """Make the parts of a portal, in the order in which they start; nothing runs yet."""
    performed = Operations(cluster, reader)
    caring = ClusterAdmin(cluster, cluster.administration)
    servicer = AdminPortalServicer(performed, caring, settings.request_timeout_seconds)
    counted = metrics.RequestMetrics(registry)

    def register(server: grpc.aio.Server) -> None:
        add_AdminPortalServicer_to_server(servicer, server)

    server = AioGrpcServer(settings.listen, register, (_SERVICE,), AccessLog(counted))
    servers = PortalServers(server, _course_server(settings, performed, counted))
    return servers, PortalReadiness(cluster, reader, servers)


def _course_server(
    settings: AdminPortalSettings, performed: Operations, counted: metrics.RequestMetrics
) -> AioGrpcServer | None:
    """Make the server of the course's contract, where it is asked for."""
    if settings.course_listen is None:
        return None
    servicer = CourseServicer(performed, settings.request_timeout_seconds, new_request_id)

    def register(server: grpc.aio.Server) -> None:
        add_CourseServicer_to_server(servicer, server)

    log = AccessLog(counted, metrics.COURSE)
    return AioGrpcServer(settings.course_listen, register, (_COURSE_SERVICE,), log, render_error=render_error)
