"""Which parts the client portal has: the customers' operations over gRPC and MQTT, and the course's."""

from prometheus_client import CollectorRegistry

from quitanda.cache import CachedReader
from quitanda.cluster_client import ClusterClient
from quitanda.operations import PortalKind
from quitanda.portal.composition import PortalParts
from quitanda.portal.readiness import PortalReadiness
from quitanda.portal.servers import PortalServers
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.settings import ClientPortalSettings


def compose(
    settings: ClientPortalSettings,
    cluster: ClusterClient,
    reader: CachedReader,
    registry: CollectorRegistry,
    identity: LinkIdentity | None = None,
) -> tuple[PortalServers, PortalReadiness]:
    """Make the parts of the portal, in the order in which they start; nothing runs yet."""
    parts = PortalParts(PortalKind.CLIENT, settings, cluster, reader, registry, identity)
    servers = PortalServers(parts.grpc_server(), parts.course_server(), parts.mqtt_gateway(settings), parts.watches)
    return servers, parts.readiness(servers)
