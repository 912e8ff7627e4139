"""Facts that hold between any two commands; a test's eye on a whole state.

Each check returns what is violated, one sentence each, in a fixed order; an empty list is good news.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Protocol

from quitanda.domain.limits import (
    CASCADE_ORDERS_MAX,
    CREDENTIALS_PER_CUSTOMER_MAX,
    ITEM_QUANTITY_MAX,
    ITEMS_PER_ORDER_MAX,
    SESSIONS_PER_CREDENTIAL_MAX,
    STAFF_CREDENTIALS_MAX,
    TIMESTAMP_MS_MAX,
)
from quitanda.domain.model import CallerRole, Credential, Customer, Document, Order, OrderState, Product
from quitanda.domain.order_states import is_live
from quitanda.domain.state import StateView

_UNITS_LEFT = (OrderState.FULFILLED, OrderState.RETURNED)
"""The states of orders whose units have left."""


class WholeState(StateView, Protocol):
    """A state that can also be listed, each kind in ascending order of ids."""

    def customers(self) -> Iterable[Customer]:
        """Return all customers."""

    def products(self) -> Iterable[Product]:
        """Return all products."""

    def orders(self) -> Iterable[Order]:
        """Return all live orders."""

    def closed_orders(self) -> Iterable[Order]:
        """Return all closed orders."""

    def credentials(self) -> Iterable[Credential]:
        """Return all credentials."""


def check(state: WholeState, supplied: Mapping[str, int] | None = None) -> list[str]:
    """Return everything that is wrong with a state: its documents, its indexes and its versions.

    `supplied` is explained at `check_documents`.
    """
    customers, products, orders = list(state.customers()), list(state.products()), list(state.orders())
    credentials, closed = list(state.credentials()), list(state.closed_orders())
    documents: list[Document] = [*customers, *products, *orders, *credentials, *closed]
    return [
        *check_documents(customers, products, orders, supplied, closed),
        *_wrong_indexes(state, customers, products, orders),
        *_wrong_deadlines(state, orders),
        *_wrong_credentials(credentials, [customer.customer_id for customer in customers]),
        *_wrong_credential_indexes(state, credentials, customers),
        *(
            f"{_name(document)} has version {document.version}, beyond the last one, {state.last_version}"
            for document in documents
            if document.version > state.last_version
        ),
    ]


def check_documents(
    customers: Sequence[Customer],
    products: Sequence[Product],
    orders: Sequence[Order],
    supplied: Mapping[str, int] | None = None,
    closed: Sequence[Order] = (),
) -> list[str]:
    """Return everything that is wrong with all documents of one moment, wherever they were read.

    `orders` are the live ones, `closed` the others. `supplied` says for each product how many units administrators have
    put in, takings subtracted; None leaves out the check that units on hand, held, and gone are as many.
    """
    every = [*orders, *closed]
    return [
        *_wrong_versions([*customers, *products, *every]),
        *_wrong_products(products),
        *chain.from_iterable(_wrong_items(order) for order in every),
        *_wrong_states(orders, closed),
        *_dangling(customers, products, orders),
        *(() if supplied is None else _unbalanced(products, orders, closed, supplied)),
    ]


def units_in_orders(orders: Iterable[Order]) -> dict[str, int]:
    """Return for each product how many units the orders hold together."""
    units: dict[str, int] = {}
    for order in orders:
        for item in order.items:
            units[item.product_id] = units.get(item.product_id, 0) + item.quantity
    return units


def units_gone(closed: Iterable[Order]) -> dict[str, int]:
    """Return for each product how many units left with fulfilled orders and are not on hand again."""
    units: dict[str, int] = {}
    for order in closed:
        for item in order.items if order.state in _UNITS_LEFT else ():
            units[item.product_id] = units.get(item.product_id, 0) + item.quantity - item.restocked
    return units


def _wrong_versions(documents: Sequence[Document]) -> Iterator[str]:
    by_version = sorted(documents, key=lambda document: document.version)
    for document in by_version:
        if document.version < 1:
            yield f"{_name(document)} has version {document.version}, which is not positive"
    for one, other in pairwise(by_version):
        if one.version == other.version:
            yield f"{_name(one)} and {_name(other)} share version {one.version}"


def _wrong_products(products: Sequence[Product]) -> Iterator[str]:
    for product in products:
        if product.quantity < 0:
            yield f"{_name(product)} has {product.quantity} units on hand"
        if product.price < 0:
            yield f"{_name(product)} has the price {product.price}"


def _wrong_items(order: Order) -> Iterator[str]:
    if len(order.items) > ITEMS_PER_ORDER_MAX:
        yield f"{_name(order)} has {len(order.items)} items"
    if len({item.product_id for item in order.items}) < len(order.items):
        yield f"{_name(order)} has two items of one product"
    for item in order.items:
        if not 1 <= item.quantity <= ITEM_QUANTITY_MAX:
            yield f"{_name(order)} has {item.quantity} units of product {item.product_id}"
        if item.unit_price < 0:
            yield f"{_name(order)} has the price {item.unit_price} for product {item.product_id}"


def _wrong_states(orders: Iterable[Order], closed: Iterable[Order]) -> Iterator[str]:
    for order, live in [*((each, True) for each in orders), *((each, False) for each in closed)]:
        if is_live(order) is not live:
            yield f"{_name(order)} is {order.state}, but among the {'live' if live else 'closed'} orders"
        for item in order.items:
            if item.returned and order.state not in _UNITS_LEFT:
                yield f"{_name(order)} is {order.state}, and units of product {item.product_id} were given back"
            if not 0 <= item.restocked <= item.returned <= item.quantity:
                yield f"{_name(order)} has wrong numbers of units given back of product {item.product_id}"
        if (order.state == OrderState.RETURNED) is not (
            order.state in _UNITS_LEFT and all(item.returned == item.quantity for item in order.items)
        ):
            yield f"{_name(order)} is {order.state}, which its units given back contradict"


def _dangling(customers: Sequence[Customer], products: Sequence[Product], orders: Sequence[Order]) -> Iterator[str]:
    customer_ids = {customer.customer_id for customer in customers}
    product_ids = {product.product_id for product in products}
    for order in orders:
        if order.customer_id not in customer_ids:
            yield f"{_name(order)} belongs to customer {order.customer_id}, who does not exist"
        for item in order.items:
            if item.product_id not in product_ids:
                yield f"{_name(order)} holds product {item.product_id}, which does not exist"


def _unbalanced(
    products: Sequence[Product], orders: Sequence[Order], closed: Sequence[Order], supplied: Mapping[str, int]
) -> Iterator[str]:
    ordered, gone = units_in_orders(orders), units_gone(closed)
    for product in products:
        held, put_in = ordered.get(product.product_id, 0), supplied.get(product.product_id, 0)
        left = gone.get(product.product_id, 0)
        if product.quantity + held + left != put_in:
            yield (
                f"{_name(product)} has {product.quantity} units on hand and {held} in orders, "
                + (f"and {left} have left, " if left else "")
                + f"but administrators put in {put_in}"
            )


def _wrong_deadlines(state: StateView, orders: Sequence[Order]) -> Iterator[str]:
    deadlines = sorted((order.expires_at_ms, order.order_id) for order in orders if order.expires_at_ms)
    if list(state.due_orders(TIMESTAMP_MS_MAX, len(orders) + 1)) != [order_id for _, order_id in deadlines]:
        yield "the index of deadlines differs from the orders"


def _wrong_indexes(
    state: StateView, customers: Sequence[Customer], products: Sequence[Product], orders: Sequence[Order]
) -> Iterator[str]:
    of_customer: dict[str, list[str]] = {customer.customer_id: [] for customer in customers}
    with_product: dict[str, list[str]] = {product.product_id: [] for product in products}
    for order in orders:
        of_customer.setdefault(order.customer_id, []).append(order.order_id)
        for item in order.items:
            with_product.setdefault(item.product_id, []).append(order.order_id)
    limit = len(orders) + CASCADE_ORDERS_MAX
    for customer_id, order_ids in of_customer.items():
        if list(state.orders_of_customer(customer_id, limit)) != sorted(order_ids):
            yield f"the index of customer {customer_id}'s orders differs from the orders"
        if state.count_live_orders(customer_id) != len(order_ids):
            yield f"the number of customer {customer_id}'s orders differs from the orders"
    for product_id, order_ids in with_product.items():
        if list(state.orders_with_product(product_id, limit)) != sorted(order_ids):
            yield f"the index of orders with product {product_id} differs from the orders"


def _wrong_credentials(credentials: Sequence[Credential], customer_ids: Sequence[str]) -> Iterator[str]:
    numbers: dict[str, int] = {}
    by_id = {each.credential_id: each for each in credentials}
    for credential in credentials:
        owner = credential.customer_id
        if credential.session_of:
            yield from _wrong_session(credential, by_id)
        else:
            numbers[owner] = numbers.get(owner, 0) + 1
        if credential.has_password != bool(credential.password_hash):
            yield f"{_name(credential)} does not tell whether it has a password"
        if (credential.role == CallerRole.CUSTOMER) != bool(owner):
            yield f"{_name(credential)} has the role {credential.role} and the customer {owner!r}"
        if owner and owner not in customer_ids:
            yield f"{_name(credential)} belongs to customer {owner}, who does not exist"
        if (credential.generation > 1) != bool(credential.previous_hash) or not credential.secret_hash:
            yield f"{_name(credential)} has not the hashes of generation {credential.generation}"
    for owner, number in numbers.items():
        limit = CREDENTIALS_PER_CUSTOMER_MAX if owner else STAFF_CREDENTIALS_MAX + 1  # the first one has no bound
        if number > limit:
            yield f"there are {number} credentials of {owner or 'staff'}"


def _wrong_session(session: Credential, by_id: Mapping[str, Credential]) -> Iterator[str]:
    holder = by_id.get(session.session_of)
    if holder is None or not holder.has_password or holder.session_of:
        yield f"{_name(session)} began with {session.session_of}, which has no password"
        return
    if (session.role, session.customer_id) != (holder.role, holder.customer_id):
        yield f"{_name(session)} is somebody else's than {_name(holder)}"
    if session.has_password or not session.expires_at_ms:
        yield f"{_name(session)} has a password, or no end"
    if sum(each.session_of == session.session_of for each in by_id.values()) > SESSIONS_PER_CREDENTIAL_MAX:
        yield f"{_name(holder)} has too many sessions"


def _wrong_credential_indexes(
    state: StateView, credentials: Sequence[Credential], customers: Sequence[Customer]
) -> Iterator[str]:
    for owner in ["", *(customer.customer_id for customer in customers)]:
        expected = sorted(each.credential_id for each in credentials if each.customer_id == owner)
        if list(state.credentials_of(owner, len(credentials) + 1)) != expected:
            yield f"the index of {owner or 'staff'}'s credentials differs from the credentials"


def _name(document: Document) -> str:
    match document:
        case Customer():
            return f"customer {document.customer_id}"
        case Product():
            return f"product {document.product_id}"
        case Order():
            return f"order {document.order_id}"
        case Credential():
            return f"credential {document.credential_id}"
