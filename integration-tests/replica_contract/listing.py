"""Lists: page by page, all from the snapshot at which the list began, each document once, in the order of ids."""

from collections.abc import Iterator
from typing import Any

from quitanda.domain.outcomes import Reason
from quitanda.v1 import replica_pb2 as pb
from replica_contract.documents import create_customer, create_order, create_product, fields, stock
from replica_contract.service import Service, expect

_ORDERS = pb.ListItem.KIND_ORDERS
_PRODUCTS = pb.ListItem.KIND_PRODUCTS
_CUSTOMERS = pb.ListItem.KIND_CUSTOMERS


def a_list_gives_every_document_once_in_the_order_of_ids(service: Service) -> None:
    ids = {service.new_id("product") for _ in range(25)}
    service.done(*(create_product(service, product_id) for product_id in sorted(ids, reverse=True)))
    listed = [product["product_id"] for page in _pages(service, kind=_PRODUCTS, page_size=7) for product in page]
    expect(listed == sorted(set(listed)), "a list is in the order of ids and gives each once")
    expect(ids <= set(listed), f"a list gives every document: {sorted(ids - set(listed))} are missing")
    customers = [customer["customer_id"] for page in _pages(service, kind=_CUSTOMERS, page_size=7) for customer in page]
    expect(customers == sorted(set(customers)), "customers are listed in the order of ids, each once")


def pages_have_the_size_that_was_asked_for(service: Service) -> None:
    customer_id = _customer_with_orders(service, 5)
    sizes = [len(page) for page in _pages(service, kind=_ORDERS, customer_id=customer_id, page_size=2)]
    expect(sizes == [2, 2, 1], f"5 small documents in pages of 2 are 2, 2 and 1: {sizes}")
    whole = service.page(pb.ListItem(kind=_ORDERS, customer_id=customer_id, page_size=5))
    expect((len(whole.documents), whole.next_page_token) == (5, ""), "the last page has no token for a next one")


def all_pages_show_the_snapshot_of_the_first(service: Service) -> None:
    customer_id = _customer_with_orders(service, 6)
    question = pb.ListItem(kind=_ORDERS, customer_id=customer_id, page_size=2)
    first = service.page(question)
    before = [
        fields(document) for document in service.page(pb.ListItem(kind=_ORDERS, customer_id=customer_id)).documents
    ]
    gone, changed = before[2]["order_id"], before[4]["order_id"]
    item = {"product_id": before[4]["items"][0]["product_id"], "quantity": 3}
    service.done(
        service.request(scope=customer_id, cancel_order={"customer_id": customer_id, "order_id": gone}),
        service.request(
            scope=customer_id,
            set_order_items={"customer_id": customer_id, "order_id": changed, "items": [item]},
        ),
        create_order(service, customer_id, {item["product_id"]: 1}),
    )
    pages = [first]
    while pages[-1].next_page_token:
        pages.append(
            service.page(
                pb.ListItem(kind=_ORDERS, customer_id=customer_id, page_size=2, page_token=pages[-1].next_page_token)
            )
        )
    listed = [fields(document) for page in pages for document in page.documents]
    expect(listed == before, "later pages show what there was when the list began, not what changed since")
    expect({page.revision for page in pages} == {first.revision}, "all pages have the revision of the first")


def orders_are_listed_for_their_customer_alone(service: Service) -> None:
    ana, rui = _customer_with_orders(service, 3), _customer_with_orders(service, 2)
    for customer_id, number in ((ana, 3), (rui, 2)):
        orders = [order for page in _pages(service, kind=_ORDERS, customer_id=customer_id) for order in page]
        expect(len(orders) == number, f"a customer's list has each of their orders: {len(orders)} of {number}")
        expect({order["customer_id"] for order in orders} == {customer_id}, "a customer's list has no other's orders")


def the_orders_of_nobody_are_refused(service: Service) -> None:
    item = pb.ListItem(kind=_ORDERS, customer_id=service.new_id("customer"))
    (result,) = service.read(pb.ReadItem(list=item)).results
    expect(result.refused.reason == Reason.CUSTOMER_NOT_FOUND, "the orders of an unknown customer are refused")


def a_page_token_belongs_to_its_list(service: Service) -> None:
    ana, rui = _customer_with_orders(service, 3), _customer_with_orders(service, 3)
    token = service.page(pb.ListItem(kind=_ORDERS, customer_id=ana, page_size=1)).next_page_token
    for item in (
        pb.ListItem(kind=_ORDERS, customer_id=rui, page_size=1, page_token=token),
        pb.ListItem(kind=_PRODUCTS, page_size=1, page_token=token),
        pb.ListItem(kind=_ORDERS, customer_id=ana, page_size=1, page_token="invented"),
        pb.ListItem(kind=_ORDERS, customer_id=ana, page_size=1, page_token=token[:-2]),
    ):
        (result,) = service.read(pb.ReadItem(list=item)).results
        expect(
            result.refused.field == "page_token", f"a token that was not given out for this list is refused: {result}"
        )


def a_page_that_is_too_large_is_refused(service: Service) -> None:
    for size in (-1, 501):
        (result,) = service.read(pb.ReadItem(list=pb.ListItem(kind=_PRODUCTS, page_size=size))).results
        expect(result.refused.field == "page_size", f"a page of {size} documents is refused")


def _customer_with_orders(service: Service, number: int) -> str:
    customer_id, product_id = service.new_id("customer"), stock(service, 100)
    service.done(create_customer(service, customer_id))
    service.done(*(create_order(service, customer_id, {product_id: 1}) for _ in range(number)))
    return customer_id


def _pages(service: Service, **item: Any) -> Iterator[list[dict[str, Any]]]:
    token = ""
    while True:
        page = service.page(pb.ListItem(page_token=token, **item))
        yield [fields(document) for document in page.documents]
        token = page.next_page_token
        if not token:
            return
