"""The shop, for a customer: products, and the order that is being filled."""

from itertools import zip_longest
from typing import Final

from starlette.responses import Response

from quitanda.domain.commands import CancelOrder, ItemQuantity, PlaceOrder, SetOrderItems
from quitanda.domain.model import Kind, Order, OrderState
from quitanda.domain.outcomes import Problem, Reason
from quitanda.errors import Rejected
from quitanda.operations import SetOrderItem, SetOwnOrderDeadline
from quitanda_web.forms import CommandForm, FormView, read_request_id, read_version
from quitanda_web.live.hub import ORDERS, PRODUCTS
from quitanda_web.pages.listing import PAGE_SIZE, found, listed, next_address
from quitanda_web.pages.listing import search_form as search
from quitanda_web.pages.undoing import carry_undo, go_with_undo
from quitanda_web.problems import wrong
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

SEARCH_FORM: Final = search("words", "price_from", "price_to", "in_stock")
ITEM_FORM: Final = CommandForm("set_item", SetOrderItem, ("quantity",))
ADD_FORM: Final = CommandForm("add_to_order", SetOrderItem, ("quantity",))
PLACE_FORM: Final = CommandForm("place_order", PlaceOrder)
CANCEL_FORM: Final = CommandForm("cancel_order", CancelOrder)
DEADLINE_FORM: Final = CommandForm("set_deadline", SetOwnOrderDeadline, ("expires_at_ms",))

OPEN_ORDERS_MAX: Final = 100
"""Among so many open orders the newest one is looked for."""

_GONE: Final = frozenset({Reason.ORDER_NOT_FOUND})


async def show_products(visit: Visit) -> Response:
    """Browse and search; each product says how many units there are."""
    page, form, more = await found(visit, visit.shop, Kind.PRODUCT, SEARCH_FORM)
    return visit.render(
        "products.html",
        page=page,
        form=form,
        more=more,
        order=await open_order(visit),
        live=visit.live(PRODUCTS, page.revision),
    )


async def show_product(visit: Visit) -> Response:
    """One product, and how many units of it shall be in the order that is being filled."""
    product_id = visit.parameter("product_id")
    found_product = await visit.shop.get_product(product_id)
    order = await open_order(visit)
    held = sum(item.quantity for item in order.items if item.product_id == product_id) if order else 0
    form = ADD_FORM.view(
        visit,
        path_of("products", product_id, "order"),
        {"quantity": held or 1},
        order.version if order else None,
        undo=_before(visit, order, product_id) if order else "",
        order_id=order.order_id if order else "",
    )
    return visit.render(
        "product.html",
        product=found_product.document,
        order=order,
        held=held,
        form=form,
        live=visit.live(PRODUCTS, found_product.revision),
    )


async def add_to_order(visit: Visit) -> Response:
    """Set the units of a product in the open order; begin an order where there is none. Both are one change."""
    product_id = visit.parameter("product_id")
    quantity = ADD_FORM.read(visit)["quantity"]
    request_id = read_request_id(visit)
    if order_id := visit.typed.get("order_id", ""):
        changed = await visit.shop.set_order_item(
            order_id, product_id, quantity, expected_version=read_version(visit), request_id=request_id
        )
        return go_with_undo(visit, path_of("orders", order_id), "in-order", version=changed.document.version)
    if quantity == 0:
        raise wrong("quantity", Problem.MISSING)
    order = await visit.shop.create_order([ItemQuantity(product_id, quantity)], request_id=request_id)
    return go(path_of("orders", order.document.order_id), done="in-order")


async def show_orders(visit: Visit) -> Response:
    """Show the customer's orders, in all states; the open ones by themselves."""
    chosen = visit.asked("states")
    states = [chosen] if chosen else [state.value for state in OrderState]
    page = await listed(visit, lambda: visit.shop.orders_page(PAGE_SIZE, visit.asked("page_token"), states=states))
    return visit.render(
        "orders.html", page=page, more=next_address(visit, page), chosen=chosen, live=visit.live(ORDERS, page.revision)
    )


async def show_order(visit: Visit) -> Response:
    """One order; while it is open, its items can be changed."""
    order_id = visit.parameter("order_id")
    found_order = await visit.shop.get_order(order_id, include_closed=True)
    order = found_order.document
    is_open = order.state == OrderState.OPEN
    at = ("orders", order_id)
    items = [
        ITEM_FORM.view(
            visit,
            path_of(*at, "items"),
            {"quantity": item.quantity},
            order.version,
            undo=_before(visit, order, item.product_id),
            product_id=item.product_id,
        )
        for item in (order.items if is_open else ())
    ]
    return visit.render(
        "order.html",
        order=order,
        items=list(zip_longest(order.items, items)),
        place=PLACE_FORM.view(visit, path_of(*at, "place"), {}, order.version) if is_open and order.items else None,
        deadline=_deadline(visit, order) if is_open else None,
        cancel=path_of(*at, "cancel") if is_open else "",
        live=visit.live(ORDERS, found_order.revision),
    )


async def set_item(visit: Visit) -> Response:
    """Set the units of one item; zero takes it out."""
    order_id = visit.parameter("order_id")
    changed = await visit.shop.set_order_item(
        order_id,
        visit.typed.get("product_id", ""),
        ITEM_FORM.read(visit)["quantity"],
        expected_version=read_version(visit),
        request_id=read_request_id(visit),
    )
    return go_with_undo(visit, path_of("orders", order_id), "in-order", version=changed.document.version)


async def set_deadline(visit: Visit) -> Response:
    """Let an open order expire at another time, or never."""
    order_id = visit.parameter("order_id")
    await DEADLINE_FORM.send(visit, visit.shop.set_order_deadline, order_id)
    return go(path_of("orders", order_id), done="deadline")


async def place_order(visit: Visit) -> Response:
    """Commit the customer to her order, as she saw it."""
    order_id = visit.parameter("order_id")
    await PLACE_FORM.send(visit, visit.shop.place_order, order_id)
    return go(path_of("orders", order_id), done="placed")


async def show_cancel(visit: Visit) -> Response:
    """Ask whether an open order is to be cancelled: that cannot be undone."""
    order_id = visit.parameter("order_id")
    order = (await visit.shop.get_order(order_id, include_closed=True)).document
    form = CANCEL_FORM.view(visit, path_of("orders", order_id, "cancel"), {}, order.version)
    return visit.render(
        "confirm.html",
        title=visit.gettext("Cancel the order?"),
        texts=(visit.gettext("Its units go back into stock. This cannot be undone."),),
        form=form if order.state == OrderState.OPEN else None,
        button=visit.gettext("Cancel it, and give its units back"),
        back=path_of("orders", order_id),
    )


async def cancel_order(visit: Visit) -> Response:
    """Cancel an open order, as its customer saw it."""
    await CANCEL_FORM.send(visit, visit.shop.cancel_order, visit.parameter("order_id"))
    return go("/orders", done="cancelled")


def _before(visit: Visit, order: Order, product_id: str) -> str:
    """Carry what an order holds of a product."""
    held = next((item for item in order.items if item.product_id == product_id), None)
    item = ItemQuantity(product_id, held.quantity, held.extra) if held else ItemQuantity(product_id, 0)
    command = SetOrderItems(order.customer_id, order.order_id, (item,))
    return carry_undo(visit, command, path_of("orders", order.order_id))


def _deadline(visit: Visit, order: Order) -> FormView:
    values = {"expires_at_ms": order.expires_at_ms}
    return DEADLINE_FORM.view(visit, path_of("orders", order.order_id, "deadline"), values, order.version)


async def open_order(visit: Visit) -> Order | None:
    """Find the order that is being filled: the newest of the open ones."""
    listing = await visit.shop.list_orders(OPEN_ORDERS_MAX, states=[OrderState.OPEN])
    if not listing.documents:
        return None
    try:
        return (await visit.shop.get_order(listing.documents[-1].order_id)).document
    except Rejected as rejected:
        if rejected.refused.reason not in _GONE:
            raise
        return None  # it was closed meanwhile


PAGES: Final = (
    WebPage("products", "/products", Who.CUSTOMER, show_products),
    WebPage(
        "product",
        "/products/{product_id}",
        Who.CUSTOMER,
        show_product,
        (Action("add_to_order", "/products/{product_id}/order", add_to_order),),
    ),
    WebPage("orders", "/orders", Who.CUSTOMER, show_orders),
    WebPage(
        "order",
        "/orders/{order_id}",
        Who.CUSTOMER,
        show_order,
        (
            Action("set_item", "/orders/{order_id}/items", set_item),
            Action("place_order", "/orders/{order_id}/place", place_order),
            Action("set_deadline", "/orders/{order_id}/deadline", set_deadline),
        ),
    ),
    WebPage(
        "order_cancel",
        "/orders/{order_id}/cancel",
        Who.CUSTOMER,
        show_cancel,
        (Action("cancel_order", "/orders/{order_id}/cancel", cancel_order),),
    ),
)
