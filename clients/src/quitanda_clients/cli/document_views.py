"""How people see documents: the one place for a field's label, its option and help text, and its columns.

Which fields there are, and what they hold, comes from the domain's dataclasses (`quitanda.domain.model`, `.commands`);
tables, CSV, options, updates and imports follow from these views.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from quitanda.domain.commands import (
    CreateCustomer,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.field_types import Form, describe
from quitanda.domain.model import Credential, Customer, CustomFields, Kind, Order, OrderItem, OrderState, Product
from quitanda_clients.cli.moments import expiry, iso_time, iso_told, minute_told
from quitanda_clients.cli.values import price, units_on_hand, whole_number
from quitanda_clients.i18n.speech import MARKED as N_
from quitanda_clients.i18n.speech import say, say_minute, say_money, say_number, say_second


def _plain(value: Any) -> Any:
    return value


def _price(minor_units: int) -> str:
    from quitanda.codec.money import format_price  # noqa: PLC0415 - only answers with prices load it

    return format_price(minor_units)


def _custom_fields(fields: CustomFields) -> str:
    return ", ".join(f"{name}={value}" for name, value in fields)


def _reorder_level(units: int) -> str:
    return str(units) if units else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """How people see one field. Empty texts stand for the field's name, for no CSV column, and for no option.

    `folds`: its texts may take several lines. `spare` above 0: a table may leave its column out, highest first. Where a
    document is shown by itself, a field that is `unless` is left out.
    """

    name: str
    label: str = ""
    in_list: bool = True
    folds: bool = False
    spare: int = 0
    unless: Any = None
    csv: str = ""
    help: str = ""
    update_help: str = ""
    metavar: str = ""
    parse: Callable[[str], Any] = str
    """Reads the option of `create`."""
    parse_update: Callable[[str], Any] | None = None
    """Reads the option of `update`, if it reads something else."""
    number: bool = False
    money: bool = False
    """The values are minor units; it is a number, too."""
    text: Callable[[Any], str] = str
    csv_value: Callable[[Any], Any] = _plain

    @property
    def option(self) -> str:
        """The option of `create` and `update`."""
        return f"--{self.name.replace('_', '-')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """How people see one kind of document that administrators keep, and the commands about it."""

    kind: Kind
    id_flag: str
    id_metavar: str
    fields: tuple[FieldView, ...]
    create: type[CreateCustomer | CreateProduct]
    update: type[UpdateCustomer | UpdateProduct]
    delete: type[DeleteCustomer | DeleteProduct]
    says: Mapping[str, str]
    """What people are told and asked: `created`, `changed`, `deleted` and `nothing recorded`; `ask` before a deletion,
    `ask to cascade` before one that changes orders."""
    cascade_result: Callable[[int], str]
    """Writes the sentence about so many orders that it changed."""
    texts: Mapping[str, str]
    """The help text of each command."""

    @property
    def id_field(self) -> str:
        """The name of the field that holds the id."""
        return self.fields[0].name

    @property
    def options(self) -> Iterator[FieldView]:
        """The fields that `create` and `update` take, besides the id and fields of one's own, in their order."""
        by_name = {each.name: each for each in self.fields}
        return (view for each in describe(self.create) if (view := by_name.get(each.name)) and view.help)


def _views(record: type, *views: FieldView) -> tuple[FieldView, ...]:
    """Complete the views by what the fields hold: prices have decimals, and numbers are on the right."""
    forms = {each.name: each.form for each in describe(record)}
    return tuple(_completed(each, forms.get(each.name)) for each in views)


_METAVARS: Final[Mapping[Form | None, str]] = {Form.NUMBER: "N", Form.MONEY: "PRICE"}


def _completed(each: FieldView, form: Form | None) -> FieldView:
    money = each.money or form is Form.MONEY
    each = replace(
        each,
        label=each.label or each.name,
        number=each.number or money or form is Form.NUMBER,
        money=money,
        metavar=each.metavar or _METAVARS.get(form, "TEXT"),
    )
    if money:
        return replace(each, text=say_money, csv_value=_price, parse=partial(price, option=each.option))
    return replace(each, parse=whole_number) if form is Form.NUMBER else each


CUSTOMERS: Final = DocumentView(
    kind=Kind.CUSTOMER,
    id_flag="--cid",
    id_metavar="CID",
    fields=_views(
        Customer,
        FieldView(name="customer_id", label="customer", csv="customer_id"),
        FieldView(
            name="name",
            folds=True,
            spare=1,
            csv="name",
            help="The customer's name.",
            update_help="The new name.",
            metavar="NAME",
        ),
        FieldView(name="extra", label="other fields", folds=True, spare=2, text=_custom_fields),
        FieldView(name="version", spare=3),
    ),
    create=CreateCustomer,
    update=UpdateCustomer,
    delete=DeleteCustomer,
    says={
        "created": N_("Created the customer"),
        "changed": N_("Changed the customer"),
        "deleted": N_("Deleted the customer {document_id}."),
        "ask": N_("Delete the customer {document_id}?"),
        "ask to cascade": N_("Delete the customer {document_id} and cancel all of its orders?"),
        "nothing recorded": N_("Nothing is recorded of the customer {document_id}."),
    },
    cascade_result=lambda orders: say_number(
        " {count} order was cancelled.", " {count} orders were cancelled.", orders
    ),
    texts={
        "create": "Register a customer.",
        "get": "Show a customer.",
        "update": "Change a customer; fields you leave out stay as they are. `--field NAME:=null` removes a field.",
        "delete": "Delete a customer. A customer with orders is deleted only with --cascade, which cancels the orders.",
        "list": "List the customers, ordered by id.",
        "import": """Create customers from a CSV file with a header line, or from JSON Lines.

        Columns: customer_id and name. Other columns become fields of your own, as text. The import changes nothing for
        which the file has no column; an empty value removes a field of your own.

        The command checks the whole file first. You can give an interrupted import again: nothing is done twice.
        """,
    },
)

PRODUCTS: Final = DocumentView(
    kind=Kind.PRODUCT,
    id_flag="--pid",
    id_metavar="PID",
    fields=_views(
        Product,
        FieldView(name="product_id", label="product", csv="product_id"),
        FieldView(
            name="name",
            folds=True,
            spare=1,
            csv="name",
            help="The product's name.",
            update_help="The new name.",
            metavar="NAME",
        ),
        FieldView(
            name="description",
            in_list=False,
            csv="description",
            help="What the product is.",
            update_help="The new description.",
        ),
        FieldView(
            name="price",
            csv="price",
            help="The price of one unit, for example 2.50.",
            update_help="The new price of one unit, for example 2.50.",
        ),
        FieldView(
            name="quantity",
            label="on hand",
            csv="quantity",
            help="Units on hand.",
            update_help="Units on hand from now on; `adjust-stock` adds or removes some.",
            parse_update=units_on_hand,
        ),
        FieldView(
            name="reorder_level",
            label="reorder at",
            spare=3,
            unless=0,
            csv="reorder_level",
            help="With so many units on hand, or fewer, the product is low. (Default: it never is.)",
            update_help="With so many units on hand, or fewer, the product is low; 0: it never is.",
            text=_reorder_level,
            csv_value=_reorder_level,
        ),
        FieldView(name="extra", label="other fields", in_list=False, text=_custom_fields),
        FieldView(name="version", spare=2),
    ),
    create=CreateProduct,
    update=UpdateProduct,
    delete=DeleteProduct,
    says={
        "created": N_("Created the product"),
        "changed": N_("Changed the product"),
        "deleted": N_("Deleted the product {document_id}."),
        "ask": N_("Delete the product {document_id}?"),
        "ask to cascade": N_("Delete the product {document_id} and take it out of every order?"),
        "nothing recorded": N_("Nothing is recorded of the product {document_id}."),
    },
    cascade_result=lambda orders: say_number(
        " It was taken out of {count} order.", " It was taken out of {count} orders.", orders
    ),
    texts={
        "create": "Add a product.",
        "get": "Show a product.",
        "update": """Change a product; fields you leave out stay as they are. `--field NAME:=null` removes a field.

        --quantity sets the units on hand; `adjust-stock` adds or removes some.
        """,
        "delete": "Delete a product. A product in orders is deleted only with --cascade, which takes it out of them.",
        "list": "List the products, ordered by id.",
        "import": """Create products from a CSV file with a header line, or from JSON Lines.

        Columns: product_id, name, description, price, quantity (or quantity_change, which adds or removes units) and
        reorder_level. Other columns become fields of your own, as text. New products need product_id, name and price.
        The import changes nothing for which the file has no column; an empty value empties a text, and leaves a number
        as it is.
        The command knows the product exports of other shops' programs, and Portuguese column names.

        The command checks the whole file first. You can give an interrupted import again: nothing is done twice.
        """,
    },
)

CREDENTIAL: Final = _views(
    Credential,
    FieldView(name="credential_id", label="credential", csv="credential_id"),
    FieldView(name="role", csv="role", text=say),
    FieldView(name="customer_id", label="customer", spare=1, csv="customer_id"),
    FieldView(name="label", folds=True, spare=2, csv="label"),
    FieldView(name="has_password", label="password", spare=6, text=lambda has: say("yes") if has else "", unless=False),
    FieldView(name="session_of", label="session of", spare=6, csv="session_of", unless=""),
    FieldView(name="generation", spare=4, csv="generation"),
    FieldView(name="created_at_ms", label="created", spare=3, csv="created", text=say_minute, csv_value=iso_time),
    FieldView(name="expires_at_ms", label="expires", csv="expires", text=expiry, csv_value=iso_told),
    FieldView(name="version", spare=5),
)

ORDER: Final = _views(
    Order,
    FieldView(name="order_id", label="order"),
    FieldView(name="customer_id", label="customer"),
    FieldView(name="created_at_ms", label="created", text=say_second),
    FieldView(name="state", text=say, unless=OrderState.OPEN),
    FieldView(name="state_since_ms", label="since", text=say_second, unless=0),
    FieldView(name="expires_at_ms", label="expires", text=say_second, unless=0),
    FieldView(name="extra", label="other fields"),
    FieldView(name="version"),
)

ORDER_ITEM: Final = _views(
    OrderItem,
    FieldView(name="product_id", label="product", csv="product_id"),
    FieldView(name="name", folds=True, spare=1, csv="name"),
    FieldView(name="unit_price", label="unit price", spare=2, csv="unit_price"),
    FieldView(name="quantity", csv="quantity"),
    FieldView(name="total", csv="total", money=True),
)

ORDER_SUMMARY: Final = _views(
    Order,
    FieldView(name="order_id", label="order", csv="order_id"),
    FieldView(name="created_at_ms", label="created", spare=2, csv="created", text=say_minute, csv_value=iso_time),
    FieldView(name="item_count", label="products", spare=1, csv="products", number=True),
    FieldView(name="total", csv="total", money=True),
    FieldView(name="version", spare=3, csv="version"),
)
"""Of an order's line in a list (`quitanda.codec.documents.OrderSummary`)."""

ORDER_SUMMARY_WITH_STATE: Final = (
    *ORDER_SUMMARY[:2],
    *_views(
        Order,
        FieldView(name="state", csv="state", text=say),
        FieldView(
            name="state_since_ms",
            label="since",
            spare=4,
            csv="state_since",
            text=minute_told,
            csv_value=iso_told,
        ),
        FieldView(name="expires_at_ms", label="expires", spare=5, csv="expires", text=minute_told, csv_value=iso_told),
    ),
    *ORDER_SUMMARY[2:],
)

ORDER_OF_SHOP: Final = (
    ORDER_SUMMARY_WITH_STATE[0],
    *_views(Order, FieldView(name="customer_id", label="customer", csv="customer_id")),
    *ORDER_SUMMARY_WITH_STATE[1:],
)
"""Of an order's line in a list of the shop, which has whole orders."""

LISTS: Final[Mapping[str, tuple[FieldView, ...]]] = {
    "customers": CUSTOMERS.fields,
    "products": PRODUCTS.fields,
    "orders": ORDER_SUMMARY,
    "orders_with_state": ORDER_SUMMARY_WITH_STATE,
    "orders_of_shop": ORDER_OF_SHOP,
    "credentials": CREDENTIAL,
}
"""The fields of each list, by its name."""


_OF_DOCUMENTS: Final[Mapping[type, tuple[FieldView, ...]]] = {
    Customer: CUSTOMERS.fields,
    Product: PRODUCTS.fields,
    Order: ORDER,
    Credential: CREDENTIAL,
}


def fields_of(document: Any) -> tuple[FieldView, ...]:
    """Give the views of a document's fields, or of an order's line in a list."""
    return _OF_DOCUMENTS.get(type(document), ORDER_SUMMARY)


def shown_fields(document: Any) -> Iterator[tuple[str, str]]:
    """Give a document's fields as (label, text); fields of one's own stand before the version."""
    for each in fields_of(document):
        if each.name == "extra":
            yield from document.extra
        else:
            value = getattr(document, each.name)
            if each.unless is None or value != each.unless:
                yield say(each.label), each.text(value)


def csv_row(views: tuple[FieldView, ...], document: Any) -> dict[str, Any]:
    """Give the values of a CSV row by column."""
    return known_values(views, document) | own_values(document)


def known_values(views: tuple[FieldView, ...], document: Any) -> dict[str, Any]:
    """Give the values of the fields that the views tell of, by column."""
    return {each.csv: each.csv_value(getattr(document, each.name)) for each in views if each.csv}


def own_values(document: Any) -> dict[str, str]:
    """Give the fields of one's own by name; a value that is not text is written as JSON."""
    return {name: _as_text(value) for name, value in getattr(document, "extra", ())}


def csv_columns(views: tuple[FieldView, ...]) -> tuple[str, ...]:
    """Name the CSV columns."""
    return tuple(each.csv for each in views if each.csv)


def _as_text(value: str) -> str:
    from quitanda.codec.json_text import parse_json  # noqa: PLC0415 - only answers in CSV load it
    from quitanda.domain.outcomes import Refused  # noqa: PLC0415

    parsed = parse_json(value, "extra")
    return parsed.value if not isinstance(parsed, Refused) and isinstance(parsed.value, str) else value
