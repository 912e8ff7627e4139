"""Tables for people, with rich.

Everything that comes from outside is put in as plain text, never as rich's markup.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, assert_never

from quitanda.codec.documents import OrderSummary
from quitanda.codec.money import format_price
from quitanda.domain.model import Customer, CustomFields, Document, Order, Product
from quitanda_clients.cli.width import Column, Rows, plain, show_fields, show_table, stdout_console

if TYPE_CHECKING:
    from pathlib import Path

    from quitanda.backup import Contents, Header
    from quitanda.v1.admin_portal_pb2 import ReplicaStatus, ReplicaVerification, VerifyClusterResponse

DIGEST_SHOWN: Final = 12
"""Characters of a state digest that people compare."""

ROLES: Final = {0: "unknown", 1: "follower", 2: "candidate", 3: "leader"}

CUSTOMERS: Final = (
    Column("customer"),
    Column("name", folds=True, spare=1),
    Column("other fields", folds=True, spare=2),
    Column("version", "right", spare=3),
)
PRODUCTS: Final = (
    Column("product"),
    Column("name", folds=True, spare=1),
    Column("price", "right"),
    Column("on hand", "right"),
    Column("version", "right", spare=2),
)
ORDERS: Final = (
    Column("order"),
    Column("placed (UTC)", spare=2),
    Column("products", "right", spare=1),
    Column("total", "right"),
    Column("version", "right", spare=3),
)
ITEMS: Final = (
    Column("product"),
    Column("name", folds=True, spare=1),
    Column("unit price", "right", spare=2),
    Column("quantity", "right"),
    Column("total", "right"),
)
REPLICAS: Final = (
    Column("replica"),
    Column("role"),
    Column("term", "right", spare=2),
    Column("revision", "right"),
    Column("commit", "right", spare=5),
    Column("last entry", "right", spare=6),
    Column("leader", spare=3),
    Column("connected to", folds=True, spare=4),
    Column("customers", "right", spare=7),
    Column("products", "right", spare=8),
    Column("orders", "right", spare=9),
    Column("state digest", spare=1),
)


def show_document(document: Document) -> None:
    """Print one document."""
    console = stdout_console()
    match document:
        case Customer():
            known = [("customer", document.customer_id), ("name", document.name)]
            show_fields(console, [*known, *document.extra, ("version", str(document.version))], ["customer"])
        case Product():
            show_fields(console, _product_fields(document), ["product"])
        case Order():
            show_fields(console, _order_fields(document), ["order", "customer"])
            columns, rows = _items(document)
            show_table(console, columns, rows)
        case _:
            assert_never(document)


def show_list(name: str, documents: Sequence[Document | OrderSummary]) -> None:
    """Print a table of customers, products or orders."""
    tables: dict[str, tuple[Sequence[Column], Callable[[Iterable[object]], Rows]]] = {
        "customers": (CUSTOMERS, _customers),
        "products": (PRODUCTS, product_rows),
        "orders": (ORDERS, _orders),
    }
    columns, rows = tables[name]
    show_table(stdout_console(), columns, rows(documents))


def show_change(product: Document, revision: int) -> None:
    """Print one line about a product that changed."""
    if isinstance(product, Product):
        line = f"{revision}  {product.product_id}  {product.quantity} on hand  {format_price(product.price)}"
        stdout_console().print(plain(f"{line}  {product.name}"), soft_wrap=True)


def show_replicas(replicas: "Sequence[ReplicaStatus]") -> None:
    """Print how the replicas are."""
    console = stdout_console()
    show_table(console, REPLICAS, Rows([_replica_cells(replica) for replica in replicas]))
    for replica in replicas:
        if replica.error:
            console.print(plain(f"{replica.name}: {replica.error}"))
        for peer in replica.peers:
            if peer.refused:
                console.print(plain(f"{replica.name} refuses {peer.name}: {peer.refused}"))


def show_verification(answer: "VerifyClusterResponse") -> None:
    """Print how the replicas' states compare with their digests and with each other."""
    at = f"digest at {answer.revision}" if answer.revision else "digest"
    columns = (
        Column("replica"),
        Column("revision", "right", spare=1),
        Column("keys", "right", spare=2),
        Column("state on disk", folds=True),
        Column(at, folds=True),
    )
    console = stdout_console()
    show_table(console, columns, Rows([_verification_cells(replica) for replica in answer.replicas]))
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
    show_fields(stdout_console(), facts, ["backup", "state digest", "cluster"])


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


def product_rows(products: Iterable[object], highlighted: Container[str] = ()) -> Rows:
    """Make the rows of a table of products; `highlighted` are ids of those that stand out."""
    shown = [product for product in products if isinstance(product, Product)]
    cells = [
        (product.product_id, product.name, format_price(product.price), str(product.quantity), str(product.version))
        for product in shown
    ]
    return Rows(cells, frozenset(at for at, product in enumerate(shown) if product.product_id in highlighted))


def _customers(customers: Iterable[object]) -> Rows:
    return Rows(
        [
            (customer.customer_id, customer.name, _extra(customer.extra), str(customer.version))
            for customer in customers
            if isinstance(customer, Customer)
        ]
    )


def _orders(orders: Iterable[object]) -> Rows:
    return Rows(
        [
            (
                order.order_id,
                _moment(order.created_at_ms, "%Y-%m-%d %H:%M"),
                str(order.item_count),
                format_price(order.total),
                str(order.version),
            )
            for order in orders
            if isinstance(order, OrderSummary)
        ]
    )


def _items(order: Order) -> tuple[Sequence[Column], Rows]:
    described = any(item.extra for item in order.items)
    columns = (*ITEMS, Column("other fields", folds=True)) if described else ITEMS
    cells = []
    for item in order.items:
        numbers = (format_price(item.unit_price), str(item.quantity), format_price(item.total))
        others = (_extra(item.extra),) if described else ()
        cells.append((item.product_id, item.name, *numbers, *others))
    return columns, Rows(cells, total=("total", "", "", "", format_price(order.total)))


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


def _extra(extra: CustomFields) -> str:
    return ", ".join(f"{name}={value}" for name, value in extra)


def _moment(created_at_ms: int, form: str = "%Y-%m-%d %H:%M:%S UTC") -> str:
    """Show a time, to the second and with its zone where no other form is given; all times are in UTC."""
    try:
        return datetime.fromtimestamp(created_at_ms / 1_000, UTC).strftime(form)
    except (OverflowError, ValueError, OSError):  # a clock far off the calendar
        return f"{created_at_ms} ms"
