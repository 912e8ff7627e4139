"""The portals' gRPC requests as commands and reads: see `quitanda.operations`."""

from collections.abc import Mapping
from typing import Any, Final

from quitanda.operations import PortalKind, document_operations_of

_ADMIN: Final[Mapping[str, Any]] = document_operations_of(PortalKind.ADMIN)
_CLIENT: Final[Mapping[str, Any]] = document_operations_of(PortalKind.CLIENT)

create_customer = _ADMIN["create_customer"].from_message
update_customer = _ADMIN["update_customer"].from_message
delete_customer = _ADMIN["delete_customer"].from_message
create_product = _ADMIN["create_product"].from_message
update_product = _ADMIN["update_product"].from_message
delete_product = _ADMIN["delete_product"].from_message
adjust_stock = _ADMIN["adjust_stock"].from_message
get_customer = _ADMIN["get_customer"].from_message
get_product = _ADMIN["get_product"].from_message
list_customers = _ADMIN["list_customers"].from_message
list_products = _ADMIN["list_products"].from_message


def create_order(message: Any, *, order_id: str, created_at_ms: int) -> Any:
    """Read the request to place an order, with the id and the time that the portal chose."""
    return _CLIENT["create_order"].from_message(message, {"order_id": order_id, "created_at_ms": created_at_ms})


set_order_item = _CLIENT["set_order_item"].from_message
set_order_items = _CLIENT["set_order_items"].from_message
cancel_order = _CLIENT["cancel_order"].from_message
get_order = _CLIENT["get_order"].from_message
list_orders = _CLIENT["list_orders"].from_message
get_product_for_customer = _CLIENT["get_product"].from_message
list_products_for_customer = _CLIENT["list_products"].from_message
