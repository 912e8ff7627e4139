"""Clients of where Quitanda is: the environment says it, as for the commands, or it is where `make run` has it."""

import os

from quitanda_clients import addresses
from quitanda_clients.addresses import parse_address, parse_addresses
from quitanda_clients.admin_client import AdminClient
from quitanda_clients.answers import TIMEOUT_DEFAULT
from quitanda_clients.shop_client import ShopClient
from quitanda_clients.transport import Transport, make_shop_client


def connect_admin(portals: str = "", *, timeout: float = TIMEOUT_DEFAULT) -> AdminClient:
    """Make an administrator's client; it connects when it is used.

    `portals` are `host:port`, separated by commas (else QUITANDA_ADMIN_PORTALS); `timeout` is in seconds, for a whole
    call. Raises ValueError for what is not an address.
    """
    where = portals or os.environ.get(addresses.ADMIN_PORTALS_VARIABLE) or addresses.ADMIN_PORTALS_DEFAULT
    return AdminClient(parse_addresses(where), timeout=timeout)


def connect_shop(
    customer_id: str,
    transport: Transport = Transport.GRPC,
    *,
    portals: str = "",
    broker: str = "",
    timeout: float = TIMEOUT_DEFAULT,
) -> ShopClient:
    """Make a customer's client; it connects when it is used.

    `portals` are `host:port`, separated by commas (else QUITANDA_CLIENT_PORTALS), for gRPC; `broker` is one (else
    QUITANDA_MQTT), for MQTT; `timeout` is in seconds, for a whole call. Raises ValueError for what is not an address.
    """
    where = portals or os.environ.get(addresses.CLIENT_PORTALS_VARIABLE) or addresses.CLIENT_PORTALS_DEFAULT
    through = broker or os.environ.get(addresses.BROKER_VARIABLE) or addresses.BROKER_DEFAULT
    return make_shop_client(
        transport, customer_id, portals=parse_addresses(where), broker=parse_address(through), timeout=timeout
    )
