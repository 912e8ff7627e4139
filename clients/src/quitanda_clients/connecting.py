"""Makes clients for the portals and the broker that the environment names, else for those that `make run` starts."""

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quitanda.identity.folder import OPEN_MODE, IdentityError
from quitanda.runtime.addresses import Address, parse_address, parse_addresses
from quitanda_clients.results import TIMEOUT_DEFAULT, OnSlowCall, ignore_slow_call
from quitanda_clients.tokens import IDENTITY_VARIABLE, find_token

if TYPE_CHECKING:  # each transport's libraries take long to load: only the one that is used is loaded
    from quitanda.runtime.link_identity import LinkIdentity
    from quitanda_clients.client import AdminClient, ShopClient
    from quitanda_clients.transports import RequestTransport
    from quitanda_clients.transports.grpc import GrpcTransport

ADMIN_PORTALS_VARIABLE: Final = "QUITANDA_ADMIN_PORTALS"
CLIENT_PORTALS_VARIABLE: Final = "QUITANDA_CLIENT_PORTALS"
BROKER_VARIABLE: Final = "QUITANDA_MQTT"
"""The environment variables that commands and scripts read."""

ADMIN_PORTALS_DEFAULT: Final = "127.0.0.1:7001,127.0.0.1:7002"
CLIENT_PORTALS_DEFAULT: Final = "127.0.0.1:7003,127.0.0.1:7004"
BROKER_DEFAULT: Final = "127.0.0.1:7883"
"""The addresses that `make run` uses."""


class Transport(StrEnum):
    """How a customer's requests travel."""

    GRPC = "grpc"
    MQTT = "mqtt"


def connect_admin(portals: str = "", *, timeout: float = TIMEOUT_DEFAULT, token: str | None = None) -> "AdminClient":
    """Make an administrator's client; it connects when it is first used.

    `portals` are `host:port`, separated by commas (else QUITANDA_ADMIN_PORTALS); `timeout` is in seconds, for a whole
    call. The client speaks TLS where QUITANDA_IDENTITY names an identity folder. `token` proves who calls (else the one
    that `quitanda_clients.tokens` finds). Raises ValueError for a text that is not an address, and for a folder that
    cannot be used; NoTokenError where the token's file cannot be used, and where the token would leave this machine
    without TLS.
    """
    from quitanda_clients.client import AdminClient  # noqa: PLC0415

    addresses = portals or os.environ.get(ADMIN_PORTALS_VARIABLE) or ADMIN_PORTALS_DEFAULT
    return AdminClient(
        parse_addresses(addresses), timeout=timeout, identity=find_identity(), token=_token_or_found(token)
    )


def connect_shop(
    customer_id: str,
    transport: Transport = Transport.GRPC,
    *,
    portals: str = "",
    broker: str = "",
    timeout: float = TIMEOUT_DEFAULT,
    token: str | None = None,
) -> "ShopClient":
    """Make a customer's client; it connects when it is first used.

    `portals` are `host:port`, separated by commas (else QUITANDA_CLIENT_PORTALS), for gRPC; `broker` is one (else
    QUITANDA_MQTT), for MQTT; `timeout` is in seconds, for a whole call. The client speaks TLS where QUITANDA_IDENTITY
    names an identity folder; over MQTT it gets its certificate from a portal. `token` proves who calls, as in
    `connect_admin`. Raises ValueError for a text that is not an address, and for a folder that cannot be used;
    NoTokenError where the token's file cannot be used, and where the token would leave this machine without TLS.
    """
    addresses = portals or os.environ.get(CLIENT_PORTALS_VARIABLE) or CLIENT_PORTALS_DEFAULT
    broker_address = broker or os.environ.get(BROKER_VARIABLE) or BROKER_DEFAULT
    return make_shop_client(
        transport,
        customer_id,
        portals=parse_addresses(addresses),
        broker=parse_address(broker_address, port_min=1),
        timeout=timeout,
        identity=find_identity(),
        token=_token_or_found(token),
    )


def find_identity() -> "LinkIdentity | None":
    """Open the identity folder that QUITANDA_IDENTITY names; None where it names none, or is `off`.

    Raises ValueError where the folder cannot be used; the text says why, and what to do.
    """
    named = os.environ.get(IDENTITY_VARIABLE, "").strip()
    if named.lower() in {"", OPEN_MODE}:
        return None
    from quitanda.runtime.link_identity import LinkIdentity  # noqa: PLC0415

    try:
        return LinkIdentity(Path(named))
    except IdentityError as error:
        raise ValueError(str(error)) from None


def _token_or_found(token: str | None) -> str:
    return find_token().text if token is None else token


def make_shop_client(
    transport: Transport,
    customer_id: str,
    *,
    portals: Sequence[Address],
    broker: Address,
    timeout: float = TIMEOUT_DEFAULT,
    on_slow: OnSlowCall = ignore_slow_call,
    identity: "LinkIdentity | None" = None,
    token: str = "",
) -> "ShopClient":
    """Make a customer's client; it loads only the libraries of the chosen transport.

    The client calls `on_slow` once for each call that has no answer after a second. With an `identity` it speaks TLS;
    `token` proves who calls, where the portals ask for that.
    """
    from quitanda_clients.client import ShopClient  # noqa: PLC0415

    return ShopClient(
        customer_id, _transport(transport, customer_id, portals, broker, timeout, on_slow, token, identity)
    )


def _transport(
    transport: Transport,
    customer_id: str,
    portals: Sequence[Address],
    broker: Address,
    timeout: float,
    on_slow: OnSlowCall,
    token: str,
    identity: "LinkIdentity | None",
) -> "RequestTransport":
    def portal() -> "GrpcTransport":
        return connect_portals(portals, timeout=timeout, on_slow=on_slow, token=token, identity=identity)

    match transport:
        case Transport.GRPC:
            return portal()
        case Transport.MQTT:
            from quitanda_clients.transports.mqtt import MqttTransport  # noqa: PLC0415

            if identity is None:
                return MqttTransport(customer_id, broker, timeout=timeout, on_slow=on_slow, token=token)
            from quitanda_clients.broker_certificate import BrokerCertificate, portal_asker  # noqa: PLC0415

            certificate = BrokerCertificate(identity.folder, customer_id, portal_asker(customer_id, portal))
            return MqttTransport(
                customer_id, broker, timeout=timeout, on_slow=on_slow, token=token, certificate=certificate
            )


def connect_portals(
    portals: Sequence[Address], *, timeout: float, on_slow: OnSlowCall, token: str, identity: "LinkIdentity | None"
) -> "GrpcTransport":
    """Make the connection to the client portals over gRPC."""
    from quitanda.operations import PortalKind  # noqa: PLC0415
    from quitanda_clients.transports.grpc import GrpcTransport  # noqa: PLC0415

    return GrpcTransport(PortalKind.CLIENT, portals, timeout=timeout, on_slow=on_slow, token=token, identity=identity)
