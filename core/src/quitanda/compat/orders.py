"""The course's messages about orders as commands and reads, and orders as those messages."""

from dataclasses import replace
from typing import Final

from quitanda.codec.money import format_price
from quitanda.codec.queries import GetDocument, ListDocuments
from quitanda.compat import custom_fields
from quitanda.compat.data import DataReader, read_data, text, units, write_object
from quitanda.compat.ids import NOTHING, course_id, id_of_something
from quitanda.course.contract_pb2 import ID, Order
from quitanda.domain import model, refusals
from quitanda.domain.commands import CancelOrder, CreateOrder, ItemQuantity, SetOrderItems
from quitanda.domain.limits import ITEM_QUANTITY_MAX, ITEMS_PER_ORDER_MAX, PAGE_SIZE_MAX
from quitanda.domain.model import KNOWN_FIELDS, KNOWN_ITEM_FIELDS, Kind
from quitanda.domain.outcomes import Refused
from quitanda.domain.validation import check

_NO_IDS: Final = (("OID", text(NOTHING)), ("CID", text(NOTHING)))
NOT_FOUND: Final = Order(OID=NOTHING, CID=NOTHING, data=write_object(_NO_IDS))

_RESERVED: Final = KNOWN_FIELDS[Kind.ORDER]
_LINES: Final = "products"
_TOTAL: Final = "total"
_OWN: Final = ("OID", "CID", _LINES, _TOTAL)
_OWN_OF_ITEM: Final = ("PID", "name", "quantity", "price")


def create(message: Order, created_at_ms: int) -> CreateOrder | Refused:
    """Read the request to place an order under the id that it names; lines of no units are left out."""
    data = read_data(message.data, array=_LINES)
    if isinstance(data, Refused):
        return data
    order_id, customer_id = data.identity("OID", message.OID), data.identity("CID", message.CID)
    lines = _lines(data)
    data.ignore(_TOTAL)
    command = data.finish(CreateOrder(customer_id, order_id, created_at_ms, lines, data.rest(_RESERVED)))
    if isinstance(command, Refused):
        return command
    # Asked with all lines, so that a refusal names the line as the client counts them.
    return check(command) or replace(command, items=tuple(line for line in lines if line.quantity))


def update(message: Order) -> SetOrderItems | GetDocument | Refused:
    """Read the request to change an order; where it names no change, the order is only looked for."""
    data = read_data(message.data, array=_LINES)
    if isinstance(data, Refused):
        return data
    order_id, customer_id = data.identity("OID", message.OID), data.identity("CID", message.CID)
    data.ignore(_TOTAL)
    command = SetOrderItems(customer_id, order_id, _lines(data), extra=data.rest(_RESERVED))
    if not command.items and not command.extra:
        return data.finish(GetDocument(Kind.ORDER, order_id, customer_id))
    return data.finish(command)


def order_id(message: ID) -> str | None:
    """Read which order is to be seen or deleted; None where none can have such an id."""
    return id_of_something(message.ID)


def cancel(order: model.Order) -> CancelOrder:
    """Give the command that deletes an order in the name of its owner."""
    return CancelOrder(order.customer_id, order.order_id)


def retrieve_all(message: ID) -> ListDocuments | None:
    """Read the request to see all orders of a client, the first page; None where no client can have such an id."""
    customer_id = id_of_something(message.ID)
    return None if customer_id is None else ListDocuments(Kind.ORDER, customer_id, PAGE_SIZE_MAX)


def not_found(message: ID) -> Refused:
    """Refuse: no customer has such an order."""
    return refusals.order_not_found(message.ID)


def shown(order: model.Order) -> Order:
    """Write an order, with name and price of each product, and what it costs altogether."""
    oid, cid = course_id(order.order_id), course_id(order.customer_id)
    members = (
        ("OID", text(oid)),
        ("CID", text(cid)),
        (_LINES, "[" + ",".join(map(_item_text, order.items)) + "]"),
        (_TOTAL, text(format_price(order.total))),
        *custom_fields.shown(order.extra, _RESERVED, _OWN),
    )
    return Order(OID=oid, CID=cid, data=write_object(members))


def _lines(data: DataReader) -> tuple[ItemQuantity, ...]:
    return tuple(_line(data, line) for line in data.objects(_LINES, ITEMS_PER_ORDER_MAX))


def _line(data: DataReader, line: DataReader) -> ItemQuantity:
    item = ItemQuantity(line.identity("PID"), line.units("quantity", ITEM_QUANTITY_MAX))
    for name in ("name", "price"):  # they are the product's, whatever the client believes
        line.ignore(name)
    item = replace(item, extra=line.rest(KNOWN_ITEM_FIELDS))
    data.part_finished(line)
    return item


def _item_text(item: model.OrderItem) -> str:
    members = (
        ("PID", text(course_id(item.product_id))),
        ("name", text(item.name)),
        ("quantity", units(item.quantity)),
        ("price", text(format_price(item.unit_price))),
        *custom_fields.shown(item.extra, KNOWN_ITEM_FIELDS, _OWN_OF_ITEM),
    )
    return write_object(members)
