"""Credentials: what a revoked one asks for does not happen, and only replicas and portals know their hashes."""

import json
from contextlib import closing

from quitanda.v1 import replica_pb2 as pb
from replica_contract.documents import by, create_customer, new_credential, new_hash, quantity_of, stock
from replica_contract.service import Service, expect, get

CLERK = "clerk"


def a_revoked_credential_decides_nothing_more(service: Service) -> None:
    clerk, product_id = new_credential(service, CLERK), stock(service, 5)
    adjust = by(clerk, service.request(adjust_stock={"product_id": product_id, "delta": 1}))
    service.done(adjust)
    revoke = service.request(revoke_credential={"credential_id": clerk})
    again = by(clerk, service.request(adjust_stock={"product_id": product_id, "delta": 1}))
    revoked, *later = service.execute(revoke, again, adjust)
    expect(revoked.HasField("done"), "a credential is revoked")
    reasons = {outcome.refused.reason for outcome in later}
    expect(reasons == {"CREDENTIAL_REVOKED"}, "what is ordered after a revocation is refused, a repetition, too")
    expect(quantity_of(service, product_id) == 6, "what was done before a revocation stays, and nothing happens after")


def only_the_current_secret_and_the_one_before_it_are_valid(service: Service) -> None:
    clerk, product_id = new_credential(service, CLERK), stock(service, 0)
    for _ in range(2):
        service.done(service.request(rotate_credential={"credential_id": clerk, "secret_hash": new_hash()}))
    outcomes = [
        service.execute(by(clerk, service.request(adjust_stock={"product_id": product_id, "delta": 1}), generation))[0]
        for generation in (1, 2, 3, 4)
    ]
    valid = [outcome.HasField("done") for outcome in outcomes]
    expect(valid == [False, True, True, False], f"of four generations the second and the third are valid: {valid}")


def a_role_may_ask_for_what_it_is_for(service: Service) -> None:
    clerk = new_credential(service, CLERK)
    (outcome,) = service.execute(by(clerk, create_customer(service, service.new_id("customer"))))
    expect(outcome.refused.reason == "FORBIDDEN", "a clerk creates no customers")


def credentials_are_listed_by_their_owner(service: Service) -> None:
    customer_id = service.new_id("customer")
    service.done(create_customer(service, customer_id))
    made = sorted(new_credential(service, "customer", customer_id) for _ in range(2))
    page = service.page(pb.ListItem(kind=pb.ListItem.KIND_CREDENTIALS, customer_id=customer_id))
    listed = [json.loads(document)["credential_id"] for document in page.documents]
    expect(listed == made, "the credentials of a customer are listed")
    service.done(service.request(delete_customer={"customer_id": customer_id}))
    results = service.read(*(get(pb.DOCUMENT_KIND_CREDENTIAL, credential_id) for credential_id in made)).results
    expect(all(result.HasField("absent") for result in results), "the credentials of a customer go with the customer")


def the_feed_says_only_that_a_credential_changed(service: Service) -> None:
    clerk = new_credential(service, CLERK)
    with closing(service.feed()) as feed:
        rotate = service.request(rotate_credential={"credential_id": clerk, "secret_hash": new_hash()})
        (outcome,) = service.done(rotate)
        message = feed.next("a changed credential is published")
        while message.revision < outcome.revision or not message.changes:
            message = feed.next("a changed credential is published")
    (change,) = message.changes
    expect(
        change.document_id == clerk and change.is_withheld, "the feed says that a credential changed, and not to what"
    )
