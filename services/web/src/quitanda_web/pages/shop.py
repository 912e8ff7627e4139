"""The shop, for a customer: products, and the order that is being filled."""

from typing import Final

from starlette.responses import Response

from quitanda.domain.commands import CancelOrder, ItemQuantity, PlaceOrder
from quitanda.domain.model import Kind, Order, OrderState
from quitanda.domain.outcomes import Problem, Reason
from quitanda.errors import Rejected
from quitanda.operations import SetOrderItem
from quitanda_web.forms import CommandForm, read_request_id, read_version
from quitanda_web.live.hub import ORDERS, PRODUCTS
from quitanda_web.pages.listing import PAGE_SIZE, found, listed, next_address
from quitanda_web.pages.listing import search_form as search
from quitanda_web.problems import wrong
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

SEARCH_FORM: Final = search("words", "price_from", "price_to", "in_stock")
ITEM_FORM: Final = CommandForm("set_item", SetOrderItem, ("quantity",))
ADD_FORM: Final = CommandForm("add_to_order", SetOrderItem, ("quantity",))
PLACE_FORM: Final = CommandForm("place_order", PlaceOrder)
CANCEL_FORM: Final = CommandForm("cancel_order", CancelOrder)

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
        await visit.shop.set_order_item(
            order_id, product_id, quantity, expected_version=read_version(visit), request_id=request_id
        )
    else:
        if quantity == 0:
            raise wrong("quantity", Problem.MISSING)
        order = await visit.shop.create_order([ItemQuantity(product_id, quantity)], request_id=request_id)
        order_id = order.document.order_id
    return go(path_of("orders", order_id), done="in-order")


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
            visit, path_of(*at, "items"), {"quantity": item.quantity}, order.version, product_id=item.product_id
        )
        for item in order.items
    ]
    return visit.render(
        "order.html",
        order=order,
        items=list(zip(order.items, items, strict=True)),
        place=PLACE_FORM.view(visit, path_of(*at, "place"), {}, order.version) if is_open and order.items else None,
        cancel=CANCEL_FORM.view(visit, path_of(*at, "cancel"), {}, order.version) if is_open else None,
        live=visit.live(ORDERS, found_order.revision),
    )


async def set_item(visit: Visit) -> Response:
    """Set the units of one item; zero takes it out."""
    order_id = visit.parameter("order_id")
    await visit.shop.set_order_item(
        order_id,
        visit.typed.get("product_id", ""),
        ITEM_FORM.read(visit)["quantity"],
        expected_version=read_version(visit),
        request_id=read_request_id(visit),
    )
    return go(path_of("orders", order_id), done="in-order")


async def place_order(visit: Visit) -> Response:
    """Commit the customer to her order, as she saw it."""
    order_id = visit.parameter("order_id")
    await visit.shop.place_order(order_id, expected_version=read_version(visit), request_id=read_request_id(visit))
    return go(path_of("orders", order_id), done="placed")


async def cancel_order(visit: Visit) -> Response:
    """Cancel an open order, as its customer saw it."""
    order_id = visit.parameter("order_id")
    await visit.shop.cancel_order(order_id, expected_version=read_version(visit), request_id=read_request_id(visit))
    return go("/orders", done="cancelled")


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
            Action("cancel_order", "/orders/{order_id}/cancel", cancel_order),
        ),
    ),
)
