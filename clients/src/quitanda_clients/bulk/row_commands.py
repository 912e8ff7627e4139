"""Rows of a CSV file as commands of the domain, checked by the domain's own rules."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from quitanda.domain.commands import CreateCustomer, CreateProduct
from quitanda.domain.outcomes import Problem as ProblemName
from quitanda.domain.outcomes import Refused, invalid
from quitanda.domain.validation import check
from quitanda.status import describe
from quitanda.wire.extras import extra_from_values
from quitanda.wire.money import parse_price
from quitanda_clients.bulk.csv_rows import Problem, Row

Creation: TypeAlias = CreateCustomer | CreateProduct

CUSTOMER_COLUMNS: Final = ("customer_id", "name")
PRODUCT_COLUMNS: Final = ("product_id", "name", "description", "price", "quantity")
PRODUCT_COLUMNS_NEEDED: Final = ("product_id", "name", "price", "quantity")

_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Layout:
    """What rows are: the columns that must be there, and how a row becomes a command."""

    needed: tuple[str, ...]
    id_column: str
    read: Callable[[Row], tuple[Creation, tuple[Refused, ...]]]


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that is in order."""

    line: int
    command: Creation


def plan(layout: Layout, rows: Iterable[Row]) -> Iterator[Planned | Problem]:
    """Check every row; ids that come twice are problems of the later rows."""
    first_lines: dict[str, int] = {}
    for row in rows:
        command, refusals = layout.read(row)
        problems = [_problem(row.line, refused) for refused in refusals]
        document_id = row.values[layout.id_column]
        first = first_lines.setdefault(document_id, row.line)
        if first != row.line:
            problems.append(Problem(row.line, layout.id_column, f"'{document_id}' stands on line {first} already"))
        if problems:
            yield from problems
        else:
            yield Planned(row.line, command)


def read_customer(row: Row) -> tuple[CreateCustomer, tuple[Refused, ...]]:
    """Read `customer_id,name` and fields of one's own."""
    values = row.values
    command = CreateCustomer(values["customer_id"], values["name"], _extra(row, CUSTOMER_COLUMNS))
    return command, _all_of(check(command))


def read_product(row: Row) -> tuple[CreateProduct, tuple[Refused, ...]]:
    """Read `product_id,name,description,price,quantity` and fields of one's own."""
    values = row.values
    price = _price(values["price"].strip())
    quantity = _quantity(values["quantity"].strip())
    command = CreateProduct(
        values["product_id"],
        values["name"],
        # A number that cannot be read has its own problem; zero lets the rules judge the other fields.
        0 if isinstance(price, Refused) else price,
        0 if isinstance(quantity, Refused) else quantity,
        values.get("description", ""),
        _extra(row, PRODUCT_COLUMNS),
    )
    return command, _all_of(check(command), price, quantity)


CUSTOMERS: Final = Layout(CUSTOMER_COLUMNS, "customer_id", read_customer)
PRODUCTS: Final = Layout(PRODUCT_COLUMNS_NEEDED, "product_id", read_product)


def _all_of(*results: object) -> tuple[Refused, ...]:
    return tuple(result for result in results if isinstance(result, Refused))


def _price(text: str) -> int | Refused:
    return parse_price(text, "price") if text else invalid("price", ProblemName.MISSING)


def _quantity(text: str) -> int | Refused:
    if not text:
        return invalid("quantity", ProblemName.MISSING)
    if not _WHOLE_NUMBER.fullmatch(text):
        return invalid("quantity", ProblemName.NOT_AN_INTEGER, value=text[:40])
    return int(text)


def _extra(row: Row, known: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Keep the other columns as text; an empty value is no field."""
    return extra_from_values({name: value for name, value in row.values.items() if value and name not in known})


def _problem(line: int, refused: Refused) -> Problem:
    # Where all fields of one's own together are at fault, no single column is.
    column = "" if refused.field == "extra" else refused.field.removeprefix("extra.")
    return Problem(line, column, describe(refused).message)
