"""Puts the portal's parts together; the only place that knows them all."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final, Protocol

import grpc
from prometheus_client import CollectorRegistry

from quitanda import topics
from quitanda.portal import readiness
from quitanda.portal.readiness import Readiness
from quitanda.runtime import metrics
from quitanda.runtime.grpc_server import GrpcServer
from quitanda.runtime.requests_log import RequestLog
from quitanda.runtime.settings import ClientPortalSettings
from quitanda.runtime.settings import MqttGateway as GatewayMode
from quitanda.v1 import client_portal_pb2
from quitanda.v1.client_portal_pb2_grpc import add_ClientPortalServicer_to_server
from quitanda_client_portal import operations
from quitanda_client_portal.metrics import GatewayMetrics
from quitanda_client_portal.minting import Mint
from quitanda_client_portal.mqtt_desk import Desk
from quitanda_client_portal.mqtt_gateway import GatewayOptions, MqttGateway
from quitanda_client_portal.operations import Operations
from quitanda_client_portal.servicer import ClientPortalServicer

_SERVICE: Final = client_portal_pb2.DESCRIPTOR.services_by_name["ClientPortal"].full_name


class Cluster(operations.Cluster, readiness.Cluster, Protocol):
    """What the portal needs of a `quitanda.cluster_client.ClusterClient`."""


@dataclass(frozen=True, slots=True)
class Doors:
    """The servers that customers reach, one for each transport (`lifecycle.Part`): stopped side by side."""

    server: GrpcServer
    gateway: MqttGateway | None

    @property
    def name(self) -> str:
        """What the logs call it."""
        return "doors"

    async def start(self) -> None:
        """Listen on gRPC, and begin to connect to the broker."""
        await self.server.start()
        if self.gateway is not None:
            await self.gateway.start()

    async def stop(self, timeout: float) -> None:
        """Take no more requests, and finish within `timeout` seconds those that were taken."""
        gateway = () if self.gateway is None else (self.gateway.stop(timeout),)
        await asyncio.gather(self.server.stop(timeout), *gateway)


def compose(
    settings: ClientPortalSettings,
    cluster: Cluster,
    reader: operations.Reader,
    registry: CollectorRegistry,
    mint: Mint | None = None,
) -> tuple[Doors, Readiness]:
    """Make the parts of a portal, in the order in which they start; nothing runs yet."""
    mint = mint or Mint()
    performed = Operations(cluster, reader)
    log = RequestLog(metrics.RequestMetrics(registry))
    servicer = ClientPortalServicer(performed, mint, settings.request_timeout_seconds)

    def register(server: grpc.aio.Server) -> None:
        add_ClientPortalServicer_to_server(servicer, server)

    server = GrpcServer(settings.listen, register, (_SERVICE,), log)
    options = gateway_options(settings)
    gateway = MqttGateway(options, Desk(performed, mint, log), GatewayMetrics(registry)) if options else None
    return Doors(server, gateway), Readiness(cluster, server)


def gateway_options(settings: ClientPortalSettings) -> GatewayOptions | None:
    """Say how the MQTT gateway is to run; None where it is not."""
    if settings.mqtt is None or settings.mqtt_gateway is GatewayMode.OFF:
        return None
    shared = settings.mqtt_gateway is GatewayMode.SHARED
    return GatewayOptions(
        host=settings.mqtt.host,
        port=settings.mqtt.port,
        requests_filter=topics.SHARED_REQUESTS_FILTER if shared else topics.REQUESTS_FILTER,
        client_id=f"{settings.name}-{secrets.token_hex(4)}",
        request_timeout=settings.request_timeout_seconds,
    )
