"""How people and programs see the stock card of a product: a table, JSON and CSV."""

import json
from collections.abc import Mapping
from typing import Any, Final

from quitanda_clients.cli.history_view import TEXTS
from quitanda_clients.cli.moments import iso_time
from quitanda_clients.cli.table_layout import Column
from quitanda_clients.reports.stock_card import StockMovement

STOCK_CARD: Final = (
    Column("when"),
    Column("reason"),
    Column("order", spare=1),
    Column("who", spare=2),
    Column("change", "right"),
    Column("on hand", "right"),
    Column("request", spare=4),
    Column("revision", "right", spare=3),
)
STOCK_CARD_COLUMNS: Final = (
    *("received_at", "reason", "order_id", "credential_id", "change", "on_hand"),
    *("scope", "request_id", "revision"),
)
_NOTHING: Final = "-"


def cells_of_movement(made: StockMovement) -> tuple[str, ...]:
    """Give the cells of a movement, by STOCK_CARD."""
    entry, shown = made.entry, TEXTS.entry(made.entry)
    change = _NOTHING if made.change is None else f"{made.change:+}"
    order = shown.order_id or _NOTHING
    return (shown.when, shown.what, order, shown.who, change, str(made.on_hand), entry.request_id, str(entry.revision))


def row_of_movement(made: StockMovement) -> Mapping[str, Any]:
    """Give the values of a movement, by STOCK_CARD_COLUMNS."""
    received_at_ms = made.entry.received_at_ms
    return {"received_at": iso_time(received_at_ms) if received_at_ms else "", **_told(made)}


def movement_text(made: StockMovement) -> str:
    """Write a movement as JSON."""
    return json.dumps({"received_at_ms": made.entry.received_at_ms, **_told(made)}, ensure_ascii=False)


def _told(made: StockMovement) -> dict[str, Any]:
    entry = made.entry
    return {
        "reason": entry.command,
        "order_id": entry.order_id,
        "credential_id": entry.credential_id,
        "change": made.change,
        "on_hand": made.on_hand,
        "scope": entry.scope,
        "request_id": entry.request_id,
        "revision": entry.revision,
    }
