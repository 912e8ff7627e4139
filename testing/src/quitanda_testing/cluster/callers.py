"""Who calls a cluster in a test: administrators with the first token, customers with their own, and processes.

Everything is the same for a cluster in the open mode, where nobody proves anything.
"""

import os
import ssl
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from quitanda.domain.commands import Principal
from quitanda.identity.certificates import KeyedCertificate
from quitanda.identity.customer_certificates import CustomerCertificate, issue_to_customer
from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda.identity.holders import AUTHORITY, HolderKind
from quitanda.identity.tokens import Token, parse_token
from quitanda.runtime.addresses import Address, parse_address
from quitanda.runtime.link_credentials import channel_credentials
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_clients.broker_certificate import new_request
from quitanda_clients.client import AdminClient, ShopClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_clients.results import TIMEOUT_DEFAULT, DocumentResult
from quitanda_local.observed_cluster import ObservedCluster

OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0))
"""A channel of a test has connections of its own, and repeats nothing."""


class Callers:
    """Makes clients and connections for a cluster, each with what its caller proves who calls.

    A customer's token is the one that the answer to her registration had. Who has none acts with the administrators'
    token, as at a counter: so does a customer who does not exist, and one who was registered over another way.
    """

    def __init__(self, cluster: ObservedCluster) -> None:
        self._cluster = cluster
        self._tokens: dict[str, str] = {}
        self._links: dict[str, LinkIdentity] = {}

    @property
    def secure(self) -> bool:
        """Say whether the cluster's processes have identities, so that callers must prove who they are."""
        return self._cluster.identities is not None

    @property
    def administrator(self) -> str:
        """The first administrator's token; empty in the open mode."""
        return self._folder(HolderKind.CLIENTS).credential() if self.secure else ""

    @property
    def principal(self) -> Principal | None:
        """What a portal tells a replica of the first administrator, never rotated here; None in the open mode."""
        token = parse_token(self.administrator)
        return Principal(token.credential_id, 1) if isinstance(token, Token) else None

    def token_of(self, customer_id: str) -> str:
        """Give the token with which somebody calls in the customer's name; empty in the open mode."""
        return self._tokens.get(customer_id) or self.administrator

    def has_own_token(self, customer_id: str) -> bool:
        """Say whether the answer to the customer's registration had a token."""
        return bool(self._tokens.get(customer_id))

    def learn(self, customer_id: str, token: str) -> None:
        """Keep the token of a new customer; in the open mode there is none."""
        self._tokens[customer_id] = token

    def admin_client(self, *portals: str, timeout: float = TIMEOUT_DEFAULT) -> AdminClient:
        """Make an administrator's client, for these portals or for all."""
        addresses = self._addresses(portals or self._cluster.admin_portals)
        return _LearningAdminClient(self, addresses, timeout=timeout, identity=self.link(), token=self.administrator)

    def shop_client(
        self,
        customer_id: str,
        transport: Transport = Transport.GRPC,
        portal: str | None = None,
        *,
        timeout: float = TIMEOUT_DEFAULT,
        token: str | None = None,
        through: Address | None = None,
    ) -> ShopClient:
        """Make a customer's client, for one portal or for all; `through` is a way to the portal, or to the broker.

        `token` is another one than the customer's own.
        """
        portals = self._addresses(self._cluster.client_portals if portal is None else (portal,))
        broker = parse_address(self._cluster.address(self._cluster.broker))
        if through is not None:
            portals, broker = ([through], broker) if transport is Transport.GRPC else (portals, through)
        return make_shop_client(
            transport,
            customer_id,
            portals=portals,
            broker=broker,
            timeout=timeout,
            identity=self.link(),
            token=self.token_of(customer_id) if token is None else token,
        )

    def channel(
        self, address: str, token: str | None = None, options: Sequence[tuple[str, Any]] = OPTIONS
    ) -> grpc.aio.Channel:
        """Open a channel to a portal; each call carries the token, or the administrators' one."""
        if not self.secure:
            return grpc.aio.insecure_channel(address, options=options)
        credentials = grpc.ssl_channel_credentials(self._folder(HolderKind.CLIENTS).ca())
        proof = grpc.access_token_call_credentials(self.administrator if token is None else token)
        both = grpc.composite_channel_credentials(credentials, proof)
        return grpc.aio.secure_channel(address, both, options=options)

    def channel_of_portal(self, address: str, options: Sequence[tuple[str, Any]] = OPTIONS) -> grpc.aio.Channel:
        """Open a channel to a replica, as a portal does."""
        link = self.link(self._cluster.admin_portals[0])
        if link is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, channel_credentials(link.current()), options=options)

    def link(self, holder: str = HolderKind.CLIENTS) -> LinkIdentity | None:
        """Give the identity of a process by its name, or of the clients; None in the open mode."""
        if self._cluster.identities is None:
            return None
        if holder not in self._links:
            self._links[holder] = LinkIdentity(self._cluster.identities.folder(holder))
        return self._links[holder]

    def tls_of_process(self, name: str) -> ssl.SSLContext | None:
        """Give what a process connects with: to the broker, to others' metrics; None in the open mode."""
        link = self.link(name)
        return link.current().client_context if link else None

    def tls_of_customer(self, customer_id: str) -> ssl.SSLContext | None:
        """Give what a customer connects to the broker with, as if a portal had signed it; None in the open mode."""
        if not self.secure:
            return None
        context = ssl.create_default_context(cadata=self._folder(HolderKind.CLIENTS).ca().decode())
        with tempfile.NamedTemporaryFile(buffering=0) as file:
            file.write(self.certificate_of_customer(customer_id))
            context.load_cert_chain(file.name)
        return context

    def certificate_of_customer(self, customer_id: str) -> bytes:
        """Give a customer's key and certificate for the broker, as if a portal had signed it."""
        made = new_request()
        root = KeyedCertificate.read(self._folder(AUTHORITY).customers_ca_key())
        issued = issue_to_customer(made.request, customer_id, root, datetime.now(UTC))
        assert isinstance(issued, CustomerCertificate), f"{customer_id!r} can have no certificate: {issued}"
        return made.key + issued.pem.encode()

    def environment(self, customer_id: str = "") -> dict[str, str]:
        """Give the variables by which the programs reach the cluster, and prove who calls: an administrator, or her."""
        cluster = self._cluster
        variables = {
            "QUITANDA_ADMIN_PORTALS": ",".join(map(cluster.address, cluster.admin_portals)),
            "QUITANDA_CLIENT_PORTALS": ",".join(map(cluster.address, cluster.client_portals)),
            "QUITANDA_MQTT": cluster.address(cluster.broker),
        }
        if cluster.identities is not None:
            variables["QUITANDA_IDENTITY"] = os.fspath(cluster.identities.of_clients)
            if self.has_own_token(customer_id):
                variables["QUITANDA_TOKEN"] = self.token_of(customer_id)
        return variables

    def file(self, name: IdentityFile, holder: str = HolderKind.CLIENTS) -> Path:
        """Name a file of an identity folder, of a process or of the clients."""
        return self._folder(holder).file(name)

    def _folder(self, holder: str) -> IdentityFolder:
        assert self._cluster.identities is not None, "the cluster is in the open mode"
        return IdentityFolder(self._cluster.identities.folder(holder))

    def _addresses(self, names: Sequence[str]) -> list[Address]:
        return [parse_address(self._cluster.address(name)) for name in names]


class _LearningAdminClient(AdminClient):
    """An administrator's client that keeps the tokens of the customers whom it registers."""

    def __init__(self, callers: Callers, portals: Sequence[Address], **options: Any) -> None:
        super().__init__(portals, **options)
        self._callers = callers

    async def create_customer(self, customer_id: str, name: str, **options: Any) -> DocumentResult:
        """Register a customer, and keep her token."""
        result = await super().create_customer(customer_id, name, **options)
        self._callers.learn(customer_id, result.token)
        return result
