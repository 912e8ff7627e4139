"""The methods of the course's two services, and what each asks of Quitanda; the portals serve them from this table.

The services are called AdminPortal and OrderPortal, in the package `project`. Two methods are no single operation of
Quitanda, because the course's client names an order without its customer: DeleteOrder and RetrieveClientOrders.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from quitanda.codec.queries import GetDocument, ListDocuments
from quitanda.compat import customers, orders, products
from quitanda.course import contract_pb2 as pb
from quitanda.domain.commands import Command
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Refused

ADMIN_SERVICE: Final[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["AdminPortal"]
ORDER_SERVICE: Final[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["OrderPortal"]


@dataclass(frozen=True, slots=True)
class Change:
    """A method that changes something and answers with a Reply.

    `operation` is Quitanda's, by name. `read` gives its command; or, for a change that names no change, the request to
    look whether the document is there; or a refusal. Its second argument is the present time in milliseconds.
    """

    operation: str
    read: Callable[[Any, int], Command | GetDocument | Refused]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """A method that shows one document, as it is now, of any customer, or `not_found`.

    `read` gives the id under which it is stored, or None where no document can have the id that was asked for.
    """

    kind: Kind
    read: Callable[[pb.ID], str | None]
    shown: Callable[[Any], Message]
    not_found: Message


@dataclass(frozen=True, slots=True)
class OrderDeletion:
    """A method that cancels an order in the name of its owner, and answers with a Reply."""

    operation: str
    read: Callable[[pb.ID], str | None]
    cancel: Callable[[Any], Command]
    not_found: Callable[[pb.ID], Refused]


@dataclass(frozen=True, slots=True)
class OrderListing:
    """A method that streams all orders of a client; none where no client can have the id that was asked for."""

    operation: str
    read: Callable[[pb.ID], ListDocuments | None]
    shown: Callable[[Any], Message]


CompatMethod: TypeAlias = Change | Retrieval | OrderDeletion | OrderListing


def _timeless(read: Callable[[Any], Any]) -> Callable[[Any, int], Any]:
    """Make a reader that has no use for the time."""
    return lambda message, _now_ms: read(message)


ADMIN_METHODS: Final[Mapping[str, CompatMethod]] = {
    "CreateClient": Change("create_customer", _timeless(customers.create)),
    "RetrieveClient": Retrieval(Kind.CUSTOMER, customers.customer_id, customers.shown, customers.NOT_FOUND),
    "UpdateClient": Change("update_customer", _timeless(customers.update)),
    "DeleteClient": Change("delete_customer", _timeless(customers.delete)),
    "CreateProduct": Change("create_product", _timeless(products.create)),
    "RetrieveProduct": Retrieval(Kind.PRODUCT, products.product_id, products.shown, products.NOT_FOUND),
    "UpdateProduct": Change("update_product", _timeless(products.update)),
    "DeleteProduct": Change("delete_product", _timeless(products.delete)),
}

ORDER_METHODS: Final[Mapping[str, CompatMethod]] = {
    "CreateOrder": Change("create_order", orders.create),
    "RetrieveOrder": Retrieval(Kind.ORDER, orders.order_id, orders.shown, orders.NOT_FOUND),
    "UpdateOrder": Change("set_order_items", _timeless(orders.update)),
    "DeleteOrder": OrderDeletion("cancel_order", orders.order_id, orders.cancel, orders.not_found),
    "RetrieveClientOrders": OrderListing("list_orders", orders.retrieve_all, orders.shown),
}
