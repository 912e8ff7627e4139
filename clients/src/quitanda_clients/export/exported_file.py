"""What an export writes: CSV for spreadsheets, which `import` reads again, or JSON Lines with every detail.

The documents are read twice for CSV: the first time for the names of their own fields, which become columns.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, TextIO, TypeAlias

from quitanda.codec.documents import present_document
from quitanda.domain.model import Credential, Document, Kind, Order, OrderItem
from quitanda_clients.cli.document_views import (
    CUSTOMERS,
    ORDER_ITEM,
    PRODUCTS,
    FieldView,
    csv_columns,
    csv_row,
    known_values,
    own_values,
)
from quitanda_clients.cli.moments import iso_told
from quitanda_clients.csv_import.decimal_signs import DecimalSign
from quitanda_clients.csv_import.order_rows import OF_ITEM, OF_ORDER, TIMES
from quitanda_clients.export.options import ExportOptions, FileFormat
from quitanda_clients.spreadsheet_formulas import as_text

Documents: TypeAlias = Callable[[], Iterator[Document]]
"""Yields the documents, as often as it is called."""

_BYTE_ORDER_MARK: Final = "\ufeff"
_TELL_EVERY: Final = 500
"""So many documents, about a page, are written between two words on how many there are."""

_ORDER: Final = (
    *(FieldView(name=name, csv=name) for name in ("order_id", "customer_id", "state")),
    *(FieldView(name=name, csv=column, csv_value=iso_told) for name, column in TIMES.items()),
)
_ITEM: Final = (
    *ORDER_ITEM,
    *(FieldView(name=name, csv=name, number=True) for name in ("returned", "restocked")),
)
_VIEWS: Final[Mapping[Kind, tuple[FieldView, ...]]] = {
    Kind.CUSTOMER: CUSTOMERS.fields,
    Kind.PRODUCT: PRODUCTS.fields,
    Kind.ORDER: (*_ORDER, *_ITEM),
}


def write_export(
    file: BinaryIO, kind: Kind, documents: Documents, options: ExportOptions, done: Callable[[int], None] | None = None
) -> None:
    """Write all documents; call `done` now and then with the number of those that are written. Raises OSError."""

    def counted() -> Iterator[Document]:
        number = 0
        for number, document in enumerate(documents(), 1):
            yield document
            if done is not None and number % _TELL_EVERY == 0:
                done(number)
        if done is not None:
            done(number)

    with _text(file) as text:
        if options.format is FileFormat.JSON_LINES:
            text.writelines(f"{present_document(document)}\n" for document in counted())
        else:
            own = {name for document in documents() for name in _own_names(document)}
            _write_csv(text, kind, own, counted(), options)


@contextmanager
def _text(file: BinaryIO) -> Iterator[TextIO]:
    # Nothing waits in it: after Ctrl-C the rest would wait for a pipe's reader, who may never read on.
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        yield text
    finally:
        text.detach()  # which leaves the file open


def _write_csv(
    text: TextIO, kind: Kind, own: AbstractSet[str], documents: Iterable[Document], options: ExportOptions
) -> None:
    """Write the documents, whose own fields have these names."""
    views = _VIEWS[kind]
    known = {each.csv: each for each in views if each.csv}
    columns = (*csv_columns(views), *sorted(own - known.keys()))
    if options.byte_order_mark:
        text.write(_BYTE_ORDER_MARK)
    writer = csv.writer(text, delimiter=options.delimiter)  # lines end with \r\n, as RFC 4180 has it
    writer.writerow(map(as_text, columns))
    for document in documents:
        for row in _rows(views, document):
            writer.writerow([_cell(row.get(name, ""), known.get(name), options.decimal) for name in columns])


def _rows(views: tuple[FieldView, ...], document: Document) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a document, by column: of an order, a row for each item, and one if there is none."""
    if not isinstance(document, Order):
        yield csv_row(views, document)
        return
    order = known_values(_ORDER, document) | _own(OF_ORDER, document)
    for item in document.items:
        yield order | known_values(_ITEM, item) | _own(OF_ITEM, item)
    if not document.items:
        yield order


def _own_names(document: Document) -> Iterator[str]:
    """Name the columns of a document's own fields."""
    if isinstance(document, Order):
        yield from (OF_ORDER + name for name, _ in document.extra)
        yield from (OF_ITEM + name for item in document.items for name, _ in item.extra)
    elif not isinstance(document, Credential):
        yield from (name for name, _ in document.extra)


def _own(prefix: str, record: Order | OrderItem) -> dict[str, str]:
    return {f"{prefix}{name}": value for name, value in own_values(record).items()}


def _cell(value: Any, view: FieldView | None, decimal: DecimalSign) -> str:
    """Write one value; only numbers of our own may begin as a formula does."""
    text = str(value)
    if view is None or not view.number:
        return as_text(text)
    return text.replace(".", ",") if view.money and decimal is DecimalSign.COMMA else text
