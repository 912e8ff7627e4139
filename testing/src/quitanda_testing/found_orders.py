"""What a search for orders finds, by looking at each order: the model that indexes are compared with."""

from collections.abc import Iterable
from uuid import UUID

from quitanda.codec.queries import FindOrders
from quitanda.domain.model import Order


def found_orders(orders: Iterable[Order], query: FindOrders) -> list[Order]:
    """List the orders that are as asked for, all pages together, in the order asked for."""
    found = [order for order in orders if _is_as_asked(order, query)]
    return sorted(found, key=lambda order: order.order_id, reverse=query.newest_first)


def _is_as_asked(order: Order, query: FindOrders) -> bool:
    return (
        (not query.states or order.state in query.states)
        and query.customer_id in ("", order.customer_id)
        and (not query.product_id or any(item.product_id == query.product_id for item in order.items))
        and (not query.created_from_ms or _made_at_ms(order) >= query.created_from_ms)
        and (not query.created_before_ms or _made_at_ms(order) < query.created_before_ms)
    )


def _made_at_ms(order: Order) -> int:
    """Read the time in an id as portals make it, a UUID version 7; orders with other ids were made when they say."""
    try:
        read = UUID(order.order_id)
    except ValueError:
        return order.created_at_ms
    # its first 48 bits (RFC 9562, section 5.7)
    return read.int >> 80 if read.version == 7 and str(read) == order.order_id else order.created_at_ms
