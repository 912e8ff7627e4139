"""Which parts the admin portal has: the administrators' operations over gRPC, the course's, and the webhooks."""

import ssl

from prometheus_client import CollectorRegistry

from quitanda.cache import CachedReader
from quitanda.cluster_client import ClusterClient
from quitanda.operations import PortalKind
from quitanda.portal.cluster_admin import ClusterAdmin
from quitanda.portal.composition import PortalParts
from quitanda.portal.readiness import PortalReadiness
from quitanda.portal.servers import PortalServers
from quitanda.portal.webhook_admin import WebhookAdmin
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.settings import AdminPortalSettings
from quitanda_admin_portal.webhooks.deliveries import DeliveryOptions
from quitanda_admin_portal.webhooks.feed_silence import FeedSilence
from quitanda_admin_portal.webhooks.https_post import HttpsPost, PostOptions
from quitanda_admin_portal.webhooks.metrics import WebhookMetrics
from quitanda_admin_portal.webhooks.sender import WebhookSender
from quitanda_admin_portal.webhooks.shop_events import ShopEvents


def compose(
    settings: AdminPortalSettings,
    cluster: ClusterClient,
    reader: CachedReader,
    registry: CollectorRegistry,
    identity: LinkIdentity | None = None,
) -> tuple[PortalServers, PortalReadiness, WebhookSender]:
    """Make the parts of the portal, in the order in which they start; nothing runs yet."""
    parts = PortalParts(PortalKind.ADMIN, settings, cluster, reader, registry, identity)
    webhooks = WebhookAdmin(cluster, plain_http=settings.webhook_plain_http)
    servers = PortalServers(
        parts.grpc_server(ClusterAdmin(cluster), webhooks), parts.course_server(), watches=parts.watches
    )
    return servers, parts.readiness(servers), make_sender(settings, cluster, reader, registry)


def make_sender(
    settings: AdminPortalSettings, cluster: ClusterClient, reader: CachedReader, registry: CollectorRegistry
) -> WebhookSender:
    """Make what sends to webhooks. Raises OSError where the file with the authorities cannot be read."""
    roots = ssl.create_default_context()
    if settings.webhook_ca is not None:
        roots.load_verify_locations(settings.webhook_ca)
    options = PostOptions(
        settings.webhook_timeout_seconds,
        private_addresses=settings.webhook_private_addresses,
        plain_http=settings.webhook_plain_http,
    )
    delivery = DeliveryOptions(attempts=settings.webhook_attempts)
    post = HttpsPost(roots, options)
    return WebhookSender(
        ShopEvents(cluster), post, WebhookMetrics(registry), delivery=delivery, is_quiet=FeedSilence(reader).is_quiet
    )
