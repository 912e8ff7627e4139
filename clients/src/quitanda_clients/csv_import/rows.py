"""Turns rows of a CSV file into commands of the domain, and checks them with the domain's own rules."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from quitanda.codec.custom_fields import extra_from_values
from quitanda.codec.json_fields import FieldReader
from quitanda.codec.money import parse_price
from quitanda.codec.numbers import whole_number
from quitanda.domain.commands import (
    AdjustStock,
    CreateCustomer,
    CreateProduct,
    ImportOrder,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.field_types import FieldType, Form, describe
from quitanda.domain.limits import QUANTITY_MAX
from quitanda.domain.model import KNOWN_FIELDS, CustomFields, Kind
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.validation import check
from quitanda.domain.value_checks import check_id
from quitanda_clients.csv_import.column_names import (
    CUSTOMER_NAMES,
    ORDER_NAMES,
    PRODUCT_EXPORTS,
    PRODUCT_NAMES,
    ColumnNames,
    ProductExport,
)
from quitanda_clients.csv_import.csv_file import CsvRow
from quitanda_clients.csv_import.file_problem import FileProblem
from quitanda_clients.csv_import.order_rows import (
    COMPUTED,
    ITEM_NEEDS,
    OF_ITEM,
    OF_ORDER,
    order_of_line,
    read_order_rows,
)
from quitanda_clients.csv_import.valid_row import Change, Creation, ValidRow
from quitanda_clients.i18n.refusal_texts import refusal_text
from quitanda_clients.i18n.speech import say

STOCK_CHANGE: Final = "quantity_change"
"""The column of units to add or to remove."""
CREATION_FIELDS: Final[Mapping[type, tuple[FieldType, ...]]] = {each: describe(each) for each in get_args(Creation)}
"""The fields of each command that creates: worked out once, since each row of a file asks for them several times."""


@dataclass(frozen=True, slots=True)
class CsvSchema:
    """What the rows of a file are: which columns they may have, and which commands they become.

    `to_create` are the columns that a new document needs; of an order, a row with an item also needs those of
    `in_items`. `stock`: the rows may have a column STOCK_CHANGE. Without a `change`, a document that exists stays as
    it is.
    """

    kind: Kind
    known_names: ColumnNames
    to_create: tuple[str, ...]
    create: type[Creation]
    change: type[Change] | None = None
    exports: tuple[ProductExport, ...] = ()
    stock: bool = False
    in_items: tuple[str, ...] = ()

    @property
    def id_column(self) -> str:
        """The column of the document's id."""
        return f"{self.kind.value}_id"

    @property
    def names(self) -> ColumnNames:
        """The names that the column of each field may have; a field without known names has its own."""
        fields = (each.name for each in CREATION_FIELDS[self.create] if each.form is not Form.CUSTOM_FIELDS)
        return {**self.known_names, **{name: (name,) for name in fields if name not in self.known_names}}

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers, which files of different countries write differently."""
        forms = {each.name: each.form for each in CREATION_FIELDS[self.create]}
        return tuple(name for name in self.names if forms.get(name) in _NUMBERS or name == STOCK_CHANGE)

    def knows(self, column: str) -> bool:
        """Whether a column, by our name, is one of ours; any other one is a field of the shop's own."""
        return column in self.names

    def read_rows(
        self, rows: Sequence[CsvRow], sources: Mapping[str, str], unread: Collection[int]
    ) -> Iterator[ValidRow | FileProblem]:
        """Check every row; a repeated id is a problem of the later row.

        `sources` are the file's names of the columns. The lines in `unread` have problems that are known already.
        """
        creates = set(self.to_create) <= set(sources)
        for each in with_problems(self, (_read(self, row, creates) for row in rows), sources):
            if isinstance(each, FileProblem) or each.line not in unread:
                yield each

    def read_line(self, number: int, fields: dict[str, Any]) -> tuple[ValidRow, tuple[Refused, ...]]:
        """Read a line of JSON Lines."""
        return _read_line(self, number, fields)


@dataclass(frozen=True, slots=True)
class OrderSchema(CsvSchema):
    """The same of orders, each of which has a row for each of its items."""

    @property
    def names(self) -> ColumnNames:
        """The names that the columns of an order and of its items may have."""
        return self.known_names

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers."""
        return ("unit_price", "quantity", "returned", "restocked")

    def knows(self, column: str) -> bool:
        """Whether a column is one of ours, or says itself whose own field it is."""
        return column in self.names or column == COMPUTED or column.startswith((OF_ORDER, OF_ITEM))

    def read_rows(
        self, rows: Sequence[CsvRow], sources: Mapping[str, str], unread: Collection[int]
    ) -> Iterator[ValidRow | FileProblem]:
        """Check every order."""
        return read_order_rows(rows, sources, unread)

    def read_line(self, number: int, fields: dict[str, Any]) -> tuple[ValidRow, tuple[Refused, ...]]:
        """Read a line of JSON Lines."""
        return order_of_line(number, fields)


_NUMBERS: Final = frozenset({Form.NUMBER, Form.MONEY})

SCHEMAS: Final[Mapping[Kind, CsvSchema]] = {
    Kind.CUSTOMER: CsvSchema(Kind.CUSTOMER, CUSTOMER_NAMES, ("customer_id", "name"), CreateCustomer, UpdateCustomer),
    Kind.PRODUCT: CsvSchema(
        Kind.PRODUCT,
        PRODUCT_NAMES,
        ("product_id", "name", "price"),
        CreateProduct,
        UpdateProduct,
        PRODUCT_EXPORTS,
        stock=True,
    ),
    Kind.ORDER: OrderSchema(
        Kind.ORDER, ORDER_NAMES, ("order_id", "customer_id", "state", "created"), ImportOrder, in_items=ITEM_NEEDS
    ),
}


def with_problems(
    schema: CsvSchema, rows: Iterable[tuple[ValidRow, Iterable[Refused]]], sources: Mapping[str, str]
) -> Iterator[ValidRow | FileProblem]:
    """Give each row that has no refusals and an id that no earlier row has; of the others the problems."""
    first_lines: dict[str, int] = {}
    for valid, refusals in rows:
        problems = [_problem(valid.line, refused, sources) for refused in refusals]
        first = first_lines.setdefault(valid.document_id, valid.line)
        if first != valid.line:
            column = sources.get(schema.id_column, schema.id_column)
            problems.append(
                FileProblem(
                    valid.line,
                    column,
                    say("'{document_id}' is already on line {first}", document_id=valid.document_id, first=first),
                )
            )
        if problems:
            yield from problems
        else:
            yield valid


def _read(schema: CsvSchema, row: CsvRow, creates: bool) -> tuple[ValidRow, tuple[Refused, ...]]:
    """Read one row; a column that is not there, or a number that is empty, changes nothing."""
    names = schema.names
    own = {name: value for name, value in row.values.items() if name not in names}
    forms = {each.name: each.form for each in CREATION_FIELDS[schema.create]}
    values = {
        name: _value(forms.get(name, Form.NUMBER), name, row.values[name])
        for name in names
        if name in row.values and name != schema.id_column
    }
    return valid_row(schema, row.line, row.values[schema.id_column], values, _filled(own), _changes(own), creates)


def valid_row(
    schema: CsvSchema,
    line: int,
    document_id: str,
    values: Mapping[str, Any],
    filled: CustomFields,
    changes: CustomFields,
    creates: bool,
) -> tuple[ValidRow, tuple[Refused, ...]]:
    """Make a row of the values of known fields, or refusals of them, and of fields of one's own; check it by the rules.

    `filled` are a new document's own fields, `changes` those of one that exists. None changes nothing.
    """
    refusals = [value for value in values.values() if isinstance(value, Refused)]
    # A number that was refused has a problem of its own; zero lets the rules judge the other fields.
    fields: dict[str, Any] = {
        name: 0 if isinstance(value, Refused) else value for name, value in values.items() if value is not None
    }
    delta = fields.pop(STOCK_CHANGE, 0)
    create = change = adjust = None
    if creates and delta >= 0:  # nothing can be taken from what does not exist yet
        create = schema.create(document_id, **_new_fields(schema, fields, delta), extra=filled)
    if schema.change is not None and (changes or fields):
        change = schema.change(document_id, **fields, extra=changes)
    if delta:
        adjust = AdjustStock(document_id, delta)
    refusals = [*_refusals(create, change, adjust), *refusals]
    if create is None and change is None and adjust is None and (wrong_id := check_id(schema.id_column, document_id)):
        refusals.insert(0, wrong_id)
    return ValidRow(line, document_id, create, change, delta), tuple(refusals)


def _value(form: Form, name: str, text: str) -> str | int | Refused | None:
    """Read one value; None for a number that is not there. A price must be there."""
    match form:
        case Form.MONEY:
            return parse_price(text.strip(), name) if text.strip() else invalid(name, Problem.MISSING)
        case Form.NUMBER:
            return whole_number(text.strip(), name, QUANTITY_MAX) if text.strip() else None
        case _:
            return text


def _new_fields(schema: CsvSchema, fields: Mapping[str, Any], delta: int) -> dict[str, Any]:
    """Complete a new document's fields with empty texts and zeros; a stock change is its first stock."""
    known = (
        each for each in CREATION_FIELDS[schema.create] if each.name in schema.names and each.name != schema.id_column
    )
    empty = {each.name: (0 if each.form in _NUMBERS else "") if each.required else each.default for each in known}
    complete: dict[str, Any] = {**empty, **{name: value for name, value in fields.items() if name in empty}}
    return complete | ({"quantity": complete["quantity"] + delta} if schema.stock else {})


def _refusals(*commands: Creation | Change | AdjustStock | None) -> tuple[Refused, ...]:
    """Say what is wrong with the row: the first field at fault."""
    for command in commands:
        refused = None if command is None else check(command)
        if refused is not None:
            return (replace(refused, field=STOCK_CHANGE) if refused.field == "delta" else refused,)
    return ()


def _filled(own: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Keep a new document's own fields as text; an empty value is no field."""
    return extra_from_values({name: value for name, value in own.items() if value})


def _changes(own: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Set the fields that have a value, and remove those that have none."""
    return extra_from_values({name: value or None for name, value in own.items()})


def _problem(line: int, refused: Refused, sources: Mapping[str, str]) -> FileProblem:
    # If all fields of one's own together are at fault, no single column is.
    field = "" if refused.field == "extra" else refused.field.removeprefix("extra.")
    return FileProblem(line, sources.get(field, field), refusal_text(refused))


def _read_line(schema: CsvSchema, number: int, fields: dict[str, Any]) -> tuple[ValidRow, tuple[Refused, ...]]:
    reader = FieldReader(fields)
    document_id = reader.text(schema.id_column)
    forms = {each.name: each.form for each in CREATION_FIELDS[schema.create]}
    names = schema.names
    values: dict[str, Any] = {}
    for name in names:
        if name in fields and name != schema.id_column:
            match forms.get(name, Form.NUMBER):
                case Form.MONEY:
                    values[name] = reader.optional_price(name)
                case Form.NUMBER:
                    values[name] = reader.optional_integer(name, QUANTITY_MAX)
                case _:
                    values[name] = reader.optional_text(name)
    own = {name: value for name, value in fields.items() if name not in names and name not in KNOWN_FIELDS[schema.kind]}
    filled = extra_from_values({name: value for name, value in own.items() if value is not None})
    creates = all(fields.get(name) is not None for name in schema.to_create)
    valid, refusals = valid_row(schema, number, document_id, values, filled, extra_from_values(own), creates)
    return valid, refusals if reader.refusal is None else (reader.refusal,)
