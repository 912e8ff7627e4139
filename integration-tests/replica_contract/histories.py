"""Histories: every change of a document, what it changed, and who asked for it."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.documents_pb2 import HistoryEntry
from replica_contract.documents import (
    by,
    create_customer,
    create_order,
    create_product,
    fields,
    new_credential,
    new_hash,
    raise_to_credentials,
    stock,
)
from replica_contract.service import Service, expect

_PRODUCT = pb.DOCUMENT_KIND_PRODUCT
_CUSTOMER = pb.DOCUMENT_KIND_CUSTOMER
_NOON_MS = 1_795_000_000_000


def a_history_has_every_change_the_newest_first(service: Service) -> None:
    raise_to_credentials(service)
    customer_id, product_id, order_id = service.new_id("customer"), stock(service, 10), service.new_id("order")
    service.done(
        create_customer(service, customer_id),
        create_order(service, customer_id, {product_id: 4}, order_id=order_id),
    )
    adjust = service.request(adjust_stock={"product_id": product_id, "delta": 3}, received_at_ms=_NOON_MS)
    (adjusted,) = service.done(adjust)
    entries = _history(service, _PRODUCT, product_id)
    told = [(each.command, each.order_id, _values(each, "quantity")) for each in entries]
    expected = [
        ("adjust_stock", "", ("6", "9")),
        ("create_order", order_id, ("10", "6")),
        ("create_product", "", ("", "10")),
    ]
    expect(told == expected, f"a history has each change, by what made it, with the values before and after: {told}")
    newest = entries[0]
    expect(
        newest.number == fields(adjusted.done.document)["version"],
        "a change has the number that the document's version is",
    )
    expect(
        (newest.revision, newest.request_id, newest.received_at_ms) == (adjusted.revision, adjust.request_id, _NOON_MS),
        "a change names its request, with its revision and the time that the portal told",
    )
    ordered = all(one.revision > other.revision for one, other in pairwise(entries))
    expect(ordered, "a history is in the order of revisions, the newest first")


def what_changed_nothing_is_not_in_a_history(service: Service) -> None:
    raise_to_credentials(service)
    product_id = stock(service, 1)
    adjust = service.request(adjust_stock={"product_id": product_id, "delta": 1})
    service.done(adjust)
    service.execute(adjust, service.request(adjust_stock={"product_id": product_id, "delta": -9}))
    commands = [each.command for each in _history(service, _PRODUCT, product_id)]
    expect(
        commands == ["adjust_stock", "create_product"],
        f"a repeated request is recorded once, a refused one not at all: {commands}",
    )


def a_deleted_document_keeps_its_history(service: Service) -> None:
    raise_to_credentials(service)
    customer_id = service.new_id("customer")
    service.done(create_customer(service, customer_id))
    service.done(service.request(delete_customer={"customer_id": customer_id}))
    gone = _history(service, _CUSTOMER, customer_id)
    expect([each.deleted for each in gone] == [True, False], "the history of a deleted document ends with the deletion")
    expect(not gone[0].fields, "a deletion tells no values")
    service.done(create_customer(service, customer_id))
    commands = [each.command for each in _history(service, _CUSTOMER, customer_id)]
    expect(
        commands == ["create_customer", "delete_customer", "create_customer"],
        f"the history of a document that is made anew goes on: {commands}",
    )


def a_history_says_who_asked_and_no_secret(service: Service) -> None:
    clerk, product_id = new_credential(service, "clerk"), stock(service, 0)
    service.done(by(clerk, service.request(adjust_stock={"product_id": product_id, "delta": 1})))
    adjusted, created = _history(service, _PRODUCT, product_id)
    expect(
        (adjusted.credential_id, created.credential_id) == (clerk, ""),
        "a change names the credential of who asked; nobody's where nobody had to prove who they are",
    )
    secret_hash = new_hash()
    service.done(service.request(rotate_credential={"credential_id": clerk, "secret_hash": secret_hash}))
    rotated, *_ = _history(service, pb.DOCUMENT_KIND_CREDENTIAL, clerk)
    expect(_values(rotated, "generation") == ("1", "2"), "the history of a credential has its rotations")
    expect(secret_hash.encode() not in rotated.SerializeToString(), "no hash of a secret is in a history")


def all_pages_of_a_history_show_the_snapshot_of_the_first(service: Service) -> None:
    raise_to_credentials(service)
    product_id = stock(service, 0)
    for _ in range(4):
        service.done(service.request(adjust_stock={"product_id": product_id, "delta": 1}))
    pages = _pages(service, _PRODUCT, product_id, page_size=2)
    shown = [next(pages)]
    service.done(service.request(delete_product={"product_id": product_id}), create_product(service, product_id))
    shown += pages
    expect([len(page) for page in shown] == [2, 2, 1], "5 changes in pages of 2 are 2, 2 and 1")
    after = [_values(entry, "quantity")[1] for page in shown for entry in page]
    expect(after == ["4", "3", "2", "1", "0"], f"later pages go on where the first one ended: {after}")


def a_page_token_belongs_to_its_history(service: Service) -> None:
    raise_to_credentials(service)
    one, other = stock(service, 0), stock(service, 0)
    for product_id in (one, other):
        service.done(service.request(adjust_stock={"product_id": product_id, "delta": 1}))
    token = service.page(_item(_PRODUCT, one, page_size=1)).next_page_token
    for item in (
        _item(_PRODUCT, other, page_size=1, page_token=token),
        _item(_CUSTOMER, one, page_size=1, page_token=token),
        pb.ListItem(kind=pb.ListItem.KIND_PRODUCTS, page_size=1, page_token=token),
    ):
        (result,) = service.read(pb.ReadItem(list=item)).results
        expect(result.refused.field == "page_token", f"a token of another document's history is refused: {result}")


def what_never_was_has_no_history(service: Service) -> None:
    raise_to_credentials(service)
    expect(_history(service, _PRODUCT, service.new_id("product")) == [], "what never was has no history")
    (result,) = service.read(pb.ReadItem(list=pb.ListItem(kind=pb.ListItem.KIND_HISTORY, document_id="x"))).results
    expect(result.refused.field == "kind", f"a history is of a kind of document: {result}")


def _history(service: Service, kind: pb.DocumentKind.ValueType, document_id: str) -> list[HistoryEntry]:
    return [entry for page in _pages(service, kind, document_id) for entry in page]


def _pages(
    service: Service, kind: pb.DocumentKind.ValueType, document_id: str, page_size: int = 0
) -> Iterator[list[HistoryEntry]]:
    token = ""
    while True:
        page = service.page(_item(kind, document_id, page_size=page_size, page_token=token))
        yield [HistoryEntry.FromString(entry) for entry in page.documents]
        token = page.next_page_token
        if not token:
            return


def _item(kind: pb.DocumentKind.ValueType, document_id: str, **page: Any) -> pb.ListItem:
    return pb.ListItem(kind=pb.ListItem.KIND_HISTORY, document_kind=kind, document_id=document_id, **page)


def _values(entry: HistoryEntry, name: str) -> tuple[str, str]:
    """Give a field's values before and after, as JSON; both empty where the change is not about it."""
    found = next((each for each in entry.fields if (each.name, each.product_id) == (name, "")), None)
    if found is None:
        return "", ""
    for value in (found.before_json, found.after_json):
        json.loads(value or "null")
    return found.before_json, found.after_json
