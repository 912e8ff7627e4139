"""Answers for spreadsheets: CSV with a header line; lists of customers and products as `import` reads them.

Numbers and names are as in the tables, times as in ISO 8601. A field of one's own that is not text is written as JSON.
"""

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, assert_never

import typer

from quitanda.codec.documents import OrderSummary
from quitanda.codec.json_text import parse_json
from quitanda.codec.money import format_price
from quitanda.domain.model import Customer, CustomFields, Document, Order, Product
from quitanda.domain.outcomes import Refused
from quitanda_clients.cli.printable import printable
from quitanda_clients.cli.streams import tell

if TYPE_CHECKING:
    from pathlib import Path

    from quitanda.backup import Contents, Header
    from quitanda.v1.admin_portal_pb2 import ReplicaStatus, VerifyClusterResponse
    from quitanda_clients.cli.output import DocumentT, ShownT
    from quitanda_clients.commands.cluster_health import Health
    from quitanda_clients.results import Answer, Deleted, Listing

Row = Mapping[str, Any]

COLUMNS: Mapping[str, Sequence[str]] = {
    "customers": ("customer_id", "name"),
    "products": ("product_id", "name", "description", "price", "quantity"),
    "orders": ("order_id", "placed", "products", "total", "version"),
}
ITEM_COLUMNS = ("order_id", "product_id", "name", "unit_price", "quantity", "total")
CHANGE_COLUMNS = ("revision", "product_id", "name", "price", "quantity", "deleted")


class CsvOutput:
    """Implements `output.Output`."""

    def __init__(self) -> None:
        self._header_printed = False

    def document(self, answer: "Answer[DocumentT]", done: str = "") -> None:  # noqa: ARG002 - for people
        """Print one row; of an order, a row for each item."""
        document: Document = answer.document
        match document:
            case Customer():
                _print(COLUMNS["customers"], [_row(document)])
            case Product():
                _print(COLUMNS["products"], [_row(document)])
            case Order():
                _print(ITEM_COLUMNS, _items(document))
            case _:
                assert_never(document)

    def document_id(self, answer: "Answer[DocumentT]") -> None:
        """Print the rows of the document: its id stands in them."""
        self.document(answer)

    def changed(self, product: Document, revision: int) -> None:
        """Print one row; the header comes once."""
        if isinstance(product, Product):
            self._change({"revision": revision, "deleted": "", **_row(product)})

    def gone(self, product_id: str, revision: int) -> None:
        """Print one row, with `true` in the column `deleted`."""
        self._change({"revision": revision, "product_id": product_id, "deleted": "true"})

    def listing(self, name: str, listing: "Listing[ShownT]") -> None:
        """Print one row for each document."""
        _print(COLUMNS[name], [_row(document) for document in listing.documents])
        if listing.truncated:
            tell(f"There are more; only the first {len(listing.documents)} are written (--limit).")

    def deleted(self, kind: str, document_id: str, deleted: "Deleted") -> None:
        """Print one row."""
        columns = (f"{kind}_id", "orders_affected", "revision")
        row = {columns[0]: document_id, "orders_affected": deleted.orders_affected, "revision": deleted.revision}
        _print(columns, [row])

    def replicas(self, replicas: "Sequence[ReplicaStatus]", health: "Health") -> None:
        """Print one row for each replica; whether all is well stands on stderr."""
        columns = ("name", "reachable", "role", "term", "revision", "commit_index", "last_log_index", "leader")
        others = ("catching_up", "customers", "products", "orders", "state_digest", "error")
        _print((*columns, *others), _messages(replicas, (*columns, *others)))
        tell(health.summary)

    def leadership(self, leader: str, term: int) -> None:
        """Print one row."""
        _print(("leader", "term"), [{"leader": leader, "term": term}])

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Print one row."""
        names = ("revision", "term", "state_digest", "customers", "products", "orders", "replica", "taken_at")
        row = {name: getattr(header, name) for name in names}
        counted = {"keys": contents.keys, "chunks": contents.chunks, "bytes": size}
        _print(("file", *names, *counted), [{"file": str(path)} | row | counted])

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Print one row for each replica."""
        columns = (
            "name",
            "reachable",
            "revision",
            "keys",
            "computed_digest",
            "kept_digest",
            "compared_digest",
            "error",
        )
        _print(columns, _messages(answer.replicas, columns))

    def summary(self, counts: dict[str, int], beside: dict[str, Any]) -> None:  # noqa: ARG002
        """Print one row; refused rows are told on stderr."""
        _print(tuple(counts), [counts])

    def _change(self, row: Row) -> None:
        _print(CHANGE_COLUMNS, [row], header=not self._header_printed, others=False)
        self._header_printed = True
        sys.stdout.flush()


def _print(columns: Sequence[str], rows: Iterable[Row], *, header: bool = True, others: bool = True) -> None:
    """Print rows; fields that have no column get one of their own, in the order of their names, unless not `others`."""
    rows = list(rows)
    own = sorted({name for row in rows for name in row} - set(columns)) if others else []
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, *own], restval="", extrasaction="ignore", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    typer.echo(printable(text.getvalue()) if sys.stdout.isatty() else text.getvalue(), nl=False)


def _row(document: Document | OrderSummary) -> Row:
    match document:
        case Customer():
            return {"customer_id": document.customer_id, "name": document.name, **_extra(document.extra)}
        case Product():
            known = {"product_id": document.product_id, "name": document.name, "description": document.description}
            numbers = {"price": format_price(document.price), "quantity": document.quantity}
            return {**known, **numbers, **_extra(document.extra)}
        case OrderSummary():
            return {
                "order_id": document.order_id,
                "placed": _moment(document.created_at_ms),
                "products": document.item_count,
                "total": format_price(document.total),
                "version": document.version,
            }
        case _:
            return {}


def _items(order: Order) -> list[Row]:
    if not order.items:
        return [{"order_id": order.order_id, "total": format_price(order.total)}]
    return [
        {
            "order_id": order.order_id,
            "product_id": item.product_id,
            "name": item.name,
            "unit_price": format_price(item.unit_price),
            "quantity": item.quantity,
            "total": format_price(item.total),
            **_extra(item.extra),
        }
        for item in order.items
    ]


def _extra(extra: CustomFields) -> Row:
    return {name: _as_text(value) for name, value in extra}


def _as_text(value: str) -> str:
    """Give a text field's text, and the JSON of any other one."""
    parsed = parse_json(value, "extra")
    return parsed.value if not isinstance(parsed, Refused) and isinstance(parsed.value, str) else value


def _moment(created_at_ms: int) -> str:
    try:
        return datetime.fromtimestamp(created_at_ms / 1_000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):  # a clock far off the calendar
        return str(created_at_ms)


def _messages(messages: Iterable[object], columns: Sequence[str]) -> list[Row]:
    from quitanda_clients.cli.tables import ROLES  # noqa: PLC0415 - only these commands pay for rich

    rows: list[Row] = []
    for message in messages:
        row = {name: getattr(message, name) for name in columns}
        rows.append(row | {"role": ROLES.get(row["role"], "unknown")} if "role" in row else row)
    return rows
