"""The back office's documents, for staff: products with their stock, and customers."""

from typing import Any, Final

from starlette.responses import Response

from quitanda.domain.commands import (
    AdjustStock,
    CreateCredential,
    CreateCustomer,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.model import Kind
from quitanda_web.forms import CommandForm, FormView, read_request_id, read_version
from quitanda_web.live.hub import PRODUCTS
from quitanda_web.pages.listing import found, search_form
from quitanda_web.site import Action, WebPage, Who
from quitanda_web.visit import Visit, go, path_of

OFFICE: Final = "office"

PRODUCT_SEARCH: Final = search_form("words", "price_from", "price_to", "in_stock", "low")
CUSTOMER_SEARCH: Final = search_form("words")

_PRODUCT_FIELDS: Final = ("name", "description", "price", "reorder_level")
NEW_PRODUCT: Final = CommandForm("create_product", CreateProduct, ("product_id", *_PRODUCT_FIELDS, "quantity"))
EDIT_PRODUCT: Final = CommandForm("update_product", UpdateProduct, _PRODUCT_FIELDS)
STOCK: Final = CommandForm("adjust_stock", AdjustStock, ("delta",))
DELETE_PRODUCT: Final = CommandForm("delete_product", DeleteProduct, ("cascade",))
NEW_CUSTOMER: Final = CommandForm("create_customer", CreateCustomer, ("customer_id", "name"))
EDIT_CUSTOMER: Final = CommandForm("update_customer", UpdateCustomer, ("name",))
DELETE_CUSTOMER: Final = CommandForm("delete_customer", DeleteCustomer, ("cascade",))


async def show_products(visit: Visit) -> Response:
    """Browse and search the products; those that run low by themselves."""
    page, form, more = await found(visit, visit.office, Kind.PRODUCT, PRODUCT_SEARCH)
    return visit.render(
        "office_products.html",
        page=page,
        form=form,
        more=more,
        may_create=visit.may(CreateProduct),
        live=visit.live(PRODUCTS, page.revision),
    )


async def show_new_product(visit: Visit) -> Response:
    """Ask for what a new product needs."""
    form = NEW_PRODUCT.view(visit, path_of(OFFICE, "new-product"), {"reorder_level": 0})
    return visit.render("office_new.html", form=form, kind=Kind.PRODUCT.value)


async def create_product(visit: Visit) -> Response:
    """Add a product."""
    values = NEW_PRODUCT.read(visit)
    await visit.office.create_product(**values, request_id=read_request_id(visit))
    return go(path_of(OFFICE, "products", values["product_id"]), done="created")


async def show_product(visit: Visit) -> Response:
    """One product with what may be done about it."""
    product_id = visit.parameter("product_id")
    found_product = await visit.office.get_product(product_id)
    product = found_product.document
    at = (OFFICE, "products", product_id)
    values = {name: getattr(product, name) for name in _PRODUCT_FIELDS}
    return visit.render(
        "office_product.html",
        product=product,
        edit=_allowed(visit, EDIT_PRODUCT, at, values, product.version),
        stock=_allowed(visit, STOCK, at, {}, product.version),
        delete=_allowed(visit, DELETE_PRODUCT, at, {}, product.version),
        live=visit.live(PRODUCTS, found_product.revision),
    )


async def update_product(visit: Visit) -> Response:
    """Change a product, as it was shown."""
    product_id = visit.parameter("product_id")
    await visit.office.update_product(
        product_id,
        **EDIT_PRODUCT.read(visit),
        expected_version=read_version(visit),
        request_id=read_request_id(visit),
    )
    return go(path_of(OFFICE, "products", product_id), done="saved")


async def adjust_stock(visit: Visit) -> Response:
    """Add to the units on hand, or take away. A sale meanwhile does not matter: the change is relative."""
    product_id = visit.parameter("product_id")
    await visit.office.adjust_stock(product_id, **STOCK.read(visit), request_id=read_request_id(visit))
    return go(path_of(OFFICE, "products", product_id), done="adjusted")


async def delete_product(visit: Visit) -> Response:
    """Delete a product, as it was shown."""
    await visit.office.delete_product(
        visit.parameter("product_id"),
        **DELETE_PRODUCT.read(visit),
        expected_version=read_version(visit),
        request_id=read_request_id(visit),
    )
    return go(path_of(OFFICE, "products"), done="deleted")


async def show_customers(visit: Visit) -> Response:
    """Browse and search the customers."""
    page, form, more = await found(visit, visit.office, Kind.CUSTOMER, CUSTOMER_SEARCH)
    return visit.render("office_customers.html", page=page, form=form, more=more, may_create=visit.may(CreateCustomer))


async def show_new_customer(visit: Visit) -> Response:
    """Ask for what a new customer needs."""
    form = NEW_CUSTOMER.view(visit, path_of(OFFICE, "new-customer"), {})
    return visit.render("office_new.html", form=form, kind=Kind.CUSTOMER.value)


async def create_customer(visit: Visit) -> Response:
    """Register a customer. The page shows her secret, once: nobody can look it up later.

    The form sent twice shows it again, as long as the shop remembers the request.
    """
    result = await visit.office.create_customer(**NEW_CUSTOMER.read(visit), request_id=read_request_id(visit))
    if result.token:
        return visit.render("office_secret.html", customer=result.document, token=result.token)
    return go(path_of(OFFICE, "customers", result.document.customer_id), done="created")


async def show_customer(visit: Visit) -> Response:
    """One customer with what may be done about her."""
    customer_id = visit.parameter("customer_id")
    customer = (await visit.office.get_customer(customer_id)).document
    at = (OFFICE, "customers", customer_id)
    return visit.render(
        "office_customer.html",
        customer=customer,
        tokens=visit.may(CreateCredential),
        edit=_allowed(visit, EDIT_CUSTOMER, at, {"name": customer.name}, customer.version),
        delete=_allowed(visit, DELETE_CUSTOMER, at, {}, customer.version),
    )


async def update_customer(visit: Visit) -> Response:
    """Change a customer, as she was shown."""
    customer_id = visit.parameter("customer_id")
    await visit.office.update_customer(
        customer_id,
        **EDIT_CUSTOMER.read(visit),
        expected_version=read_version(visit),
        request_id=read_request_id(visit),
    )
    return go(path_of(OFFICE, "customers", customer_id), done="saved")


async def delete_customer(visit: Visit) -> Response:
    """Delete a customer, as she was shown."""
    await visit.office.delete_customer(
        visit.parameter("customer_id"),
        **DELETE_CUSTOMER.read(visit),
        expected_version=read_version(visit),
        request_id=read_request_id(visit),
    )
    return go(path_of(OFFICE, "customers"), done="deleted")


def _allowed(
    visit: Visit, form: CommandForm, at: tuple[str, ...], values: dict[str, Any], version: int
) -> FormView | None:
    """Show a form, if the role of who is signed in may send it; its last part of the path is its action's name."""
    return form.view(visit, path_of(*at, form.name), values, version) if visit.may(form.command) else None


def _actions(path: str, *actions: tuple[CommandForm, Any]) -> tuple[Action, ...]:
    return tuple(Action(form.name, f"{path}/{form.name}", do) for form, do in actions)


_PRODUCT: Final = "/office/products/{product_id}"
_CUSTOMER: Final = "/office/customers/{customer_id}"

PAGES: Final = (
    WebPage("office_products", "/office/products", Who.STAFF, show_products),
    WebPage(
        "office_new_product",
        "/office/new-product",
        Who.STAFF,
        show_new_product,
        (Action(NEW_PRODUCT.name, "/office/new-product", create_product),),
    ),
    WebPage(
        "office_product",
        _PRODUCT,
        Who.STAFF,
        show_product,
        _actions(_PRODUCT, (EDIT_PRODUCT, update_product), (STOCK, adjust_stock), (DELETE_PRODUCT, delete_product)),
    ),
    WebPage("office_customers", "/office/customers", Who.STAFF, show_customers),
    WebPage(
        "office_new_customer",
        "/office/new-customer",
        Who.STAFF,
        show_new_customer,
        (Action(NEW_CUSTOMER.name, "/office/new-customer", create_customer),),
    ),
    WebPage(
        "office_customer",
        _CUSTOMER,
        Who.STAFF,
        show_customer,
        _actions(_CUSTOMER, (EDIT_CUSTOMER, update_customer), (DELETE_CUSTOMER, delete_customer)),
    ),
)
