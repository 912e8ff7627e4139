"""The back office's documents, for staff: products with their stock, and customers."""

from typing import Any, Final

from starlette.responses import Response

from quitanda.domain.commands import (
    AdjustStock,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.model import Customer, Kind, Product
from quitanda_clients.results import DeleteResult
from quitanda_web.forms import CommandForm, FormView, read_request_id
from quitanda_web.live.hub import PRODUCTS
from quitanda_web.pages.listing import found, search_form
from quitanda_web.pages.undoing import carry_undo, go_with_undo
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
        edit=_allowed(visit, EDIT_PRODUCT, at, values, product.version, UpdateProduct(product_id, **values)),
        stock=_allowed(visit, STOCK, at, {}, product.version),
        delete=path_of(*at, DELETE_PRODUCT.name) if visit.may(DeleteProduct) else "",
        live=visit.live(PRODUCTS, found_product.revision),
    )


async def update_product(visit: Visit) -> Response:
    """Change a product, as it was shown."""
    product_id = visit.parameter("product_id")
    changed = await EDIT_PRODUCT.send(visit, visit.office.update_product, product_id)
    return go_with_undo(visit, path_of(OFFICE, "products", product_id), "saved", version=changed.document.version)


async def adjust_stock(visit: Visit) -> Response:
    """Add to the units on hand, or take away. A sale meanwhile does not matter: the change is relative."""
    product_id = visit.parameter("product_id")
    delta = STOCK.read(visit)["delta"]
    changed = await visit.office.adjust_stock(product_id, delta, request_id=read_request_id(visit))
    undo = AdjustStock(product_id, -delta)
    path = path_of(OFFICE, "products", product_id)
    return go_with_undo(visit, path, "adjusted", undo, changed.document.version)


async def show_delete_product(visit: Visit) -> Response:
    """Ask whether a product is to be deleted, and say what can be undone of it."""
    product_id = visit.parameter("product_id")
    product = (await visit.office.get_product(product_id)).document
    values = {name: getattr(product, name) for name in (*_PRODUCT_FIELDS, "quantity", "extra")}
    return _ask_to_delete(
        visit,
        DELETE_PRODUCT,
        product,
        (OFFICE, "products", product_id),
        CreateProduct(product_id, **values),
        visit.gettext("Delete the product %(name)s?") % {"name": product.name},
        visit.gettext("It can be undone afterwards, unless the product is taken out of open orders."),
    )


async def delete_product(visit: Visit) -> Response:
    """Delete a product, as it was shown."""
    result = await DELETE_PRODUCT.send(visit, visit.office.delete_product, visit.parameter("product_id"))
    return _deleted(visit, path_of(OFFICE, "products"), result)


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
        edit=_allowed(
            visit,
            EDIT_CUSTOMER,
            at,
            {"name": customer.name},
            customer.version,
            UpdateCustomer(customer_id, customer.name),
        ),
        act=path_of(*at, "act") if visit.may(CreateOrder) else "",
        delete=path_of(*at, DELETE_CUSTOMER.name) if visit.may(DeleteCustomer) else "",
    )


async def update_customer(visit: Visit) -> Response:
    """Change a customer, as she was shown."""
    customer_id = visit.parameter("customer_id")
    changed = await EDIT_CUSTOMER.send(visit, visit.office.update_customer, customer_id)
    return go_with_undo(visit, path_of(OFFICE, "customers", customer_id), "saved", version=changed.document.version)


async def show_delete_customer(visit: Visit) -> Response:
    """Ask whether a customer is to be deleted, and say what can be undone of it."""
    customer_id = visit.parameter("customer_id")
    customer = (await visit.office.get_customer(customer_id)).document
    return _ask_to_delete(
        visit,
        DELETE_CUSTOMER,
        customer,
        (OFFICE, "customers", customer_id),
        CreateCustomer(customer_id, customer.name, customer.extra),
        visit.gettext("Delete the customer %(name)s?") % {"name": customer.name},
        visit.gettext(
            "Her secret ceases to work, and her closed orders become orders of nobody: neither can be undone. She "
            "herself can be registered again under her id afterwards, unless open orders were cancelled."
        ),
    )


async def delete_customer(visit: Visit) -> Response:
    """Delete a customer, as she was shown."""
    result = await DELETE_CUSTOMER.send(visit, visit.office.delete_customer, visit.parameter("customer_id"))
    return _deleted(visit, path_of(OFFICE, "customers"), result)


def _ask_to_delete(
    visit: Visit,
    form: CommandForm,
    document: Customer | Product,
    at: tuple[str, ...],
    undo: CreateCustomer | CreateProduct,
    *told: str,
) -> Response:
    """Show the form that deletes a document; it carries the document as it is shown, for the undo."""
    visit.require(form.command)
    sealed = carry_undo(visit, undo, path_of(*at))
    title, *texts = told
    return visit.render(
        "confirm.html",
        title=title,
        texts=texts if sealed else (visit.gettext("This cannot be undone."),),
        form=form.view(visit, path_of(*at, form.name), {}, document.version, sealed),
        button=visit.gettext("Delete it"),
        back=path_of(*at),
    )


def _deleted(visit: Visit, path: str, result: DeleteResult) -> Response:
    """Offer the undo of a deletion that changed nothing else."""
    return go(path, done="deleted") if result.orders_affected else go_with_undo(visit, path, "deleted")


def _allowed(
    visit: Visit,
    form: CommandForm,
    at: tuple[str, ...],
    values: dict[str, Any],
    version: int,
    undo: UpdateCustomer | UpdateProduct | None = None,
) -> FormView | None:
    """Show a form, if the role of who is signed in may send it; its last part of the path is its action's name.

    It carries `undo`, which takes its change back.
    """
    if not visit.may(form.command):
        return None
    sealed = carry_undo(visit, undo, path_of(*at)) if undo is not None else ""
    return form.view(visit, path_of(*at, form.name), values, version, sealed)


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
        _actions(_PRODUCT, (EDIT_PRODUCT, update_product), (STOCK, adjust_stock)),
    ),
    WebPage(
        "office_delete_product",
        f"{_PRODUCT}/{DELETE_PRODUCT.name}",
        Who.STAFF,
        show_delete_product,
        _actions(_PRODUCT, (DELETE_PRODUCT, delete_product)),
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
        _actions(_CUSTOMER, (EDIT_CUSTOMER, update_customer)),
    ),
    WebPage(
        "office_delete_customer",
        f"{_CUSTOMER}/{DELETE_CUSTOMER.name}",
        Who.STAFF,
        show_delete_customer,
        _actions(_CUSTOMER, (DELETE_CUSTOMER, delete_customer)),
    ),
)
