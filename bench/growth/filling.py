"""A replica's data folder with any number of products and orders, as the rules and the replica would leave it.

It is made without the log and without the rules, which would take half a millisecond for each, and in the order of the
keys, so that LevelDB has nothing to sort. A test compares it, key by key, with what the rules make of the commands.
What is made depends on its number alone, so callers know the orders without asking.

Each order has four products, and each product is in four orders, all of them far from each other. The latest orders are
remembered as the outcomes of the requests that placed them, as many as a replica remembers.
"""

import random
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

from bench.workload import ITEMS, PRICE, STOCK, PlacedOrder, Workload
from quitanda.codec.protobuf import encode_outcome
from quitanda.domain.commands import CreateCustomer, CreateOrder, CreateProduct, ItemQuantity, Request
from quitanda.domain.fingerprint import fingerprint
from quitanda.domain.limits import REMEMBERED_REQUESTS_MAX
from quitanda.domain.model import Customer, Kind, Order, OrderItem, Product
from quitanda.domain.outcomes import Done
from quitanda.portal.ids import uuid7
from quitanda_replica.raft.journal import APPLIED_KEY, NO_OP, log_key
from quitanda_replica.raft.learner import JOINED_KEY
from quitanda_replica.state import dedup_window, digest, keys
from quitanda_replica.state.counters import Counters, encode_counters
from quitanda_replica.state.dedup_window import WindowBounds
from quitanda_replica.state.store import Store
from quitanda_replica.state.stored_documents import to_value
from quitanda_replica.state.write_set import WriteSet

ORDERS_OF_A_CUSTOMER: Final = 10
CUSTOMER_NAME: Final = "Conceição Maria"
PRODUCT_NAME: Final = "Pão de queijo"
FIRST_MS: Final = 1_750_000_000_000
"""When the first order was placed; each of the others came ten milliseconds after the one before."""
STEP_MS: Final = 10
STRIDE: Final = 104_729
"""A prime, which spreads the products of the orders."""
PAIRS_PER_COMMIT: Final = 5_000
TERM: Final = 1
LAST_ENTRY: Final = 2
"""The log of the folder holds this entry alone, as a log that was cut there."""

Pair = tuple[bytes, bytes]


def product_id(number: int) -> str:
    """Name the product of this number."""
    return f"p{number:08d}"


def customer_id(number: int) -> str:
    """Name the customer of the order of this number."""
    return f"c{number // ORDERS_OF_A_CUSTOMER:08d}"


def order_id(number: int) -> str:
    """Name the order of this number: later orders have greater ids, as the portals' do."""
    return uuid7(1_000_000 * created_at_ms(number), blake2b(number.to_bytes(8, "big"), digest_size=8).digest())


def created_at_ms(number: int) -> int:
    """Give the time of the order of this number."""
    return FIRST_MS + STEP_MS * number


def placed_order(number: int, documents: int) -> PlacedOrder:
    """Give the order of this number among `documents` (at least four, no multiple of STRIDE) orders and products."""
    return PlacedOrder(customer_id(number), order_id(number), product_ids(number, documents))


def product_ids(number: int, documents: int) -> tuple[str, ...]:
    """Name the products of the order of this number."""
    numbers = ((STRIDE * number + turn * (documents // ITEMS)) % documents for turn in range(ITEMS))
    return tuple(map(product_id, numbers))


def drawn_workload(documents: int, orders: int) -> Workload:
    """Draw some orders among all, for callers that go through them one after the other."""
    draw = random.Random(documents)  # noqa: S311 - the same draws each time
    numbers = draw.sample(range(documents), min(orders, documents))
    return Workload((), tuple(placed_order(number, documents) for number in numbers))


class FilledState:
    """The replicated state after the creation of that many products and orders.

    `remembered`: of how many of the latest orders the requests are remembered.
    """

    def __init__(self, documents: int, remembered: int = REMEMBERED_REQUESTS_MAX) -> None:
        self.documents = documents
        self.customers = -(-documents // ORDERS_OF_A_CUSTOMER)
        self.remembered = min(documents, remembered)
        self._order_ids = [order_id(number).encode() for number in range(documents)]

    def creations(self) -> Iterator[Request]:
        """Give the requests which make this state, all of them in the one entry LAST_ENTRY."""
        for number in range(self.documents):
            yield Request("", f"product-{number}", CreateProduct(product_id(number), PRODUCT_NAME, PRICE, STOCK))
        for number in range(0, self.documents, ORDERS_OF_A_CUSTOMER):
            yield Request("", f"customer-{number}", CreateCustomer(customer_id(number), CUSTOMER_NAME))
        for number in range(self.documents):
            yield self._placing(number)

    def pairs(self) -> Iterator[Pair]:
        """Yield all pairs but the digest, ascending."""
        window, remembered = self._remembered()
        yield from self._customers()
        yield keys.COUNTERS, encode_counters(window)
        yield from self._orders()
        yield from self._products()
        yield from remembered
        for number, name in enumerate(self._order_ids):
            yield keys.orders_of_customer(customer_id(number)) + name, b""
        for number in range(self.documents):
            prefix = keys.orders_with_product(product_id(number))
            for holder, _ in self._holders(number):
                yield prefix + self._order_ids[holder], b""

    def _customers(self) -> Iterator[Pair]:
        for number in range(self.customers):
            name = customer_id(number * ORDERS_OF_A_CUSTOMER)
            customer = Customer(name, CUSTOMER_NAME, (), self.documents + number + 1)
            yield keys.document(Kind.CUSTOMER, name), to_value(customer)

    def _orders(self) -> Iterator[Pair]:
        prefix = keys.DOCUMENTS[Kind.ORDER]
        for number, name in enumerate(self._order_ids):
            yield prefix + name, to_value(self._order(number))

    def _products(self) -> Iterator[Pair]:
        for number in range(self.documents):
            name = product_id(number)
            holder, turn = self._holders(number)[-1]
            product = Product(name, PRODUCT_NAME, "", PRICE, STOCK - ITEMS, (), self._order_version(holder) + 1 + turn)
            yield keys.document(Kind.PRODUCT, name), to_value(product)

    def _remembered(self) -> tuple[Counters, list[Pair]]:
        """Give the counters with the window, and its pairs, ascending."""
        first = self.documents + self.customers + self.documents - self.remembered
        writes = WriteSet(_Empty(), Counters(window_first=first, window_next=first))
        for number in range(self.documents - self.remembered, self.documents):
            request = self._placing(number)
            outcome = encode_outcome(Done(self._order(number)), LAST_ENTRY)
            dedup_window.put(writes, request, fingerprint(request.command), outcome, WindowBounds(self.remembered))
        counters = writes.counters
        counters.last_version = self._order_version(self.documents) - 1
        counters.last_changed = LAST_ENTRY
        counters.customers, counters.products, counters.orders = self.customers, self.documents, self.documents
        return counters, sorted((key, value) for key, value in writes.changes.items() if value is not None)

    def _placing(self, number: int) -> Request:
        placed = placed_order(number, self.documents)
        items = tuple(ItemQuantity(name, 1) for name in placed.product_ids)
        command = CreateOrder(placed.customer_id, placed.order_id, created_at_ms(number), items)
        return Request(placed.customer_id, f"order-{number:08d}", command)

    def _order(self, number: int) -> Order:
        items = tuple(OrderItem(name, PRODUCT_NAME, PRICE, 1) for name in product_ids(number, self.documents))
        name = self._order_ids[number].decode()
        return Order(name, customer_id(number), created_at_ms(number), items, self._order_version(number))

    def _order_version(self, number: int) -> int:
        """Each document gets the next version: products, customers, then each order and its four products."""
        return self.documents + self.customers + number * (1 + ITEMS) + 1

    def _holders(self, product: int) -> list[tuple[int, int]]:
        """Give the numbers of the orders that hold a product, ascending, and as their how-many-th item."""
        inverse = pow(STRIDE, -1, self.documents)
        step = self.documents // ITEMS
        return sorted(((product - turn * step) * inverse % self.documents, turn) for turn in range(ITEMS))


class _Empty:
    """A state without keys."""

    def get(self, key: bytes) -> None:
        """Find nothing."""

    def scan(self, *_: object) -> list[Pair]:
        """Find nothing."""
        return []


def fill(folder: Path, state: FilledState) -> None:
    """Make the data folder of a replica in this state; StoreFailed where it cannot be written."""
    store = Store.open(folder)
    try:
        found = 0
        for number, (key, value) in enumerate(state.pairs()):
            found = digest.replaced(found, key, None, value)
            store.put(key, value)
            if number % PAIRS_PER_COMMIT == 0:
                store.commit()
        store.put(keys.DIGEST, digest.encode_digest(found))
        store.put(log_key(LAST_ENTRY), TERM.to_bytes(8, "big") + NO_OP)
        store.put(APPLIED_KEY, LAST_ENTRY.to_bytes(8, "big"))
        store.put(JOINED_KEY, b"1")
        store.commit()
    finally:
        store.close()
