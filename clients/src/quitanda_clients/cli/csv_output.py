"""Writes answers for spreadsheets: CSV with a header line. `import` reads the lists of customers and products.

Numbers and names are as in the tables, times as in ISO 8601. A field of one's own that is not text is written as JSON.
"""

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from quitanda.codec.documents import kind_of
from quitanda.codec.money import format_price
from quitanda.domain.model import Document, Kind, Order
from quitanda_clients.cli.document_views import (
    LISTS,
    ORDER_ITEM,
    PRODUCTS,
    FieldView,
    csv_columns,
    csv_row,
    fields_of,
    known_values,
)
from quitanda_clients.cli.repeated_letters import REPEATED_COLUMNS, cells_of_repeated
from quitanda_clients.cli.streams import print_error, printable
from quitanda_clients.i18n.speech import say

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from quitanda.backup import Contents, Header
    from quitanda.codec.change_records import HistoryEntry
    from quitanda.v1.admin_portal_pb2 import ListWebhooksResponse, ReplicaStatus, VerifyClusterResponse
    from quitanda.v1.documents_pb2 import Webhook
    from quitanda_clients.cli.repeated_letters import RepeatedLetter
    from quitanda_clients.cli.report_views import ShopReport
    from quitanda_clients.commands.cluster_health import ClusterHealth
    from quitanda_clients.reports.stock_card import StockMovement
    from quitanda_clients.results import DeleteResult, DocumentResult, Listing

Values = Mapping[str, Any]
"""One row, by column."""

_CHANGED: Final[Mapping[Kind, tuple[FieldView, ...]]] = {
    Kind.PRODUCT: tuple(each for each in PRODUCTS.fields if each.in_list),
    Kind.ORDER: LISTS["orders_of_shop"],
}
"""The columns of what changes, by its kind."""

REPLICA_COLUMNS: Final = (
    *("name", "reachable", "role", "term", "revision", "commit_index", "last_log_index", "leader"),
    *("catching_up", "customers", "products", "orders", "state_digest", "error", "supported_level", "cluster_level"),
    "certificate_expires_at_ms",
)
VERIFICATION_COLUMNS: Final = (
    *("name", "reachable", "revision", "keys", "computed_digest", "kept_digest", "compared_digest", "error"),
)
WEBHOOK_COLUMNS: Final = (
    *("webhook_id", "url", "events", "enabled", "created_at_ms", "position", "delivered", "missed", "dropped"),
)
LETTER_COLUMNS: Final = (
    *("letter_id", "event", "document_id", "number", "revision", "at_ms", "attempts", "problem", "waiting"),
)
BACKUP_COLUMNS: Final = (
    *("revision", "term", "state_digest", "customers", "products", "orders", "replica", "taken_at"),
)


class CsvOutput:
    """Implements `output.AnswerOutput`."""

    def __init__(self) -> None:
        self._header_printed = False

    def document(self, result: "DocumentResult[Any]", done: str = "") -> None:  # noqa: ARG002 - for people
        """Print one row; of an order, a row for each item."""
        document: Document = result.document
        if isinstance(document, Order):
            _print(("order_id", *csv_columns(ORDER_ITEM)), _order_rows(document))
        else:
            views = fields_of(document)
            token = {"token": result.token} if result.token else {}
            _print((*csv_columns(views), *token), [csv_row(views, document) | token])

    def document_id(self, result: "DocumentResult[Any]") -> None:
        """Print the rows of the document, which contain its id."""
        self.document(result)

    def changed(self, document: Document, revision: int) -> None:
        """Print one row; the header comes once."""
        views = _CHANGED[kind_of(document)]
        self._change(kind_of(document), {"revision": revision, "deleted": "", **known_values(views, document)})

    def gone(self, kind: Kind, document_id: str, revision: int) -> None:
        """Print one row, with `true` in the column `deleted`."""
        self._change(kind, {"revision": revision, f"{kind.value}_id": document_id, "deleted": "true"})

    def listing(self, name: str, listing: "Listing[Any]", view: str = "") -> None:
        """Print one row for each document."""
        views = LISTS[view or name]
        _print(csv_columns(views), [csv_row(views, document) for document in listing.documents])
        if listing.truncated:
            print_error(say("There are more; these are the first {count} (--limit).", count=len(listing.documents)))

    def deleted(self, kind: str, document_id: str, result: "DeleteResult") -> None:
        """Print one row."""
        row = {f"{kind}_id": document_id, "orders_affected": result.orders_affected, "revision": result.revision}
        _print(tuple(row), [row])

    def history(self, kind: str, document_id: str, listing: "Listing[HistoryEntry]") -> None:  # noqa: ARG002 - as asked
        """Print one row for each field that changed."""
        from quitanda_clients.cli.history_view import HISTORY_COLUMNS, rows_of_entry  # noqa: PLC0415 - as JsonOutput

        _print(HISTORY_COLUMNS, [row for entry in listing.documents for row in rows_of_entry(entry)])
        if listing.truncated:
            print_error(say("There are more; these are the first {count} (--limit).", count=len(listing.documents)))

    def report(self, report: "ShopReport") -> None:
        """Print the rows, without the totals; a text that may look like a formula has an apostrophe before it."""
        from quitanda_clients.reports.report_files import report_csv  # noqa: PLC0415 - as JsonOutput

        _echo(report_csv(report))

    def stock_card(self, product_id: str, listing: "Listing[StockMovement]") -> None:  # noqa: ARG002 - as asked
        """Print one row for each movement."""
        from quitanda_clients.cli.stock_card_view import (  # noqa: PLC0415 - as JsonOutput
            STOCK_CARD_COLUMNS,
            row_of_movement,
        )

        _print(STOCK_CARD_COLUMNS, map(row_of_movement, listing.documents))
        if listing.truncated:
            print_error(
                say("There are older movements; these are the last {count} (--limit).", count=len(listing.documents))
            )

    def replicas(self, replicas: "Sequence[ReplicaStatus]", health: "ClusterHealth") -> None:
        """Print one row for each replica; stderr says whether all is well."""
        _print(REPLICA_COLUMNS, _message_rows(replicas, REPLICA_COLUMNS))
        print_error(health.summary)

    def leadership(self, leader: str, term: int) -> None:
        """Print one row."""
        _print(("leader", "term"), [{"leader": leader, "term": term}])

    def level(self, level: int) -> None:
        """Print one row."""
        _print(("level",), [{"level": level}])

    def backup(self, path: "Path", header: "Header", contents: "Contents", size: int) -> None:
        """Print one row."""
        counts = {"keys": contents.keys, "chunks": contents.chunks, "bytes": size}
        row = {"file": str(path)} | {name: getattr(header, name) for name in BACKUP_COLUMNS} | counts
        _print(tuple(row), [row])

    def certificate(self, process: "Path", ca: "Path", ends: "datetime") -> None:
        """Print one row."""
        row = {"process": str(process), "ca": str(ca), "expires_at_ms": int(ends.timestamp()) * 1_000}
        _print(tuple(row), [row])

    def verification(self, answer: "VerifyClusterResponse") -> None:
        """Print one row for each replica."""
        _print(VERIFICATION_COLUMNS, _message_rows(answer.replicas, VERIFICATION_COLUMNS))

    def webhook(self, answer: Any, done: str) -> None:  # noqa: ARG002 - for people
        """Print one row."""
        shown = answer.webhook if answer.DESCRIPTOR.fields_by_name.get("webhook") else None
        secret = {"secret": answer.secret} if getattr(answer, "secret", "") else {}
        rows = [] if shown is None else _message_rows([shown], WEBHOOK_COLUMNS)
        _print((*WEBHOOK_COLUMNS, *secret), [{**row, **secret} for row in rows])

    def webhooks(self, answer: "ListWebhooksResponse") -> None:
        """Print one row for each webhook."""
        _print(WEBHOOK_COLUMNS, _message_rows(answer.webhooks, WEBHOOK_COLUMNS))

    def dead_letters(self, webhook: "Webhook") -> None:
        """Print one row for each letter."""
        _print(LETTER_COLUMNS, _message_rows(webhook.letters, LETTER_COLUMNS))

    def repeated(self, webhook_id: str, letters: "Sequence[RepeatedLetter]") -> None:  # noqa: ARG002
        """Print one row for each letter."""
        _print(
            REPEATED_COLUMNS,
            [dict(zip(REPEATED_COLUMNS, cells_of_repeated(letter), strict=True)) for letter in letters],
        )

    def summary(self, counts: dict[str, int], beside: dict[str, Any]) -> None:  # noqa: ARG002
        """Print one row; stderr names refused rows."""
        _print(tuple(counts), [counts])

    def _change(self, kind: Kind, row: Values) -> None:
        columns = ("revision", *csv_columns(_CHANGED[kind]), "deleted")
        _print(columns, [row], header=not self._header_printed, others=False)
        self._header_printed = True
        sys.stdout.flush()


def _print(columns: Sequence[str], rows: Iterable[Values], *, header: bool = True, others: bool = True) -> None:
    """Print rows. If `others`, fields without a column get one of their own, in the order of their names."""
    rows = list(rows)
    own = sorted({name for row in rows for name in row} - set(columns)) if others else []
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, *own], restval="", extrasaction="ignore", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    _echo(text.getvalue())


def _echo(text: str) -> None:
    typer.echo(printable(text) if sys.stdout.isatty() else text, nl=False)


def _order_rows(order: Order) -> list[Values]:
    if not order.items:
        return [{"order_id": order.order_id, "total": format_price(order.total)}]
    return [{"order_id": order.order_id, **csv_row(ORDER_ITEM, item)} for item in order.items]


def _message_rows(messages: Iterable[object], columns: Sequence[str]) -> list[Values]:
    from quitanda_clients.cli.table_output import ROLES  # noqa: PLC0415 - only these commands load rich

    rows: list[Values] = []
    for message in messages:
        row = {name: getattr(message, name) for name in columns}
        rows.append(row | {"role": ROLES.get(row["role"], "unknown")} if "role" in row else row)
    return rows
