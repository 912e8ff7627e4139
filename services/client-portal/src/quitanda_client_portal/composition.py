"""Puts the portal's parts together; the only place that knows them all."""

import secrets
from typing import Final

import grpc
from prometheus_client import CollectorRegistry

from quitanda.cache import CachedReader
from quitanda.cluster_client import ClusterClient
from quitanda.compat.errors import render_error
from quitanda.course import contract_pb2 as course_pb
from quitanda.course.contract_pb2_grpc import add_OrderPortalServicer_to_server
from quitanda.mqtt import topics
from quitanda.portal.readiness import PortalReadiness
from quitanda.portal.servers import PortalServers
from quitanda.runtime import metrics
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.settings import ClientPortalSettings, GatewayMode
from quitanda.v1 import client_portal_pb2
from quitanda.v1.client_portal_pb2_grpc import add_ClientPortalServicer_to_server
from quitanda_client_portal.course_servicer import CourseServicer
from quitanda_client_portal.id_generator import IdGenerator
from quitanda_client_portal.metrics import GatewayMetrics
from quitanda_client_portal.mqtt_gateway import GatewayOptions, MqttGateway
from quitanda_client_portal.mqtt_request_handler import MqttRequestHandler
from quitanda_client_portal.operations import Operations
from quitanda_client_portal.servicer import ClientPortalServicer

_SERVICE: Final = client_portal_pb2.DESCRIPTOR.services_by_name["ClientPortal"].full_name
_COURSE_SERVICE: Final = course_pb.DESCRIPTOR.services_by_name["OrderPortal"].full_name


def compose(
    settings: ClientPortalSettings,
    cluster: ClusterClient,
    reader: CachedReader,
    registry: CollectorRegistry,
    mint: IdGenerator | None = None,
) -> tuple[PortalServers, PortalReadiness]:
    """Make the parts of a portal, in the order in which they start; nothing runs yet."""
    mint = mint or IdGenerator()
    performed = Operations(cluster, reader)
    counted = metrics.RequestMetrics(registry)
    log = AccessLog(counted)
    servicer = ClientPortalServicer(performed, mint, settings.request_timeout_seconds)

    def register(server: grpc.aio.Server) -> None:
        add_ClientPortalServicer_to_server(servicer, server)

    server = AioGrpcServer(settings.listen, register, (_SERVICE,), log)
    options = gateway_options(settings)
    gateway = (
        MqttGateway(
            options, MqttRequestHandler(performed, mint, AccessLog(counted, metrics.MQTT)), GatewayMetrics(registry)
        )
        if options
        else None
    )
    servers = PortalServers(server, _course_server(settings, performed, mint, counted), gateway)
    return servers, PortalReadiness(cluster, reader, servers)


def _course_server(
    settings: ClientPortalSettings, performed: Operations, mint: IdGenerator, counted: metrics.RequestMetrics
) -> AioGrpcServer | None:
    """Make the server of the course's contract, where it is asked for."""
    if settings.course_listen is None:
        return None
    servicer = CourseServicer(performed, mint, settings.request_timeout_seconds)

    def register(server: grpc.aio.Server) -> None:
        add_OrderPortalServicer_to_server(servicer, server)

    log = AccessLog(counted, metrics.COURSE)
    return AioGrpcServer(settings.course_listen, register, (_COURSE_SERVICE,), log, render_error=render_error)


def gateway_options(settings: ClientPortalSettings) -> GatewayOptions | None:
    """Say how the MQTT gateway is to run; None where it is not."""
    if settings.mqtt is None or settings.mqtt_gateway is GatewayMode.OFF:
        return None
    shared = settings.mqtt_gateway is GatewayMode.SHARED
    return GatewayOptions(
        broker=settings.mqtt,
        requests_filter=topics.SHARED_REQUESTS_FILTER if shared else topics.REQUESTS_FILTER,
        client_id=f"{settings.name}-{secrets.token_hex(4)}",
        request_timeout=settings.request_timeout_seconds,
    )
