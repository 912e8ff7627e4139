"""The back office's orders, for staff: find them, and move them on."""

from typing import Final

from starlette.responses import Response

from quitanda.codec.queries import FindOrders
from quitanda.domain.commands import CancelOrderItems, FulfilOrder, ReturnOrder, SetOrderDeadline
from quitanda.domain.model import Order, OrderState
from quitanda.domain.order_states import MOVES, Asker
from quitanda_web.forms import CommandForm, FormView
from quitanda_web.live.hub import ORDERS
from quitanda_web.pages.listing import PAGE_SIZE, listed, next_address, take_query
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

FULFIL: Final = CommandForm("fulfil_order", FulfilOrder)
DEADLINE: Final = CommandForm("set_order_deadline", SetOrderDeadline, ("expires_at_ms",))
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
        fulfil=_form(visit, FULFIL, order, {}),
        deadline=_form(visit, DEADLINE, order, {"expires_at_ms": order.expires_at_ms}),
        may_cancel=may_move(visit, order, CancelOrderItems),
        may_return=may_move(visit, order, ReturnOrder),
        live=visit.live(ORDERS, found_order.revision),
    )


async def fulfil_order(visit: Visit) -> Response:
    """Let the units of a placed order leave."""
    order_id = visit.parameter("order_id")
    await FULFIL.send(visit, visit.office.fulfil_order, order_id)
    return go(path_of("office", "orders", order_id), done="fulfilled")


async def set_order_deadline(visit: Visit) -> Response:
    """Let an open or placed order expire at another time, or never."""
    order_id = visit.parameter("order_id")
    await DEADLINE.send(visit, visit.office.set_order_deadline, order_id)
    return go(path_of("office", "orders", order_id), done="deadline")


def may_move(visit: Visit, order: Order, command: type) -> bool:
    """Whether the order's state allows a command to the shop, and the role of who is signed in does."""
    return visit.may(command) and any(
        move.before == OrderState(order.state) and move.command is command and move.asker is Asker.SHOP
        for move in MOVES
    )


def _form(visit: Visit, form: CommandForm, order: Order, values: dict[str, int]) -> FormView | None:
    if not may_move(visit, order, form.command):
        return None
    return form.view(visit, path_of("office", "orders", order.order_id, form.name), values, order.version)


PAGES: Final = (
    WebPage("office_orders", "/office/orders", Who.STAFF, show_orders),
    WebPage(
        "office_order",
        _ORDER,
        Who.STAFF,
        show_order,
        tuple(
            Action(form.name, f"{_ORDER}/{form.name}", do)
            for form, do in ((FULFIL, fulfil_order), (DEADLINE, set_order_deadline))
        ),
    ),
)
