"""The command `python -m bench.growth.shop_searches searches`: what searches, reports and exports of a large shop take.

Searches for products and customers are read from a replica's store. Reports and exports are made of all orders or
products as the client makes them, of pages that are read from the store: only the network, the portal and the proof of
leadership are not counted. Each runs in a process of its own, whose largest memory is told.
"""

import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from bench.growth import found_orders
from bench.growth.filling import PAIRS_PER_COMMIT
from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.documents import decode_document
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Customer, Document, Kind, Product
from quitanda.domain.state import Put
from quitanda.v1 import replica_pb2 as pb
from quitanda_clients.export.exported_file import write_export
from quitanda_clients.export.fetched_pages import FetchedPages, fetch_rest
from quitanda_clients.export.options import ExportOptions, FileFormat
from quitanda_clients.paging import FetchPage, pages
from quitanda_clients.reports.sales import SalesBy, SalesTally
from quitanda_clients.reports.stock_value import stock_row
from quitanda_clients.results import ListPage
from quitanda_replica.reads.found_documents import SearchMemory, find_page
from quitanda_replica.reads.found_orders import read_found_orders
from quitanda_replica.reads.pages import read_page
from quitanda_replica.reads.snapshots import StateSnapshot
from quitanda_replica.state.counters import Counters
from quitanda_replica.state.store import Store
from quitanda_replica.state.stored_documents import WorkingSet
from quitanda_replica.state.view import write_change
from quitanda_replica.state.write_set import WriteSet

PAGE_SIZE: Final = 100
ROUNDS: Final = 20
KIBIBYTE: Final = 1024
MEGABYTE: Final = 1_000_000

_LOW_ONE_IN: Final = 100
_SOLD_OUT_ONE_IN: Final = 50
_RARE_ONE_IN: Final = 1_000
_WORDS: Final = ("Pão", "Café", "Queijo", "Açúcar", "Feijão", "Arroz", "Manteiga", "Goiabada", "Farinha", "Mel")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def shop_product(number: int) -> Product:
    """Make the product of this number: one in a hundred is low, one in fifty is sold out, one in a thousand is rare."""
    kind, origin = _WORDS[number % len(_WORDS)], _WORDS[number // 7 % len(_WORDS)]
    name = f"{kind} {'raro ' if number % _RARE_ONE_IN == 0 else ''}tipo {number}"
    about = f"{kind} com {origin}, da safra de {1950 + number % 75}, em embalagem de {number % 900} gramas, frágil"
    quantity = 0 if number % _SOLD_OUT_ONE_IN == 1 else 50
    reorder_level = 60 if number % _LOW_ONE_IN == 2 else 0
    return Product(f"p{number:08d}", name, about, 100 + number % 5_000, quantity, (), number + 1, reorder_level)


def shop_customer(number: int) -> Customer:
    """Make the customer of this number."""
    return Customer(f"c{number:08d}", f"{_WORDS[number % len(_WORDS)]} da Conceição {number}", (), number + 1)


def fill(folder: Path, products: int, customers: int) -> None:
    """Make a state with so many products and customers; StoreFailed where it cannot be written."""
    store, documents = Store.open(folder), WorkingSet()
    made: list[tuple[Callable[[int], Document], int]] = [(shop_customer, customers), (shop_product, products)]
    try:
        for make, count in made:
            for number in range(count):
                writes = WriteSet(found_orders.EmptyState(), Counters(level=SUPPORTED_LEVEL))
                write_change(writes, documents, Put(make(number)))
                for key, value in writes.changes.items():
                    store.put(key, value or b"")
                if store.staged >= PAIRS_PER_COMMIT:
                    store.commit()
        store.commit()
    finally:
        store.close()


SEARCHES: Final[Mapping[str, tuple[Kind, DocumentFilter]]] = {
    "products: a word that one in ten has": (Kind.PRODUCT, DocumentFilter("cafe")),
    "products: a word that one in a thousand has": (Kind.PRODUCT, DocumentFilter("raro")),
    "products: words that none has": (Kind.PRODUCT, DocumentFilter("frag ausente")),
    "products: a price that few have": (Kind.PRODUCT, DocumentFilter(price_from=5_000, price_to=5_010)),
    "products: in stock": (Kind.PRODUCT, DocumentFilter(in_stock=True)),
    "products: low, one in a hundred": (Kind.PRODUCT, DocumentFilter(low=True)),
    "products: low, and a word that none has": (Kind.PRODUCT, DocumentFilter("ausente", low=True)),
    "customers: a word that all have": (Kind.CUSTOMER, DocumentFilter("conceicao")),
    "customers: words that none has": (Kind.CUSTOMER, DocumentFilter("conc ausente")),
}


@dataclass(frozen=True, slots=True)
class MeasuredSearch:
    """One search; times in milliseconds. `anew`: of a replica that has just begun, which decodes each document."""

    name: str
    found: int
    anew_ms: float
    anew_longest_ms: float
    page_ms: float
    """The first page later, in the median."""
    pages: int
    all_ms: float
    longest_ms: float
    """The longest of all pages later."""


def measure_search(store: Store, memory: SearchMemory, name: str) -> MeasuredSearch:
    """Search with an empty memory to the end, then again with what the memory has."""
    kind, wanted = SEARCHES[name]
    with store.snapshot() as snapshot:
        anew = list(_page_times(snapshot, SearchMemory(), kind, wanted))
        list(_page_times(snapshot, memory, kind, wanted))
        firsts = [next(_page_times(snapshot, memory, kind, wanted))[1] for _ in range(ROUNDS)]
        later = list(_page_times(snapshot, memory, kind, wanted))
    return MeasuredSearch(
        name=name,
        found=sum(found for found, _ in later),
        anew_ms=sum(ms for _, ms in anew),
        anew_longest_ms=max(ms for _, ms in anew),
        page_ms=statistics.median(firsts),
        pages=len(later),
        all_ms=sum(ms for _, ms in later),
        longest_ms=max(ms for _, ms in later),
    )


def _page_times(
    snapshot: StateSnapshot, memory: SearchMemory, kind: Kind, wanted: DocumentFilter
) -> Iterator[tuple[int, float]]:
    after: str | None = None
    while True:
        begun = time.perf_counter()
        page = find_page(snapshot, memory, kind, wanted, after, PAGE_SIZE)
        yield len(page.documents), (time.perf_counter() - begun) * 1_000
        after = page.next_after
        if after is None:
            return


@dataclass(frozen=True, slots=True)
class MeasuredReport:
    """One report or export: what it read, what it took, and the largest memory of its process."""

    name: str
    documents: int
    seconds: float
    processor_seconds: float
    memory_mb: float


async def _sales(orders: Store, by: SalesBy) -> int:
    tally, count = SalesTally(by), 0
    async for page in pages(_orders_of(orders)):
        for order in page.documents:
            tally.add(order)
        count += len(page.documents)
    tally.rows()
    return count


async def _stock_value(products: Store) -> int:
    rows = [stock_row(each) async for page in pages(_products_of(products)) for each in page.documents]
    return len(rows)


async def _export(fetch: FetchPage[Any], kind: Kind, form: FileFormat) -> int:
    with FetchedPages(kind, None) as fetched, tempfile.TemporaryFile() as file:
        await fetch_rest(fetch, fetched, lambda _: None)
        write_export(file, kind, fetched.documents, ExportOptions(format=form))
        return fetched.count


REPORTS: Final[Mapping[str, Callable[[Store, Store], Any]]] = {
    "report sales --by product": lambda orders, _: _sales(orders, SalesBy.PRODUCT),
    "report sales --by customer": lambda orders, _: _sales(orders, SalesBy.CUSTOMER),
    "report sales --by day": lambda orders, _: _sales(orders, SalesBy.DAY),
    "report stock-value": lambda _, products: _stock_value(products),
    "export orders, CSV": lambda orders, _: _export(_orders_of(orders), Kind.ORDER, FileFormat.CSV),
    "export orders, JSON Lines": lambda orders, _: _export(_orders_of(orders), Kind.ORDER, FileFormat.JSON_LINES),
    "export products, CSV": lambda _, products: _export(_products_of(products), Kind.PRODUCT, FileFormat.CSV),
}


def _orders_of(store: Store) -> FetchPage[Any]:
    snapshot, item = store.snapshot(), pb.ListItem(kind=pb.ListItem.KIND_FOUND_ORDERS)

    async def fetch(size: int, token: str) -> ListPage[Any]:
        page = read_found_orders(snapshot, item, token or None, size)
        return ListPage(tuple(decode_document(Kind.ORDER, each) for each in page.documents), page.next_after or "", 1)

    return fetch


def _products_of(store: Store) -> FetchPage[Any]:
    snapshot = store.snapshot()

    async def fetch(size: int, token: str) -> ListPage[Any]:
        page = read_page(snapshot, Kind.PRODUCT, "", token or None, size)
        return ListPage(tuple(decode_document(Kind.PRODUCT, each) for each in page.documents), page.next_after or "", 1)

    return fetch


def measure_report(name: str, orders: Path, products: Path) -> MeasuredReport:
    """Make one report or export of the stores in these folders, in this process."""
    of_orders, of_products = Store.open(orders), Store.open(products)
    begun, worked = time.perf_counter(), time.process_time()
    try:
        count = asyncio.run(REPORTS[name](of_orders, of_products))
    finally:
        of_orders.close()
        of_products.close()
    seconds, processor = time.perf_counter() - begun, time.process_time() - worked
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE / MEGABYTE
    return MeasuredReport(name, count, seconds, processor, memory)


def _in_own_process(name: str, orders: Path, products: Path) -> MeasuredReport:
    command = [sys.executable, "-m", "bench.growth.shop_searches", "report", name, str(orders), str(products)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return MeasuredReport(**json.loads(done.stdout))


def search_table(searches: list[MeasuredSearch]) -> str:
    """Write a table for people."""
    lines = [
        "| search | found | first page, ms | longest, ms | pages | all, ms | at first: longest page, ms | all, ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.name} | {each.found:,} | {each.page_ms:.1f} | {each.longest_ms:.1f} | {each.pages} | "
        f"{each.all_ms:.0f} | {each.anew_longest_ms:.1f} | {each.anew_ms:.0f} |"
        for each in searches
    ]
    return "\n".join(lines)


def report_table(reports: list[MeasuredReport]) -> str:
    """Write a table for people."""
    lines = ["| report or export | documents | seconds | of a processor | memory, MB |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.name} | {each.documents:,} | {each.seconds:.1f} | {each.processor_seconds:.1f} "
        f"| {each.memory_mb:.0f} |"
        for each in reports
    ]
    return "\n".join(lines)


@app.command()
def report(name: str, orders: Path, products: Path) -> None:
    """Make one report of stores that are filled, and print its figures as JSON."""
    typer.echo(json.dumps(asdict(measure_report(name, orders, products))))


@app.command()
def searches(
    products: Annotated[int, typer.Option(help="How many products and customers there are.", min=1_000)] = 100_000,
    orders: Annotated[int, typer.Option(help="How many orders the shop has had.", min=1_000)] = 1_000_000,
    folder: Annotated[Path | None, typer.Option(help="Where the filled stores are kept, and found again.")] = None,
) -> None:
    """Measure all searches, reports and exports."""
    with tempfile.TemporaryDirectory(prefix="quitanda-searches-") as temporary:
        place = folder or Path(temporary)
        of_products, of_orders = place / f"products-{products}", place / f"orders-{orders}"
        found_orders.fill_once(of_products, lambda path: fill(path, products, products))
        found_orders.fill_once(of_orders, lambda path: found_orders.fill(path, orders))
        store, memory = Store.open(of_products), SearchMemory()
        try:
            typer.echo(search_table([measure_search(store, memory, name) for name in SEARCHES]))
        finally:
            store.close()
        typer.echo(f"\nThe memory of searches: {memory.size / MEGABYTE:.0f} MB\n")
        typer.echo(report_table([_in_own_process(name, of_orders, of_products) for name in REPORTS]))


if __name__ == "__main__":
    app()
