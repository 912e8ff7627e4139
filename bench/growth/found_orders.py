"""The command `python -m bench.growth.found_orders`: how long a replica takes for the shop's lists of very many orders.

A store is filled with orders in all states, key by key as the replica writes them, and the first pages of lists by
state, customer, product and time are read from it. What is not counted is the same for every list: the proof of
leadership before a read, and the two calls of the network.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bench.growth.filling import FIRST_MS, PAIRS_PER_COMMIT, STEP_MS, created_at_ms, order_id
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Order, OrderItem, OrderState
from quitanda.domain.state import Put
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.reads.found_orders import read_found_orders
from quitanda_replica.state.counters import Counters
from quitanda_replica.state.store import Store
from quitanda_replica.state.stored_documents import WorkingSet
from quitanda_replica.state.view import write_change
from quitanda_replica.state.write_set import WriteSet

PRODUCTS: Final = 100_000
FAVOURITE: Final = "p00000000"
"""A product that one order in four has, beside two that few orders have."""
OTHER_FAVOURITE: Final = "p99999999"
"""Another one; none of the best customer's orders has it."""
BEST_CUSTOMER: Final = "c00000000"
"""One order in ten is hers; the others have ten orders each."""
PAGE_SIZE: Final = 100
ROUNDS: Final = 20

_DAYS_STATES: Final = (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.RETURNED)
_OPEN_ONE_IN: Final = 200
_PLACED_ONE_IN: Final = 100
_SELDOM_ONE_IN: Final = 25

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def shop_order(number: int) -> Order:
    """Make the order of this number: most are fulfilled, some of each hundred are in the other states."""
    products = [f"p{(104_729 * number + turn * 31) % PRODUCTS:08d}" for turn in range(2)]
    products += {0: [FAVOURITE], 1: [OTHER_FAVOURITE]}.get(number % 4, [])
    customer_id = BEST_CUSTOMER if number % 10 == 0 else f"c{1 + number // 11:08d}"
    items = tuple(OrderItem(name, "Pão de queijo", 250, 1) for name in dict.fromkeys(products))
    made_ms = created_at_ms(number)
    order = Order(order_id(number), customer_id, made_ms, items, number + 1)
    state = _state(number)
    if state is OrderState.OPEN:
        return order
    return replace(order, state=state.value, state_since_ms=made_ms + 1_000, placed_at_ms=made_ms)


def _state(number: int) -> OrderState:
    if number % _OPEN_ONE_IN == 1:
        return OrderState.OPEN
    if number % _PLACED_ONE_IN == 2:
        return OrderState.PLACED
    if number % _SELDOM_ONE_IN == 3:
        return _DAYS_STATES[number // _SELDOM_ONE_IN % len(_DAYS_STATES)]
    return OrderState.FULFILLED


def fill(folder: Path, orders: int) -> None:
    """Make the state of a replica with so many orders and nothing else; StoreFailed where it cannot be written."""
    store, documents = Store.open(folder), WorkingSet()
    try:
        for number in range(orders):
            writes = WriteSet(EmptyState(), Counters(level=SUPPORTED_LEVEL))
            write_change(writes, documents, Put(shop_order(number)))
            for key, value in writes.changes.items():
                store.put(key, value or b"")
            if store.staged >= PAIRS_PER_COMMIT:
                store.commit()
        store.commit()
    finally:
        store.close()


def fill_once(filled: Path, make: Callable[[Path], None]) -> None:
    """Make a store in a folder, unless it is there already."""
    if not filled.exists():
        begun = time.monotonic()
        unfinished = filled.with_name("unfinished")
        make(unfinished)
        unfinished.rename(filled)
        typer.echo(f"{filled.name}: filled in {time.monotonic() - begun:.0f} s", err=True)


class EmptyState:
    """A state without keys."""

    def get(self, key: bytes) -> None:
        """Find nothing."""

    def scan(self, *_: object) -> list[tuple[bytes, bytes]]:
        """Find nothing."""
        return []


def lists(orders: int) -> Mapping[str, pb.ListItem]:
    """Give the lists that are read, by what people would call them."""
    seldom = shop_order(orders // 2 + 7)
    middle = FIRST_MS + STEP_MS * (orders // 2)
    asked: dict[str, dict[str, Any]] = {
        "all orders": {},
        "open": {"states": ["open"]},
        "open, cancelled and expired": {"states": ["open", "cancelled", "expired"]},
        "placed": {"states": ["placed"]},
        "fulfilled": {"states": ["fulfilled"]},
        "of a customer with ten orders": {"customer_id": seldom.customer_id},
        "of a customer with a tenth of all orders": {"customer_id": BEST_CUSTOMER},
        "with a product that few orders have": {"product_id": seldom.items[0].product_id},
        "with a product that a quarter of all orders have": {"product_id": FAVOURITE},
        "of that customer, with such a product, where no order has both": {
            "customer_id": BEST_CUSTOMER,
            "product_id": OTHER_FAVOURITE,
        },
        "fulfilled, of that customer, with that product": {
            "states": ["fulfilled"],
            "customer_id": BEST_CUSTOMER,
            "product_id": FAVOURITE,
        },
        "of a time in the middle": {"created_from_ms": middle, "created_before_ms": middle + 60_000},
        "open, before a time in the middle": {"states": ["open"], "created_before_ms": middle},
        "of a customer who is not known": {"customer_id": "nobody"},
    }
    return {name: pb.ListItem(kind=pb.ListItem.KIND_FOUND_ORDERS, **fields) for name, fields in asked.items()}


@dataclass(frozen=True, slots=True)
class FirstPage:
    """A first page of one list in one direction; times in milliseconds."""

    name: str
    newest_first: bool
    orders: int
    first_ms: float
    later_ms: float
    """Of the later reads, in the median."""
    processor_ms: float
    """What the later reads take of a processor, in the median: other work on the machine does not count."""


def measure(folder: Path, orders: int) -> Iterator[FirstPage]:
    """Read the first page of each list, several times; the store is opened for each anew."""
    for name, item in lists(orders).items():
        for newest_first in (True, False):
            item.newest_first = newest_first
            store = Store.open(folder)
            try:
                (found, first, _), *later = [_timed(store, item) for _ in range(1 + ROUNDS)]
            finally:
                store.close()
            _, waited, worked = map(statistics.median, zip(*later, strict=True))
            yield FirstPage(name, newest_first, found, first, waited, worked)


def _timed(store: Store, item: pb.ListItem) -> tuple[int, float, float]:
    """Read a first page; give its number of orders, and the milliseconds on the clock and of a processor."""
    begun, worked = time.perf_counter(), time.thread_time()
    with store.snapshot() as snapshot:
        page = read_found_orders(snapshot, item, None, PAGE_SIZE)
    return len(page.documents), (time.perf_counter() - begun) * 1_000, (time.thread_time() - worked) * 1_000


def table(pages: list[FirstPage]) -> str:
    """Write a table for people."""
    lines = [
        "| list | first | orders on the page | first read, ms | later reads, median, ms | … of a processor, ms |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.name} | {'newest' if each.newest_first else 'oldest'} | {each.orders} | {each.first_ms:.1f} | "
        f"{each.later_ms:.1f} | {each.processor_ms:.1f} |"
        for each in pages
    ]
    return "\n".join(lines)


@app.command()
def found_orders(
    orders: Annotated[int, typer.Option(help="How many orders the shop has had.", min=1_000)] = 1_000_000,
    folder: Annotated[Path | None, typer.Option(help="Where the filled store is kept, and found again.")] = None,
) -> None:
    """Measure the first pages of the shop's lists of orders."""
    with tempfile.TemporaryDirectory(prefix="quitanda-orders-") as temporary:
        filled = (folder or Path(temporary)) / f"orders-{orders}"
        fill_once(filled, lambda path: fill(path, orders))
        typer.echo(table(list(measure(filled, orders))))


if __name__ == "__main__":
    app()
