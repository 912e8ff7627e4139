"""The back office's orders, for staff: find them, and move them on."""

from typing import Final

from starlette.responses import Response

from quitanda.codec.queries import FindOrders
from quitanda.domain.commands import CancelOrderItems, FulfilOrder, ReturnOrder
from quitanda.domain.model import OrderState
from quitanda.domain.order_states import MOVES, Asker
from quitanda_web.forms import CommandForm, FormView, read_request_id, read_version
from quitanda_web.live.hub import ORDERS
from quitanda_web.pages.listing import PAGE_SIZE, listed, next_address, take_query
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

FULFIL: Final = CommandForm("fulfil_order", FulfilOrder)
CANCEL: Final = CommandForm("cancel_order_items", CancelOrderItems)
RETURN: Final = CommandForm("return_order", ReturnOrder, ("restock",))
_FORMS: Final = (FULFIL, RETURN, CANCEL)
_ORDER: Final = "/office/orders/{order_id}"


async def show_orders(visit: Visit) -> Response:
    """Show the orders of all customers, the newest first; those of a customer, of a product, or in a state."""
    take_query(visit)
    customer_id, product_id, state = (visit.asked(name).strip() for name in ("customer_id", "product_id", "states"))
    query = FindOrders(
        states=(state,) if state else (),
        customer_id=customer_id,
        product_id=product_id,
        newest_first=True,
        page_size=PAGE_SIZE,
        page_token=visit.asked("page_token"),
    )
    page = await listed(visit, lambda: visit.office.found_orders_page(query))
    return visit.render(
        "office_orders.html",
        page=page,
        more=next_address(visit, page),
        chosen=state,
        customer_id=customer_id,
        product_id=product_id,
        live=visit.live(ORDERS, page.revision),
    )


async def show_order(visit: Visit) -> Response:
    """One order, with the moves that its state allows to the shop."""
    order_id = visit.parameter("order_id")
    found_order = await visit.office.get_order(order_id, include_closed=True)
    order = found_order.document
    return visit.render(
        "office_order.html",
        order=order,
        forms_of={form.name: _possible(visit, form, order) for form in _FORMS},
        live=visit.live(ORDERS, found_order.revision),
    )


async def fulfil_order(visit: Visit) -> Response:
    """Let the units of a placed order leave."""
    order_id = visit.parameter("order_id")
    await visit.office.fulfil_order(order_id, expected_version=read_version(visit), request_id=read_request_id(visit))
    return go(path_of("office", "orders", order_id), done="fulfilled")


async def cancel_order(visit: Visit) -> Response:
    """Cancel an open or placed order; its units are back in stock."""
    order_id = visit.parameter("order_id")
    await visit.office.cancel_order_items(
        order_id, expected_version=read_version(visit), request_id=read_request_id(visit)
    )
    return go(path_of("office", "orders", order_id), done="cancelled")


async def return_order(visit: Visit) -> Response:
    """Take all units of a fulfilled order back, into stock where that is ticked."""
    order_id = visit.parameter("order_id")
    await visit.office.return_order(
        order_id, **RETURN.read(visit), expected_version=read_version(visit), request_id=read_request_id(visit)
    )
    return go(path_of("office", "orders", order_id), done="returned")


def _possible(visit: Visit, form: CommandForm, order: object) -> FormView | None:
    """Show a form if the order's state allows its command to the shop, and the role of who is signed in does."""
    state, order_id, version = (getattr(order, name) for name in ("state", "order_id", "version"))
    allowed = any(
        move.before == OrderState(state) and move.command is form.command and move.asker is Asker.SHOP for move in MOVES
    )
    if not allowed or not visit.may(form.command):
        return None
    return form.view(visit, path_of("office", "orders", order_id, form.name), {}, version)


PAGES: Final = (
    WebPage("office_orders", "/office/orders", Who.STAFF, show_orders),
    WebPage(
        "office_order",
        _ORDER,
        Who.STAFF,
        show_order,
        tuple(
            Action(form.name, f"{_ORDER}/{form.name}", do)
            for form, do in ((FULFIL, fulfil_order), (CANCEL, cancel_order), (RETURN, return_order))
        ),
    ),
)
