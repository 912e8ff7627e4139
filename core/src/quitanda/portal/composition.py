"""Puts a portal's parts together; each service says which of them it has."""

from typing import Final

from prometheus_client import CollectorRegistry

from quitanda.cache import CachedReader
from quitanda.cluster_client import ClusterClient
from quitanda.compat.errors import render_error
from quitanda.identity.folder import IdentityFolder
from quitanda.mqtt import topics
from quitanda.operations import PortalKind
from quitanda.portal.callers import Authenticator, Caller, show_authentications
from quitanda.portal.certificate_issuer import CertificateIssuer
from quitanda.portal.cluster_admin import ClusterAdmin
from quitanda.portal.compat_servicer import CompatServicer
from quitanda.portal.failure_limits import FailureLimiter
from quitanda.portal.grpc_servicer import GrpcServicer
from quitanda.portal.ids import IdGenerator
from quitanda.portal.mqtt_gateway import GatewayMetrics, GatewayOptions, MqttGateway
from quitanda.portal.mqtt_requests import MqttRequestHandler
from quitanda.portal.mqtt_watches import MqttWatches
from quitanda.portal.new_tokens import RequestChoices
from quitanda.portal.operations import PortalOperations
from quitanda.portal.passwords import PasswordKeeper
from quitanda.portal.readiness import PortalReadiness
from quitanda.portal.servers import PortalServers
from quitanda.portal.watches import Watches
from quitanda.portal.webhook_admin import WebhookAdmin
from quitanda.runtime import metrics
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.admission import AdmissionOptions
from quitanda.runtime.caller_rates import CallerRates
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.settings import ClientPortalSettings, GatewayMode, PortalSettings

COURSE_CALLERS: Final = "course"
"""Stands for the address of all callers by the course's contract, whose token may be wrong."""


class PortalParts:
    """Makes the parts of one portal; nothing runs yet."""

    def __init__(
        self,
        portal: PortalKind,
        settings: PortalSettings,
        cluster: ClusterClient,
        reader: CachedReader,
        registry: CollectorRegistry,
        identity: LinkIdentity | None = None,
    ) -> None:
        """With an `identity` the portal's own port and its connection to the broker are TLS."""
        self._portal = portal
        self._identity = identity
        self._settings = settings
        self._cluster = cluster
        self._reader = reader
        self._registry = registry
        hold_seconds = settings.order_hold_seconds if isinstance(settings, ClientPortalSettings) else 0
        self._ids = IdGenerator(order_hold_ms=1_000 * hold_seconds)
        self._failures = FailureLimiter()
        self._authenticator = None if settings.identity is None else Authenticator(reader, self._failures)
        if self._authenticator is not None:
            show_authentications(registry, self._authenticator)
        self._rates = CallerRates(settings.caller_calls_per_second)
        limits = AdmissionOptions(caller_calls_max=settings.caller_calls_max)
        self._operations = PortalOperations(portal, cluster, reader, self._authenticator, limits, self._rates)
        timeout = settings.request_timeout_seconds
        self.watches: Final = Watches(self._operations, cluster, reader, timeout, self._authenticator)
        metrics.show_watches(registry, self.watches)
        self._counted = metrics.RequestMetrics(registry)
        metrics.show_admission(registry, self._operations.limiters)

    def grpc_server(
        self, cluster_admin: ClusterAdmin | None = None, webhook_admin: WebhookAdmin | None = None
    ) -> AioGrpcServer:
        """Make the server of the portal's own service; the arguments are for the administrators' one."""
        servicer = GrpcServicer(
            self._portal,
            self._operations,
            self._ids,
            self._settings.request_timeout_seconds,
            cluster_admin,
            choices=self._choices(),
            authenticator=self._authenticator,
            certificates=self._certificates(),
            watches=self.watches,
            webhook_admin=webhook_admin,
            passwords=self._passwords(),
        )
        return AioGrpcServer(
            self._settings.listen,
            servicer.add_to,
            (servicer.service_name,),
            AccessLog(self._counted, metrics.GRPC),
            refuse_unread=servicer.refuse_unread,
            identity=self._identity,
            authenticate=servicer.authenticate,
        )

    def _choices(self) -> RequestChoices:
        """Make what chooses for requests; admin portals with an identity share the key of new secrets."""
        if self._settings.identity is None or self._portal is not PortalKind.ADMIN:
            return RequestChoices(self._ids)
        key = IdentityFolder(self._settings.identity).customer_secret_key()
        return RequestChoices(self._ids, key, customers_get_tokens=True)

    def _certificates(self) -> CertificateIssuer | None:
        """Make what gives customers their certificates, where the portal is theirs and has an identity."""
        if self._settings.identity is None or not self._portal.names_customer:
            return None
        return CertificateIssuer(IdentityFolder(self._settings.identity), self._reader)

    def _passwords(self) -> PasswordKeeper | None:
        """Make what lets people sign in, where callers must prove who they are; failures count with wrong tokens."""
        if self._authenticator is None:
            return None
        return PasswordKeeper(self._portal, self._cluster, self._authenticator, self._failures)

    def course_server(self) -> AioGrpcServer | None:
        """Make the server of the course's service, where the settings ask for it.

        Its contract has no place for TLS and for tokens: whoever reaches the port acts with the portal's own token.
        """
        if self._settings.course_listen is None:
            return None
        timeout = self._settings.request_timeout_seconds
        servicer = CompatServicer(self._portal, self._operations, self._ids, timeout, self._find_course_caller)
        log = AccessLog(self._counted, metrics.COURSE)
        return AioGrpcServer(
            self._settings.course_listen,
            servicer.add_to,
            (servicer.service_name,),
            log,
            render_error=render_error,
        )

    async def _find_course_caller(self, timeout: float) -> Caller | None:
        """Find out for whom the course's callers act, by the token in the file of the settings; it may be replaced."""
        if self._authenticator is None or self._settings.course_credential is None:
            return None
        return await self._authenticator.authenticate(self._settings.course_token(), COURSE_CALLERS, timeout)

    def mqtt_gateway(self, settings: ClientPortalSettings) -> MqttGateway | None:
        """Make what takes requests over MQTT, where the settings ask for it."""
        options = gateway_options(settings, self._identity)
        if options is None:
            return None
        log = AccessLog(self._counted, metrics.MQTT)
        handler = MqttRequestHandler(self._operations, self._ids, log, self._authenticator)
        watches = MqttWatches(handler, self.watches)
        return MqttGateway(options, handler, GatewayMetrics(self._registry), watches=watches)

    def readiness(self, servers: PortalServers) -> PortalReadiness:
        """Make what tells the servers' health checks whether requests can be answered."""
        needs_credential = self._authenticator is not None
        return PortalReadiness(self._cluster, self._reader, servers, needs_credential=needs_credential)


def gateway_options(settings: ClientPortalSettings, identity: LinkIdentity | None = None) -> GatewayOptions | None:
    """Say how the MQTT gateway is to run; None where it is not."""
    if settings.mqtt is None or settings.mqtt_gateway is GatewayMode.OFF:
        return None
    return GatewayOptions(
        broker=settings.mqtt,
        requests_filter=_requests_filter(settings),
        client_id=topics.random_client_id(settings.name),
        request_timeout=settings.request_timeout_seconds,
        identity=identity,
    )


def _requests_filter(settings: ClientPortalSettings) -> str:
    if settings.mqtt_gateway is not GatewayMode.SHARED:
        return topics.REQUESTS_FILTER
    if settings.identity is None:
        return topics.shared_requests_filter(topics.OPEN_REQUEST_GROUP)
    return topics.shared_requests_filter(IdentityFolder(settings.identity).request_group())
