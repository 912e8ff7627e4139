"""Units of an order that the shop cancels or takes back: item by item, all of them at first."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from quitanda.domain.commands import CancelOrderItems, ItemQuantity, ReturnOrder
from quitanda.domain.model import Order, OrderItem, OrderState
from quitanda.domain.outcomes import Problem
from quitanda_clients.form_fields import read_number
from quitanda_web.forms import CommandForm, read_request_id, read_version
from quitanda_web.pages.office_orders import may_move
from quitanda_web.problems import wrong
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

CANCEL: Final = CommandForm("cancel_order_items", CancelOrderItems)
RETURN: Final = CommandForm("return_order", ReturnOrder, ("restock",))
UNITS: Final = "units."
"""Before the product's id: the field with the units of one item."""
_ORDER: Final = "/office/orders/{order_id}"


@dataclass(frozen=True, slots=True)
class UnitsField:
    """The field for one item of the order: how many of the `left` units."""

    item: OrderItem
    name: str
    left: int
    value: str
    wrong: bool


async def show_cancel(visit: Visit) -> Response:
    """Ask which units of an open or placed order are cancelled."""
    order = await _order(visit)
    return _ask(visit, CANCEL, order, {item.product_id: item.quantity for item in order.items})


async def cancel_units(visit: Visit) -> Response:
    """Take units out of an order; they are back in stock. Without any left it is cancelled."""
    order_id = visit.parameter("order_id")
    changed = await visit.office.cancel_order_items(
        order_id, _read_units(visit), expected_version=read_version(visit), request_id=read_request_id(visit)
    )
    whole = changed.document.state == OrderState.CANCELLED
    return go(path_of("office", "orders", order_id), done="cancelled" if whole else "partly-cancelled")


async def show_return(visit: Visit) -> Response:
    """Ask which units of a fulfilled order have come back."""
    order = await _order(visit)
    return _ask(visit, RETURN, order, {item.product_id: item.quantity - item.returned for item in order.items})


async def return_units(visit: Visit) -> Response:
    """Note which units of a fulfilled order came back, into stock where that is ticked."""
    order_id = visit.parameter("order_id")
    await visit.office.return_order(
        order_id,
        _read_units(visit),
        **RETURN.read(visit),
        expected_version=read_version(visit),
        request_id=read_request_id(visit),
    )
    return go(path_of("office", "orders", order_id), done="returned")


async def _order(visit: Visit) -> Order:
    return (await visit.office.get_order(visit.parameter("order_id"), include_closed=True)).document


def _ask(visit: Visit, form: CommandForm, order: Order, left: dict[str, int]) -> Response:
    sent = visit.posted == form.name
    units = [
        UnitsField(
            item,
            name := UNITS + item.product_id,
            left[item.product_id],
            visit.typed.get(name, "") if sent else str(left[item.product_id]),
            wrong=sent and visit.problem is not None and visit.problem.path == name,
        )
        for item in order.items
        if left[item.product_id]
    ]
    allowed = may_move(visit, order, form.command)
    return visit.render(
        "office_order_units.html",
        order=order,
        returns=form is RETURN,
        units=units,
        form=form.view(visit, path_of("office", "orders", order.order_id, form.name), {}, order.version)
        if allowed
        else None,
    )


def _read_units(visit: Visit) -> list[ItemQuantity]:
    """Read what was typed; an item of which nothing, or 0, is typed is left as it is. Rejected where all are."""
    units = []
    for name, text in visit.typed.items():
        plain = visit.formats.plain_amount(text)
        if name.startswith(UNITS) and plain:
            units.append(ItemQuantity(name.removeprefix(UNITS), read_number(plain, name)))
    if wanted := [each for each in units if each.quantity]:
        return wanted
    raise wrong("quantity", Problem.MISSING)


PAGES: Final = tuple(
    WebPage(
        f"office_{form.name}",
        f"{_ORDER}/{form.name}",
        Who.STAFF,
        show,
        (Action(form.name, f"{_ORDER}/{form.name}", do),),
    )
    for form, show, do in ((CANCEL, show_cancel, cancel_units), (RETURN, show_return, return_units))
)
