"""Tables for people, with rich.

Everything that comes from outside is put in as plain text, never as rich's markup.
"""

import re
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, assert_never

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quitanda.domain.model import Customer, Document, Extra, Order, Product
from quitanda.wire.documents import OrderSummary
from quitanda.wire.money import format_price

if TYPE_CHECKING:
    from pathlib import Path

    from quitanda.backup import Contents, Header
    from quitanda.v1.admin_portal_pb2 import ReplicaStatus, ReplicaVerification, VerifyClusterResponse

UNLIMITED_WIDTH: Final = 10_000
"""Columns where the output is not a terminal: nothing is cut or wrapped for a program that reads it."""

DIGEST_SHOWN: Final = 12
"""Characters of a state digest that people compare."""

ROLES: Final = {0: "unknown", 1: "follower", 2: "candidate", 3: "leader"}


_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> Text:
    """Show a text as it is, control characters by their numbers: a document must not command the terminal."""
    return Text(_CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text))


def stdout_console() -> Console:
    """Write to stdout: coloured and fitted on a terminal, plain and as wide as needed elsewhere."""
    console = Console(highlight=False, markup=False, emoji=False)
    return (
        console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=UNLIMITED_WIDTH)
    )


def show_document(document: Document) -> None:
    """Print one document."""
    console = stdout_console()
    match document:
        case Customer():
            fields = [("customer", document.customer_id), ("name", document.name)]
            console.print(_fields([*fields, *document.extra, ("version", str(document.version))]))
        case Product():
            console.print(_fields(_product_fields(document)))
        case Order():
            console.print(_fields(_order_fields(document)))
            console.print(_items(document))
        case _:
            assert_never(document)


def show_list(name: str, documents: Sequence[Document | OrderSummary]) -> None:
    """Print a table of customers, products or orders."""
    tables: dict[str, Callable[[Iterable[object]], Table]] = {
        "customers": _customers,
        "products": product_table,
        "orders": _orders,
    }
    table = tables[name](documents)
    stdout_console().print(table)


def show_change(product: Document, revision: int) -> None:
    """Print one line about a product that changed."""
    if isinstance(product, Product):
        line = f"{revision}  {product.product_id}  {product.quantity} on hand  {format_price(product.price)}"
        stdout_console().print(plain(f"{line}  {product.name}"))


def show_replicas(replicas: "Sequence[ReplicaStatus]") -> None:
    """Print how the replicas are."""
    table = _table("replica", "role", ("term", "right"), ("revision", "right"), ("commit", "right"))
    for name, justify in (("last entry", "right"), ("leader", "left"), ("connected to", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name in ("customers", "products", "orders"):
        table.add_column(name, justify="right")
    table.add_column("state digest")
    for replica in replicas:
        table.add_row(*map(plain, _replica_cells(replica)))
    console = stdout_console()
    console.print(table)
    for replica in replicas:
        if replica.error:
            console.print(plain(f"{replica.name}: {replica.error}"))
        for peer in replica.peers:
            if peer.refused:
                console.print(plain(f"{replica.name} refuses {peer.name}: {peer.refused}"))


def show_verification(answer: "VerifyClusterResponse") -> None:
    """Print how the replicas' states compare with their digests and with each other."""
    at = f"digest at {answer.revision}" if answer.revision else "digest"
    table = _table("replica", ("revision", "right"), ("keys", "right"), "state on disk", at)
    for replica in answer.replicas:
        table.add_row(*map(plain, _verification_cells(replica)))
    console = stdout_console()
    console.print(table)
    for replica in answer.replicas:
        if replica.error:
            console.print(plain(f"{replica.name}: {replica.error}"))
    console.print(plain(_comparison(answer)))


def _verification_cells(replica: "ReplicaVerification") -> list[str]:
    if not replica.reachable:
        return [replica.name, "", "", "not verified", ""]
    if replica.error:
        return [replica.name, "", "", "DAMAGED", ""]
    matches = replica.computed_digest == replica.kept_digest
    return [
        replica.name,
        str(replica.revision),
        str(replica.keys),
        "matches its digest" if matches else "DOES NOT MATCH its digest",
        replica.compared_digest[:DIGEST_SHOWN] or "not known",
    ]


def _comparison(answer: "VerifyClusterResponse") -> str:
    known = [replica.compared_digest for replica in answer.replicas if replica.compared_digest]
    if len(set(known)) > 1:
        return f"THE REPLICAS DIFFER at revision {answer.revision}."
    if len(known) < len(answer.replicas):
        return "Not all replicas could be compared with each other."
    return f"All replicas agree at revision {answer.revision}."


def show_backup(path: "Path", header: "Header", contents: "Contents", size: int) -> None:
    """Print what a backup holds."""
    documents = f"{header.customers} customers, {header.products} products, {header.orders} orders"
    facts = [
        ("backup", str(path)),
        ("taken", f"{header.taken_at} from {header.replica}"),
        ("revision", f"{header.revision} (term {header.term})"),
        ("documents", documents),
        ("size", f"{contents.keys} keys in {contents.chunks} chunks, {size} bytes"),
        ("state digest", contents.state_digest),
    ]
    if (disk := header.one_disk) is not None:
        facts += [
            ("cluster", disk.cluster or "without an id"),
            ("its log", f"known as committed to {disk.commit_index}, ends at {disk.last_log_index} (term {disk.term})"),
            ("may lack", disk.explain(header.revision)),
        ]
    stdout_console().print(_fields(facts))


def _replica_cells(replica: "ReplicaStatus") -> list[str]:
    if not replica.reachable:
        return [replica.name, "not reachable"]
    connected = ", ".join(
        f"{peer.name} REFUSED" if peer.refused else peer.name
        for peer in replica.peers
        if peer.connected or peer.refused
    )
    numbers = (replica.term, replica.revision, replica.commit_index, replica.last_log_index)
    counts = (replica.customers, replica.products, replica.orders)
    return [
        replica.name,
        "catching up" if replica.catching_up else ROLES.get(replica.role, "unknown"),
        *map(str, numbers),
        replica.leader or "none known",
        connected or "nobody",
        *map(str, counts),
        replica.state_digest[:DIGEST_SHOWN],
    ]


def product_table(products: Iterable[object], highlighted: Container[str] = ()) -> Table:
    """Make a table of products; prices and quantities stand right-aligned. `highlighted` are ids of bold rows."""
    table = _table("product", "name", ("price", "right"), ("on hand", "right"), ("version", "right"))
    for product in products:
        if isinstance(product, Product):
            numbers = (format_price(product.price), str(product.quantity), str(product.version))
            style = "bold" if product.product_id in highlighted else None
            table.add_row(*map(plain, (product.product_id, product.name, *numbers)), style=style)
    return table


def _customers(customers: Iterable[object]) -> Table:
    table = _table("customer", "name", "other fields", ("version", "right"))
    for customer in customers:
        if isinstance(customer, Customer):
            cells = (customer.customer_id, customer.name, _extra(customer.extra), str(customer.version))
            table.add_row(*map(plain, cells))
    return table


def _orders(orders: Iterable[object]) -> Table:
    table = _table("order", "placed", ("products", "right"), ("total", "right"), ("version", "right"))
    for order in orders:
        if isinstance(order, OrderSummary):
            numbers = (str(order.item_count), format_price(order.total), str(order.version))
            table.add_row(*map(plain, (order.order_id, _moment(order.created_at_ms), *numbers)))
    return table


def _items(order: Order) -> Table:
    table = _table("product", "name", ("unit price", "right"), ("quantity", "right"), ("total", "right"))
    described = any(item.extra for item in order.items)
    if described:
        table.add_column("other fields", overflow="fold")
    for item in order.items:
        numbers = (format_price(item.unit_price), str(item.quantity), format_price(item.total))
        others = (_extra(item.extra),) if described else ()
        table.add_row(*map(plain, (item.product_id, item.name, *numbers, *others)))
    table.add_section()
    table.add_row(Text("total", style="bold"), "", "", "", Text(format_price(order.total), style="bold"))
    return table


def _product_fields(product: Product) -> list[tuple[str, str]]:
    return [
        ("product", product.product_id),
        ("name", product.name),
        ("description", product.description),
        ("price", format_price(product.price)),
        ("on hand", str(product.quantity)),
        *product.extra,
        ("version", str(product.version)),
    ]


def _order_fields(order: Order) -> list[tuple[str, str]]:
    return [
        ("order", order.order_id),
        ("customer", order.customer_id),
        ("placed", _moment(order.created_at_ms)),
        *order.extra,
        ("version", str(order.version)),
    ]


def _fields(fields: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in fields:
        grid.add_row(plain(name), plain(value))
    return grid


def _table(*columns: str | tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        name, justify = column if isinstance(column, tuple) else (column, "left")
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _extra(extra: Extra) -> str:
    return ", ".join(f"{name}={value}" for name, value in extra)


def _moment(created_at_ms: int) -> str:
    """Show a time to the second, in UTC."""
    try:
        return datetime.fromtimestamp(created_at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):  # a clock far off the calendar
        return f"{created_at_ms} ms"
