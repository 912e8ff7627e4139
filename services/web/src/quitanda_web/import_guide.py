"""What the page says to people who make a file to import: its columns, an example, and what to do where it is wrong."""

import io
from collections.abc import Callable, Mapping
from typing import Final

from quitanda.domain.model import Customer, Document, Kind, Order, OrderItem, OrderState, Product
from quitanda_clients.csv_import.advice import ImportAdvice
from quitanda_clients.csv_import.column_guide import ColumnGuide, Need
from quitanda_clients.csv_import.order_rows import TIMES
from quitanda_clients.csv_import.rows import STOCK_CHANGE
from quitanda_clients.export.exported_file import write_export
from quitanda_clients.export.options import ExportOptions
from quitanda_clients.i18n import labels
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_

ON_THE_PAGE: Final = ImportAdvice(
    lacks_columns=N_(
        "the header lacks {missing}; it has {has}. Rename the columns in the file, or add them, then send it "
        "again{or_update}"
    ),
    or_update=N_("; to change only what exists already, choose “Also change what exists already”"),
    other_separator=N_("{other!r} seems to separate the values; if so, choose it under “Between the values”"),
    which_decimal=N_("'{typed}' may be {part} or {whole}; choose the sign under “Before the decimals”"),
    for_csv_alone=N_(
        "the file has a JSON object in each line; “How to read the file” is for CSV: choose “recognize it” there"
    ),
    zero_byte=N_(
        "byte {position} is zero: this is not a text file, or it is UTF-16 without a byte order mark (then choose it "
        "under “Encoding”)"
    ),
    other_encoding=N_("the file is not text in {encoding}; choose another one under “Encoding”"),
    not_encoded=N_(
        "byte {position} (0x{byte:02x}) is not {encoding}; save the file as UTF-8, or choose what it is under "
        "“Encoding”"
    ),
)
"""What the quotation marks enclose are words of the page on which the file is chosen."""

NEEDS: Final[Mapping[Need, str]] = {
    Need.ALWAYS: N_("needed"),
    Need.WITH_ITEM: N_("needed where the row has a product"),
    Need.NEVER: N_("optional"),
}

_FIELDS: Final = {column: field for field, column in TIMES.items()} | {STOCK_CHANGE: "delta"}
"""The fields that columns of other names are about."""

_BEGUN_MS: Final = 1_767_621_600_000
_LATER_MS: Final = 1_767_708_000_000
"""2026-01-05T14:00Z, and a day later."""


def column_label(column: ColumnGuide) -> str:
    """Name what a column is about; to be translated."""
    return labels.field_label(_FIELDS.get(column.name, column.name))


def example(kind: Kind, translate: Callable[[str], str], options: ExportOptions) -> str:
    """Write a file that can be imported: what an export of a small shop would write."""
    file = io.BytesIO()
    documents = _EXAMPLES[kind](translate)
    write_export(file, kind, lambda: iter(documents), options)
    return file.getvalue().decode()


def _products(translate: Callable[[str], str]) -> tuple[Document, ...]:
    coffee, bread = translate(N_("Coffee")), translate(N_("Bread"))
    return (
        Product("coffee", coffee, translate(N_("Roasted, 250 g")), 1890, 12, (), 0, reorder_level=5),
        Product("bread", bread, "", 250, 40, (), 0),
    )


def _customers(_translate: Callable[[str], str]) -> tuple[Document, ...]:
    return Customer("ana", "Ana Souza", (), 0), Customer("bia", "Bia Lima", (), 0)


def _orders(translate: Callable[[str], str]) -> tuple[Document, ...]:
    items = (
        OrderItem("coffee", translate(N_("Coffee")), 1890, 1),
        OrderItem("bread", translate(N_("Bread")), 250, 4),
    )
    state = OrderState.FULFILLED.value
    return (
        Order("2026-1", "ana", _BEGUN_MS, items, 0, (), state, state_since_ms=_LATER_MS, placed_at_ms=_BEGUN_MS),
        Order("2026-2", "bia", _LATER_MS, items[1:], 0, (), OrderState.CANCELLED.value),
    )


_EXAMPLES: Final[Mapping[Kind, Callable[[Callable[[str], str]], tuple[Document, ...]]]] = {
    Kind.PRODUCT: _products,
    Kind.CUSTOMER: _customers,
    Kind.ORDER: _orders,
}
