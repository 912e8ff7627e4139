"""How people and programs see the changes of a document: rows of a table, rows for spreadsheets, and JSON."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from quitanda.codec.change_records import ChangedField, HistoryEntry
from quitanda_clients.cli.moments import iso_time
from quitanda_clients.cli.table_layout import Column
from quitanda_clients.i18n.history_texts import HistoryTexts, ShownChange
from quitanda_clients.i18n.speech import say, say_money, say_second

HISTORY: Final = (
    Column("revision", "right"),
    Column("when"),
    Column("who", spare=2),
    Column("what"),
    Column("order", spare=1),
    Column("request", spare=3),
    Column("change", folds=True),
)
HISTORY_COLUMNS: Final = (
    *("number", "revision", "received_at", "credential_id", "command", "scope", "request_id", "order_id"),
    *("deleted", "field", "product_id", "before", "after"),
)
_NOTHING: Final = "-"


class SpokenValues:
    """Implements `ValueFormats` as commands write values."""

    def money(self, minor_units: int) -> str:
        """Write an amount; with the currency, where one was chosen."""
        return say_money(minor_units)

    def number(self, number: int) -> str:
        """Write a whole number as people type it."""
        return str(number)

    def moment(self, milliseconds: int) -> str:
        """Write a time to the second."""
        return say_second(milliseconds) if milliseconds else ""


TEXTS: Final = HistoryTexts(say, SpokenValues(), {}, nothing=_NOTHING)
"""Credentials stand by their ids, which `token list` explains."""


def cells_of(entry: HistoryEntry) -> tuple[str, ...]:
    """Give the cells of an entry, by HISTORY."""
    shown = TEXTS.entry(entry)
    change = say("deleted") if shown.deleted else "; ".join(map(_change, shown.fields))
    order = shown.order_id or _NOTHING
    return (str(entry.revision), shown.when, shown.who, shown.what, order, entry.request_id, change)


def rows_of_entry(entry: HistoryEntry) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each field that changed, by HISTORY_COLUMNS; of a deletion one row without a field."""
    told = {
        "number": entry.number,
        "revision": entry.revision,
        "received_at": iso_time(entry.received_at_ms) if entry.received_at_ms else "",
        "credential_id": entry.credential_id,
        "command": entry.command,
        "scope": entry.scope,
        "request_id": entry.request_id,
        "order_id": entry.order_id,
        "deleted": entry.deleted,
    }
    for field in entry.fields:
        yield told | {
            "field": field.name,
            "product_id": field.product_id,
            "before": field.before_json,
            "after": field.after_json,
        }
    if not entry.fields:
        yield told | dict.fromkeys(("field", "product_id", "before", "after"), "")


def entry_text(entry: HistoryEntry) -> str:
    """Write an entry as JSON; its values as they stand in the documents, with all their digits."""
    told = {
        "number": entry.number,
        "revision": entry.revision,
        "received_at_ms": entry.received_at_ms,
        "credential_id": entry.credential_id,
        "command": entry.command,
        "scope": entry.scope,
        "request_id": entry.request_id,
        "order_id": entry.order_id,
        "deleted": entry.deleted,
    }
    text = json.dumps(told, ensure_ascii=False)
    return f'{text[:-1]}, "fields": [{", ".join(map(_field_text, entry.fields))}]}}'


def _field_text(field: ChangedField) -> str:
    members = [f'"name": {json.dumps(field.name, ensure_ascii=False)}']
    if field.product_id:
        members.append(f'"product_id": {json.dumps(field.product_id)}')
    members += [f'"before": {field.before_json}'] if field.before_json else []
    members += [f'"after": {field.after_json}'] if field.after_json else []
    return f"{{{', '.join(members)}}}"


def _change(field: ShownChange) -> str:
    return f"{field.name}: {field.before} -> {field.after}"
