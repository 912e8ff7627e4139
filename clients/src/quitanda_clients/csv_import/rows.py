"""Rows of a CSV file as commands of the domain, checked by the domain's own rules."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from quitanda.codec.custom_fields import extra_from_values
from quitanda.codec.money import parse_price
from quitanda.codec.numbers import whole_number
from quitanda.domain.commands import AdjustStock, CreateCustomer, CreateProduct, UpdateCustomer, UpdateProduct
from quitanda.domain.fingerprint import fingerprint
from quitanda.domain.limits import QUANTITY_MAX
from quitanda.domain.outcomes import Problem as ProblemName
from quitanda.domain.outcomes import Refused, invalid
from quitanda.domain.validation import check, check_id
from quitanda.error_status import describe
from quitanda_clients.csv_import.column_names import CUSTOMER_NAMES, PRODUCT_EXPORTS, PRODUCT_NAMES, Export, Names
from quitanda_clients.csv_import.csv_file import Row
from quitanda_clients.csv_import.file_problem import Problem

Creation: TypeAlias = CreateCustomer | CreateProduct
Change: TypeAlias = UpdateCustomer | UpdateProduct


@dataclass(frozen=True, slots=True)
class Planned:
    """A row that is in order: how its document is created, and how it is changed where it exists.

    `create` is None where the file has not all that a new document needs; `change` is None, and `delta` zero, where
    there is nothing to change.
    """

    line: int
    document_id: str
    create: Creation | None
    change: Change | None
    delta: int = 0

    def content(self) -> str:
        """Name what the row says: the same for the same values of the same columns, whatever the rest of the file."""
        commands = (command for command in (self.create, self.change) if command is not None)
        return " ".join([*map(fingerprint, commands), str(self.delta)])


@dataclass(frozen=True, slots=True)
class Layout:
    """What rows are: the columns that are known, those that a new document needs, and how a row becomes commands."""

    id_column: str
    names: Names
    to_create: tuple[str, ...]
    read: Callable[[Row, bool], tuple[Planned, tuple[Refused, ...]]]
    exports: tuple[Export, ...] = ()
    numbers: tuple[str, ...] = ()


def plan(
    layout: Layout, columns: Iterable[str], rows: Iterable[Row], sources: Mapping[str, str]
) -> Iterator[Planned | Problem]:
    """Check every row; ids that come twice are problems of the later rows. `sources` are the file's column names."""
    creates = set(layout.to_create) <= set(columns)
    first_lines: dict[str, int] = {}
    for row in rows:
        planned, refusals = layout.read(row, creates)
        problems = [_problem(row.line, refused, sources) for refused in refusals]
        first = first_lines.setdefault(planned.document_id, row.line)
        if first != row.line:
            column = sources.get(layout.id_column, layout.id_column)
            problems.append(Problem(row.line, column, f"'{planned.document_id}' stands on line {first} already"))
        if problems:
            yield from problems
        else:
            yield planned


def read_customer(row: Row, creates: bool) -> tuple[Planned, tuple[Refused, ...]]:
    """Read `customer_id,name` and fields of one's own."""
    customer_id, name = row.values["customer_id"], row.values.get("name")
    own = _own(row, CUSTOMER_NAMES)
    create = CreateCustomer(customer_id, name or "", _filled(own)) if creates else None
    change = UpdateCustomer(customer_id, name, _changes(own)) if name is not None or own else None
    return Planned(row.line, customer_id, create, change), _refusals(create, change)


def read_product(row: Row, creates: bool) -> tuple[Planned, tuple[Refused, ...]]:
    """Read `product_id` and whichever other columns there are; an empty quantity is left as it is."""
    values, own = row.values, _own(row, PRODUCT_NAMES)
    product_id, name, description = values["product_id"], values.get("name"), values.get("description")
    # A number that cannot be read has its own problem; zero lets the rules judge the other fields.
    price, wrong_price = _taken(_price(values["price"].strip()) if "price" in values else None)
    quantity, wrong_quantity = _taken(_whole(values.get("quantity", "").strip(), "quantity"))
    delta, wrong_delta = _taken(_whole(values.get("quantity_change", "").strip(), "quantity_change"))
    create = change = adjust = None
    if creates and (delta or 0) >= 0:  # nothing can be taken from what does not exist yet
        units = (quantity or 0) + (delta or 0)
        create = CreateProduct(product_id, name or "", price or 0, units, description or "", _filled(own))
    if own or any(value is not None for value in (name, description, price, quantity)):
        change = UpdateProduct(product_id, name, description, price, quantity, _changes(own))
    if delta:
        adjust = AdjustStock(product_id, delta)
    refusals = (*_refusals(create, change, adjust), *wrong_price, *wrong_quantity, *wrong_delta)
    if create is None and change is None and adjust is None and (wrong_id := check_id("product_id", product_id)):
        refusals = (wrong_id, *refusals)
    return Planned(row.line, product_id, create, change, delta or 0), refusals


CUSTOMERS: Final = Layout("customer_id", CUSTOMER_NAMES, ("customer_id", "name"), read_customer)
PRODUCTS: Final = Layout(
    "product_id",
    PRODUCT_NAMES,
    ("product_id", "name", "price"),
    read_product,
    PRODUCT_EXPORTS,
    ("price", "quantity", "quantity_change"),
)


def _refusals(*commands: Creation | Change | AdjustStock | None) -> tuple[Refused, ...]:
    """Say what is wrong with the row: the first field at fault."""
    for command in commands:
        refused = None if command is None else check(command)
        if refused is not None:
            return (replace(refused, field="quantity_change") if refused.field == "delta" else refused,)
    return ()


def _taken(result: int | Refused | None) -> tuple[int | None, tuple[Refused, ...]]:
    return (0, (result,)) if isinstance(result, Refused) else (result, ())


def _price(text: str) -> int | Refused:
    return parse_price(text, "price") if text else invalid("price", ProblemName.MISSING)


def _whole(text: str, field: str) -> int | Refused | None:
    return None if not text else whole_number(text, field, QUANTITY_MAX)


def _own(row: Row, known: Names) -> dict[str, str]:
    return {name: value for name, value in row.values.items() if name not in known}


def _filled(own: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Keep a new document's own fields as text; an empty value is no field."""
    return extra_from_values({name: value for name, value in own.items() if value})


def _changes(own: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Set the fields that have a value, and remove those that have none."""
    return extra_from_values({name: value or None for name, value in own.items()})


def _problem(line: int, refused: Refused, sources: Mapping[str, str]) -> Problem:
    # Where all fields of one's own together are at fault, no single column is.
    field = "" if refused.field == "extra" else refused.field.removeprefix("extra.")
    return Problem(line, sources.get(field, field), describe(refused).message)
