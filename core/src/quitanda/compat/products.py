"""The course's messages about products as commands and reads, and products as those messages."""

from collections.abc import Iterator
from typing import Final

from quitanda.codec.money import format_price
from quitanda.codec.queries import GetDocument
from quitanda.compat import custom_fields
from quitanda.compat.data import DataReader, read_data, text, units, write_object
from quitanda.compat.ids import NOTHING, course_id, id_of_something
from quitanda.course.contract_pb2 import ID, Product
from quitanda.domain import model, refusals
from quitanda.domain.commands import CreateProduct, DeleteProduct, UpdateProduct
from quitanda.domain.limits import QUANTITY_MAX
from quitanda.domain.model import KNOWN_FIELDS, CustomFields, Kind
from quitanda.domain.outcomes import Refused
from quitanda.domain.validation import check

NOT_FOUND: Final = Product(PID=NOTHING, data=write_object([("PID", text(NOTHING))]))

_RESERVED: Final = KNOWN_FIELDS[Kind.PRODUCT]
_OWN: Final = ("PID", "name", "quantity", "price")
_DESCRIPTION: Final = "description"
_OTHER_DESCRIPTION: Final = custom_fields.stored_name(_DESCRIPTION, _RESERVED)
"""Where a description is kept that is none for Quitanda: a number, or an empty text."""

_REMOVED: Final = "null"


def create(message: Product) -> CreateProduct | Refused:
    """Read the request to offer a product."""
    data = read_data(message.data)
    if isinstance(data, Refused):
        return data
    product_id, name = data.identity("PID", message.PID), data.text("name")
    price, quantity = data.price("price"), data.units("quantity", QUANTITY_MAX)
    description = _description(data) or ""
    return data.finish(CreateProduct(product_id, name, price, quantity, description, data.rest(_RESERVED)))


def update(message: Product) -> UpdateProduct | GetDocument | Refused:
    """Read the request to change a product; where it names no change, the product is only looked for."""
    data = read_data(message.data)
    if isinstance(data, Refused):
        return data
    product_id, name = data.identity("PID", message.PID), data.optional_text("name")
    price, quantity = data.optional_price("price"), data.optional_units("quantity", QUANTITY_MAX)
    description = _description(data)
    extra = data.rest(_RESERVED)
    if description:
        extra = tuple(sorted((*extra, (_OTHER_DESCRIPTION, _REMOVED))))
    command = UpdateProduct(product_id, name, description, price, quantity, extra)
    if command == UpdateProduct(product_id):
        return data.finish(GetDocument(Kind.PRODUCT, product_id))
    return data.finish(command)


def delete(message: ID) -> DeleteProduct | Refused:
    """Read the request to delete a product, which must not be in orders."""
    product_id = id_of_something(message.ID)
    return refusals.product_not_found(message.ID) if product_id is None else DeleteProduct(product_id)


def product_id(message: ID) -> str | None:
    """Read which product is to be seen; None where none can have such an id."""
    return id_of_something(message.ID)


def shown(product: model.Product) -> Product:
    """Write a product."""
    pid = course_id(product.product_id)
    members = (
        ("PID", text(pid)),
        ("name", text(product.name)),
        ("quantity", units(product.quantity)),
        ("price", text(format_price(product.price))),
        *_shown_extra(product),
    )
    return Product(PID=pid, data=write_object(members))


def _description(data: DataReader) -> str | None:
    """Take the description that Quitanda itself can keep; '' where there is another, which then is one of the rest.

    None where the data name none at all.
    """
    if not data.has(_DESCRIPTION):
        return None
    value = data.peek(_DESCRIPTION)
    if isinstance(value, str) and value and check(UpdateProduct("any", description=value)) is None:
        data.ignore(_DESCRIPTION)
        return value
    return ""


def _shown_extra(product: model.Product) -> Iterator[tuple[str, str]]:
    extra: CustomFields = product.extra
    if product.description:
        yield _DESCRIPTION, text(product.description)
        extra = tuple((name, value) for name, value in extra if name != _OTHER_DESCRIPTION)
    yield from custom_fields.shown(extra, _RESERVED, _OWN)
