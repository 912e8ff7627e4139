"""What administrators do, each operation with its success and its refusals, through both portals in turn."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from quitanda.domain.commands import (
    AdjustStock,
    CreateCustomer,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.limits import CASCADE_ORDERS_MAX, NAME_LENGTH_MAX, PRICE_MAX, QUANTITY_MAX
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Reason
from quitanda_clients.results import Consistency


@dataclass(frozen=True)
class AdministeredKind:
    """The commands for one kind of document, and the reasons that refuse them."""

    kind: Kind
    create: Callable
    update: Callable
    delete: Callable
    exists: Reason
    not_found: Reason
    also: tuple = ()
    """Other commands that change a document of this kind: id and expected version make each of them."""

    @property
    def id_field(self):
        return f"{self.kind.value}_id"

    def id_of(self, document):
        return getattr(document, self.id_field)

    def changes(self, document_id, expected_version=None):
        """Give every command that changes or deletes the document."""
        made = (partial(self.update, name="Caio"), self.delete, partial(self.delete, cascade=True), *self.also)
        return [make(document_id, expected_version=expected_version) for make in made]


CUSTOMERS = AdministeredKind(
    Kind.CUSTOMER,
    lambda customer_id, name="Ana": CreateCustomer(customer_id, name),
    UpdateCustomer,
    DeleteCustomer,
    Reason.CUSTOMER_EXISTS,
    Reason.CUSTOMER_NOT_FOUND,
)
PRODUCTS = AdministeredKind(
    Kind.PRODUCT,
    lambda product_id, name="Café": CreateProduct(product_id, name, 1299, 40),
    UpdateProduct,
    DeleteProduct,
    Reason.PRODUCT_EXISTS,
    Reason.PRODUCT_NOT_FOUND,
    also=(lambda product_id, expected_version: AdjustStock(product_id, 1, expected_version),),
)
kinds = pytest.mark.parametrize("kind", [CUSTOMERS, PRODUCTS], ids=["customers", "products"])


@pytest.fixture
async def admins(shop):
    """Give the administrators at the two portals, one after the other."""
    return itertools.cycle([await shop.admin(portal) for portal in shop.cluster.admin_portals])


async def test_a_customer_is_created_read_changed_and_deleted(admins, shop, refused):
    customer_id = shop.new_id()
    extra = (("city", '"São Luís"'), ("points", "12.50"))
    created = (await next(admins).create_customer(customer_id, "Ana Conceição", extra=extra)).document

    assert (await next(admins).get_customer(customer_id)).document == created
    assert created.extra == extra

    changed = (await next(admins).update_customer(customer_id, name="Ana Souza", extra=(("city", "null"),))).document

    assert (changed.name, changed.extra) == ("Ana Souza", (("points", "12.50"),))
    assert changed.version > created.version
    assert (await next(admins).get_customer(customer_id)).document == changed

    await next(admins).delete_customer(customer_id)
    for consistency in Consistency:
        with refused(Reason.CUSTOMER_NOT_FOUND, "customer_id"):
            await next(admins).get_customer(customer_id, consistency=consistency)


async def test_a_customer_with_orders_goes_only_with_them(admins, shop, refused):
    product = await shop.product(10)
    client = await shop.customer()
    await client.create_order([ItemQuantity(product.product_id, 3)])
    await client.create_order([ItemQuantity(product.product_id, 4)])
    with refused(Reason.CUSTOMER_HAS_ORDERS, "customer_id") as details:
        await next(admins).delete_customer(client.customer_id)

    assert details["orders"] == "2"
    assert (await next(admins).delete_customer(client.customer_id, cascade=True)).orders_affected == 2
    assert await shop.stock(product.product_id) == 10
    gone = (
        (Reason.UNAUTHENTICATED, "token") if shop.cluster.callers.secure else (Reason.CUSTOMER_NOT_FOUND, "customer_id")
    )
    with refused(*gone):  # her token is gone with her
        await client.list_orders()


async def test_a_customer_who_comes_back_has_none_of_the_old_orders(admins, shop):
    client = await shop.customer()
    await client.create_order()
    await next(admins).delete_customer(client.customer_id, cascade=True)
    await next(admins).create_customer(client.customer_id, "Ana")
    back = await shop.client(client.customer_id)  # with the token that she is given now

    assert (await back.list_orders()).documents == ()


@pytest.mark.parametrize("name", ["", "   ", "x" * (NAME_LENGTH_MAX + 1), "line\nbreak"])
async def test_a_name_out_of_the_rules_is_refused(admins, shop, refused, name):
    with refused(Reason.INVALID_ARGUMENT, "name"):
        await next(admins).create_customer(shop.new_id(), name)


@pytest.mark.parametrize("customer_id", ["", "-option", "has space", "ação", "x" * 65, "a/b", "#"])
async def test_an_id_out_of_the_rules_is_refused(admins, refused, customer_id):
    with refused(Reason.INVALID_ARGUMENT, "customer_id"):
        await next(admins).create_customer(customer_id, "Ana")


async def test_an_update_of_nothing_is_refused(admins, shop, refused):
    product = await shop.product()
    with refused(Reason.INVALID_ARGUMENT):
        await next(admins).update_product(product.product_id)


async def test_a_product_is_created_read_changed_and_deleted(admins, shop, refused):
    product_id = shop.new_id()
    created = (
        await next(admins).create_product(
            product_id, "Café", 1299, 40, description="Torrado e moído", extra=(("unit", '"500 g"'),)
        )
    ).document

    assert (await next(admins).get_product(product_id)).document == created
    assert (created.price, created.quantity, created.description) == (1299, 40, "Torrado e moído")

    changed = (await next(admins).update_product(product_id, price=1399)).document

    assert (changed.price, changed.quantity, changed.name, changed.extra) == (1399, 40, "Café", created.extra)

    set_to = (await next(admins).update_product(product_id, quantity=5)).document

    assert (set_to.price, set_to.quantity) == (1399, 5)

    assert (await next(admins).delete_product(product_id)).orders_affected == 0
    with refused(Reason.PRODUCT_NOT_FOUND, "product_id"):
        await next(admins).get_product(product_id)


async def test_a_product_in_orders_goes_only_out_of_them(admins, shop, refused):
    gone, kept = await shop.products(2)
    client = await shop.customer()
    items = [ItemQuantity(gone.product_id, 1), ItemQuantity(kept.product_id, 1)]
    order_id = (await client.create_order(items)).document.order_id
    with refused(Reason.PRODUCT_IN_USE, "product_id") as details:
        await next(admins).delete_product(gone.product_id)

    assert details["orders"] == "1"
    assert (await next(admins).delete_product(gone.product_id, cascade=True)).orders_affected == 1
    assert [item.product_id for item in (await client.get_order(order_id)).document.items] == [kept.product_id]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("price", {"price": -1}),
        ("price", {"price": PRICE_MAX + 1}),
        ("quantity", {"quantity": -1}),
        ("quantity", {"quantity": QUANTITY_MAX + 1}),
    ],
)
async def test_numbers_out_of_range_are_refused(admins, shop, refused, field, values):
    with refused(Reason.INVALID_ARGUMENT, field):
        await next(admins).create_product(shop.new_id(), "Café", **({"price": 1, "quantity": 1} | values))


async def test_stock_is_adjusted_by_a_difference_and_never_below_zero_or_above_the_bound(admins, shop, refused):
    product = await shop.product(10)

    assert (await next(admins).adjust_stock(product.product_id, 5)).document.quantity == 15
    assert (await next(admins).adjust_stock(product.product_id, -15)).document.quantity == 0
    with refused(Reason.OUT_OF_STOCK, "delta"):
        await next(admins).adjust_stock(product.product_id, -1)
    assert (await next(admins).adjust_stock(product.product_id, QUANTITY_MAX)).document.quantity == QUANTITY_MAX
    with refused(Reason.STOCK_BOUND, "delta"):
        await next(admins).adjust_stock(product.product_id, 1)
    with refused(Reason.INVALID_ARGUMENT, "delta"):
        await next(admins).adjust_stock(product.product_id, 0)


@kinds
async def test_what_exists_is_not_created_again(admins, shop, refused, kind):
    first = (await next(admins).execute(kind.create(shop.new_id()))).document
    with refused(kind.exists, kind.id_field):
        await next(admins).execute(kind.create(kind.id_of(first), "Outro"))

    assert (await next(admins).get(kind.kind, kind.id_of(first))).document == first


@kinds
async def test_what_does_not_exist_is_neither_read_nor_changed_nor_deleted(admins, shop, refused, kind):
    nothing = shop.new_id()
    with refused(kind.not_found, kind.id_field):
        await next(admins).get(kind.kind, nothing)
    for command in kind.changes(nothing):
        with refused(kind.not_found, kind.id_field):
            await next(admins).execute(command)


@kinds
async def test_a_change_based_on_an_old_copy_is_refused(admins, shop, refused, kind):
    old = (await next(admins).execute(kind.create(shop.new_id()))).document
    document_id = kind.id_of(old)
    await next(admins).execute(kind.update(document_id, name="Bia", expected_version=old.version))
    for command in kind.changes(document_id, old.version):
        with refused(Reason.VERSION_MISMATCH, "expected_version"):
            await next(admins).execute(command)


@kinds
async def test_lists_show_everything_by_id_on_one_snapshot(admins, shop, refused, kind):
    first, second, third = sorted([shop.new_id("x") for _ in range(3)])
    for document_id in (third, first):
        await next(admins).execute(kind.create(document_id))
    portal = next(admins)
    page = await portal.page(kind.kind, 1)
    await next(admins).execute(kind.create(second))
    listed = list(map(kind.id_of, page.documents))
    while page.next_page_token:
        page = await portal.page(kind.kind, 500, page.next_page_token)
        listed += map(kind.id_of, page.documents)

    assert listed == sorted(listed)
    assert [document_id for document_id in listed if document_id.startswith(f"{shop.prefix}-x")] == [first, third]
    assert second in set(map(kind.id_of, (await next(admins).list(kind.kind)).documents))
    with refused(Reason.INVALID_ARGUMENT, "page_token"):
        await portal.page(kind.kind, 3, "not-a-token")
    with refused(Reason.INVALID_ARGUMENT, "page_size"):
        await portal.page(kind.kind, 501)


async def test_a_request_that_is_repeated_through_the_other_portal_takes_effect_once(admins, shop, refused):
    product = await shop.product(10)
    request_id = shop.new_id()
    for _ in range(4):
        answer = await next(admins).adjust_stock(product.product_id, 5, request_id=request_id)
        assert answer.document.quantity == 15

    assert await shop.stock(product.product_id) == 15
    with refused(Reason.REQUEST_ID_REUSED, "request_id"):
        await next(admins).adjust_stock(product.product_id, 6, request_id=request_id)


async def test_a_cascade_beyond_its_bound_is_refused_and_changes_nothing(admins, shop, refused):
    client = await shop.customer()
    orders = CASCADE_ORDERS_MAX + 1
    for _ in range(0, orders, 91):
        await asyncio.gather(*(client.create_order() for _ in range(91)))
    with refused(Reason.CASCADE_TOO_LARGE, "cascade"):
        await next(admins).delete_customer(client.customer_id, cascade=True)

    assert len((await client.list_orders()).documents) == orders


async def test_every_portal_shows_the_three_replicas(admins, shop):
    for _ in range(2):
        replicas = await next(admins).cluster_status()
        assert sorted(replica.name for replica in replicas) == sorted(shop.cluster.replicas)
        assert all(replica.reachable for replica in replicas)
        assert {replica.leader for replica in replicas} == {await shop.cluster.leader()}
