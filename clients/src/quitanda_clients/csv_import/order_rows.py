"""Turns a file of orders into commands that import them, and checks them with the domain's own rules.

CSV has a row for each item of an order, as exports write it; what is said of the order stands in each of its rows. JSON
Lines have an order in each line.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from quitanda.codec.custom_fields import extra_from_values
from quitanda.codec.json_objects import ObjectCodec
from quitanda.codec.money import parse_price
from quitanda.codec.numbers import whole_number
from quitanda.domain.limits import ITEM_QUANTITY_MAX
from quitanda.domain.model import KNOWN_FIELDS, KNOWN_ITEM_FIELDS, NOBODY, CustomFields, Kind, OrderState
from quitanda.domain.order_commands import ImportedItem, ImportOrder
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.validation import check
from quitanda_clients.cli.moments import read_iso
from quitanda_clients.csv_import.csv_file import CsvRow
from quitanda_clients.csv_import.file_problem import FileProblem
from quitanda_clients.csv_import.valid_row import ValidRow
from quitanda_clients.i18n.refusal_texts import refusal_text
from quitanda_clients.i18n.speech import say

OF_ORDER: Final = "order."
OF_ITEM: Final = "item."
"""Before the names of the own fields of an order and of its items, which stand in one row."""

TIMES: Final[Mapping[str, str]] = {
    "created_at_ms": "created",
    "state_since_ms": "state_since",
    "placed_at_ms": "placed",
    "expires_at_ms": "expires",
}
"""The columns of an order's times, by its fields."""

ORDER_COLUMNS: Final = ("order_id", "customer_id", "state", *TIMES.values())
ITEM_COLUMNS: Final = ("product_id", "name", "unit_price", "quantity", "returned", "restocked")
ITEM_NEEDS: Final = ("product_id", "name", "unit_price", "quantity")
"""What each row with an item must have."""
COMPUTED: Final = "total"
"""A column of exports that counts for nothing: it follows from the others."""

_CODEC: Final = ObjectCodec(ImportOrder)


def order_of_line(line: int, fields: Mapping[str, Any]) -> tuple[ValidRow, tuple[Refused, ...]]:
    """Read the JSON object of an order, as exports write it, and check it."""
    read = _CODEC.read(_with_own_fields(fields))
    if isinstance(read, Refused):
        order_id = fields.get("order_id")
        return ValidRow(line, order_id if isinstance(order_id, str) else f"line {line}", None, None), (read,)
    wrong = check(read)
    return ValidRow(line, read.order_id, read, None), (wrong,) if wrong else ()


def _with_own_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Put the fields of one's own, which stand among the others, together; leave out what only the shop sets."""
    order = _apart(fields, ("order_id", "customer_id", "state", *TIMES, "items"), KNOWN_FIELDS[Kind.ORDER])
    order.setdefault("state", OrderState.OPEN.value)  # what is shown of an open order does not say so
    if order.get("customer_id") == NOBODY:
        order["customer_id"] = None
    items = order.get("items")
    if isinstance(items, list):
        order["items"] = [
            _apart(item, ITEM_COLUMNS, KNOWN_ITEM_FIELDS) if isinstance(item, dict) else item for item in items
        ]
    return order


def _apart(fields: Mapping[str, Any], taken: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    own = {name: value for name, value in fields.items() if name not in known}
    return {name: fields[name] for name in taken if name in fields} | ({"extra": own} if own else {})


def read_order_rows(
    rows: Iterable[CsvRow], sources: Mapping[str, str], unread: Collection[int]
) -> Iterator[ValidRow | FileProblem]:
    """Put the rows of each order together, wherever they stand, and check the orders.

    `sources` are the file's names of the columns. The lines in `unread` have problems that are known already. Of an
    order with a problem no row is valid.
    """
    by_order: dict[str, list[CsvRow]] = {}
    for row in rows:
        by_order.setdefault(row.values["order_id"].strip(), []).append(row)
    for of_order in by_order.values():
        for each in _order(of_order, sources):
            if isinstance(each, FileProblem) or not any(row.line in unread for row in of_order):
                yield each


def _order(rows: Sequence[CsvRow], sources: Mapping[str, str]) -> Iterator[ValidRow | FileProblem]:
    first = rows[0]
    problems = [problem for row in rows[1:] for problem in _contradictions(first, row, sources)]
    values, refusals = _order_values(first)
    problems += [_problem(first.line, refused, sources) for refused in refusals]
    items: list[ImportedItem] = []
    of_items = [row for row in rows if len(rows) > 1 or any(row.values.get(name, "").strip() for name in ITEM_COLUMNS)]
    for row in of_items:
        item, refusals = _item(row)
        problems += [_problem(row.line, refused, sources) for refused in refusals]
        items.append(item)
    if problems:
        yield from problems
        return
    command = ImportOrder(**values, items=tuple(items))
    if wrong := check(command):
        yield _located(wrong, first, of_items, sources)
    else:
        yield ValidRow(first.line, command.order_id, command, None)


def _contradictions(first: CsvRow, row: CsvRow, sources: Mapping[str, str]) -> Iterator[FileProblem]:
    for name, value in row.values.items():
        if name not in (*ITEM_COLUMNS, COMPUTED) and not name.startswith(OF_ITEM) and value != first.values[name]:
            said = say(
                "line {line} says something else of the same order; an order's rows say the same of it",
                line=first.line,
            )
            yield FileProblem(row.line, sources.get(name, name), said)


def _order_values(row: CsvRow) -> tuple[dict[str, Any], list[Refused]]:
    """Read what a row says of its order; a refused value is 0, which lets the rules judge the others."""
    values: dict[str, Any] = {name: row.values[name].strip() for name in ORDER_COLUMNS[:3]}
    read = {name: _time(row.values.get(column, ""), column) for name, column in TIMES.items()}
    refusals = [value for value in read.values() if isinstance(value, Refused)]
    if not row.values.get("created", "").strip():
        refusals.append(invalid("created", Problem.MISSING))
    values |= {name: 0 if isinstance(value, Refused) else value for name, value in read.items()}
    values["customer_id"] = values["customer_id"] or None
    values["extra"] = _own(row, OF_ORDER)
    return values, refusals


def _item(row: CsvRow) -> tuple[ImportedItem, list[Refused]]:
    texts = {name: row.values.get(name, "").strip() for name in ITEM_COLUMNS}
    missing = [invalid(name, Problem.MISSING) for name in ITEM_NEEDS if not texts[name]]
    read: dict[str, int | Refused] = {
        "unit_price": parse_price(texts["unit_price"], "unit_price") if texts["unit_price"] else 0,
        **{name: _units(texts[name], name) for name in ("quantity", "returned", "restocked")},
    }
    refusals = [*missing, *(value for value in read.values() if isinstance(value, Refused))]
    numbers = {name: 0 if isinstance(value, Refused) else value for name, value in read.items()}
    name = row.values.get("name", "")
    return ImportedItem(product_id=texts["product_id"], name=name, extra=_own(row, OF_ITEM), **numbers), refusals


def _units(text: str, name: str) -> int | Refused:
    return whole_number(text, name, ITEM_QUANTITY_MAX) if text else 0


def _time(text: str, column: str) -> int | Refused:
    """Read a time by ISO 8601, in UTC unless it says otherwise; nothing is 0, which stands for "not told"."""
    if not text.strip():
        return 0
    try:
        return read_iso(text.strip())
    except ValueError:
        return invalid(column, Problem.MALFORMED)


def _own(row: CsvRow, prefix: str) -> CustomFields:
    """Take the own fields of an order, or of an item, as text; an empty value is no field."""
    known = (*ORDER_COLUMNS, *ITEM_COLUMNS, COMPUTED)
    own = {
        name.removeprefix(prefix): value
        for name, value in row.values.items()
        if value and name not in known and _belongs(name, prefix)
    }
    return extra_from_values(own)


def _belongs(name: str, prefix: str) -> bool:
    """Tell whose an own field is; one that says nothing is the order's."""
    return name.startswith(prefix) or (prefix == OF_ORDER and not name.startswith(OF_ITEM))


def _located(wrong: Refused, first: CsvRow, items: Sequence[CsvRow], sources: Mapping[str, str]) -> FileProblem:
    """Say in which row and column a field of the order stands."""
    place, of_item, field = wrong.field.partition("].")
    line, prefix = first.line, OF_ORDER
    if of_item:
        line, prefix = items[int(place.removeprefix("items["))].line, OF_ITEM
    else:
        field = TIMES.get(place, place)
    if field == "extra" or field.startswith("extra."):
        own = field.removeprefix("extra").removeprefix(".")
        field = prefix + own if own and prefix + own in sources else own
    column = "product_id" if field == "items" else field
    return _problem(line, Refused(wrong.reason, column, wrong.details), sources)


def _problem(line: int, refused: Refused, sources: Mapping[str, str]) -> FileProblem:
    column = sources.get(refused.field, refused.field)
    return FileProblem(line, column, refusal_text(refused))
