"""How a customer's requests travel."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from quitanda_clients.addresses import Address
from quitanda_clients.answers import TIMEOUT_DEFAULT, Slow, unnoticed

if TYPE_CHECKING:
    from quitanda_clients.shop_client import ShopClient


class Transport(StrEnum):
    """The ways there are."""

    GRPC = "grpc"
    MQTT = "mqtt"


def make_shop_client(
    transport: Transport,
    customer_id: str,
    *,
    portals: Sequence[Address],
    broker: Address,
    timeout: float = TIMEOUT_DEFAULT,
    slow: Slow = unnoticed,
) -> "ShopClient":
    """Make a customer's client; only the libraries of the chosen transport are loaded.

    `slow` hears of calls that have no answer after a second, and why.
    """
    match transport:
        case Transport.GRPC:
            from quitanda_clients.shop_over_grpc import GrpcShopClient  # noqa: PLC0415

            return GrpcShopClient(customer_id, portals, timeout=timeout, slow=slow)
        case Transport.MQTT:
            from quitanda_clients.shop_over_mqtt import MqttShopClient  # noqa: PLC0415

            return MqttShopClient(customer_id, broker, timeout=timeout, slow=slow)
