"""Execute: each request has one effect and one outcome, whoever repeats it, wherever and however often."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from quitanda.domain.outcomes import Reason
from quitanda.errors import NotLeader
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import replica_pb2 as pb
from replica_contract.documents import create_customer, create_order, create_product, fields, quantity_of, stock
from replica_contract.service import (
    CALL_SECONDS,
    Service,
    execute_request,
    expect,
    failure_of,
    wait_for,
)

COMMANDS_PER_CALL = 512
"""How many requests a portal sends in one call at most (`ClusterOptions`); every server must take as many."""


def a_done_outcome_holds_the_document_and_its_revision(service: Service) -> None:
    customer_id = service.new_id("customer")
    (outcome,) = service.done(create_customer(service, customer_id, name="Conceição"))
    document = fields(outcome.done.document)
    expect(outcome.done.kind == pb.DOCUMENT_KIND_CUSTOMER, "an outcome names the kind of its document")
    expect(
        (document["customer_id"], document["name"]) == (customer_id, "Conceição"), "the document is as it was asked for"
    )
    expect(document["version"] >= 1, "a document has a version")
    expect(outcome.revision >= 1, "an outcome has the revision at which it was decided")


def a_refusal_is_one_outcome_among_others_in_their_order(service: Service) -> None:
    customer_id = service.new_id("customer")
    service.done(create_customer(service, customer_id))
    first, second, third = service.execute(
        create_customer(service, service.new_id("customer")),
        create_customer(service, customer_id),
        create_customer(service, service.new_id("customer")),
    )
    expect(
        first.HasField("done") and third.HasField("done"),
        "a refusal keeps no other command of the call from its effect",
    )
    expect(second.refused.reason == Reason.CUSTOMER_EXISTS, "an id that is taken is refused with CUSTOMER_EXISTS")


def a_repeated_request_has_one_effect_and_its_first_outcome(service: Service) -> None:
    product_id = stock(service, 10)
    adjust = service.request(adjust_stock={"product_id": product_id, "delta": -4})
    first = service.done(adjust)
    service.done(service.request(adjust_stock={"product_id": product_id, "delta": 1}))
    expect(service.execute(adjust) == first, "a repeated request gets its first outcome, with its first revision")
    expect(quantity_of(service, product_id) == 7, "a repeated request has no second effect")


def a_repeated_request_of_a_refusal_stays_refused(service: Service) -> None:
    product_id = service.new_id("product")
    adjust = service.request(adjust_stock={"product_id": product_id, "delta": 3})
    first = service.execute(adjust)
    expect(
        first[0].refused.reason == Reason.PRODUCT_NOT_FOUND,
        "a product that is not there is refused with PRODUCT_NOT_FOUND",
    )
    service.done(create_product(service, product_id, quantity=1))
    expect(service.execute(adjust) == first, "a refusal is final: its request, repeated, gets it again")
    expect(quantity_of(service, product_id) == 1, "a refused request never has an effect later")


def an_invalid_command_may_be_corrected_under_its_id(service: Service) -> None:
    request_id, customer_id = service.new_id("request"), service.new_id("customer")
    (wrong,) = service.execute(service.request(request_id, create_customer={"customer_id": customer_id, "name": ""}))
    expect(wrong.refused.reason == Reason.INVALID_ARGUMENT, "an invalid command is refused with INVALID_ARGUMENT")
    expect(wrong.refused.field == "name", "the refusal names the field that is at fault")
    service.done(service.request(request_id, create_customer={"customer_id": customer_id, "name": "Ana"}))


def a_request_without_a_command_is_refused_alone(service: Service) -> None:
    empty, good = service.execute(service.request(), create_customer(service, service.new_id("customer")))
    expect(empty.refused.reason == Reason.INVALID_ARGUMENT, "a request without a command is refused")
    expect(good.HasField("done"), "a malformed request keeps no other command of the call from its effect")


def a_request_id_stands_for_one_command(service: Service) -> None:
    product_id = stock(service, 10)
    request_id = service.new_id("request")
    service.done(service.request(request_id, adjust_stock={"product_id": product_id, "delta": 1}))
    (other,) = service.execute(service.request(request_id, adjust_stock={"product_id": product_id, "delta": 2}))
    expect(other.refused.reason == Reason.REQUEST_ID_REUSED, "an id that stands for another command is refused")
    expect(quantity_of(service, product_id) == 11, "a command under an id that is taken has no effect")


def request_ids_of_two_scopes_are_different(service: Service) -> None:
    ana, rui = (service.new_id("customer") for _ in range(2))
    product_id = stock(service, 10)
    service.done(create_customer(service, ana), create_customer(service, rui))
    request_id = service.new_id("request")
    for customer_id in (ana, rui):
        (outcome,) = service.execute(create_order(service, customer_id, {product_id: 2}, request_id=request_id))
        expect(outcome.HasField("done"), f"each customer's request ids are their own: {outcome}")
    expect(quantity_of(service, product_id) == 6, "both orders took their units")


def a_request_twice_in_one_call_has_one_effect(service: Service) -> None:
    product_id = stock(service, 10)
    adjust = service.request(adjust_stock={"product_id": product_id, "delta": -1})
    first, second = service.done(adjust, adjust)
    expect(first == second, "a request that stands twice in a call gets one outcome")
    expect(quantity_of(service, product_id) == 9, "a request that stands twice in a call has one effect")


def a_request_sent_by_many_at_once_has_one_effect(service: Service) -> None:
    product_id = stock(service, 100)
    adjust = service.request(adjust_stock={"product_id": product_id, "delta": -1})
    with ThreadPoolExecutor(16) as pool:
        outcomes = [outcome for (outcome,) in pool.map(lambda _: service.execute(adjust), range(32))]
    expect(all(outcome == outcomes[0] for outcome in outcomes), "everybody gets the one outcome of the request")
    expect(quantity_of(service, product_id) == 99, "a request that many send at once has one effect")


def the_commands_of_a_call_happen_in_their_order_at_one_revision(service: Service) -> None:
    customer_id, product_id = service.new_id("customer"), service.new_id("product")
    outcomes = service.done(
        create_customer(service, customer_id),
        create_product(service, product_id, quantity=5),
        create_order(service, customer_id, {product_id: 3}),
        service.request(adjust_stock={"product_id": product_id, "delta": 10}),
    )
    expect(len({outcome.revision for outcome in outcomes}) == 1, "the commands of one call are decided at one revision")
    expect(fields(outcomes[3].done.document)["quantity"] == 12, "each command sees the effects of those before it")


def as_many_commands_as_a_portal_sends_are_taken(service: Service) -> None:
    product_id = stock(service, 0)
    adjust = [service.request(adjust_stock={"product_id": product_id, "delta": 1}) for _ in range(COMMANDS_PER_CALL)]
    service.done(*adjust)
    expect(quantity_of(service, product_id) == COMMANDS_PER_CALL, "each command of a large call has its effect")


def a_call_without_requests_has_no_outcomes(service: Service) -> None:
    expect(service.execute() == [], "an empty call is answered")


def no_unit_is_sold_twice(service: Service) -> None:
    customers = [service.new_id("customer") for _ in range(20)]
    product_id = stock(service, 7)
    service.done(*(create_customer(service, customer_id) for customer_id in customers))
    orders = [create_order(service, customer_id, {product_id: 1}) for customer_id in customers]
    with ThreadPoolExecutor(10) as pool:
        outcomes = [outcome for (outcome,) in pool.map(service.execute, orders)]
    sold = sum(outcome.HasField("done") for outcome in outcomes)
    refused = {outcome.refused.reason for outcome in outcomes if outcome.HasField("refused")}
    expect((sold, refused) == (7, {Reason.OUT_OF_STOCK.value}), f"7 units are sold 7 times, not {sold}: {refused}")
    expect(quantity_of(service, product_id) == 0, "what was sold is gone from the stock")


def versions_of_a_document_rise(service: Service) -> None:
    product_id = stock(service, 1)
    versions = []
    for _ in range(5):
        (outcome,) = service.done(service.request(adjust_stock={"product_id": product_id, "delta": 1}))
        versions.append(fields(outcome.done.document)["version"])
    expect(versions == sorted(set(versions)), f"each change gives a document a higher version: {versions}")
    update: dict[str, Any] = {"product_id": product_id, "name": "Old", "expected_version": versions[0]}
    (late,) = service.execute(service.request(update_product=update))
    expect(
        late.refused.reason == Reason.VERSION_MISMATCH, "a change of an old version is refused with VERSION_MISMATCH"
    )


def whoever_does_not_lead_names_the_leader(service: Service) -> None:
    def all_others_name_it() -> bool:
        leader = service.leader()
        others = set(service.target.replicas) - {leader}
        return all(_named_instead(service, name) == [leader, leader] for name in others)

    wait_for(all_others_name_it, "whoever does not lead refuses to write and to read, and names the leader")


def _named_instead(service: Service, name: str) -> list[str]:
    """Name whom a replica calls the leader, where it refuses a write and a read; '' where it does not refuse."""
    stub = service.stub(name)
    write = execute_request(create_customer(service, service.new_id("customer")))
    named = []
    for method, message in ((stub.Execute, write), (stub.Read, pb.ReadRequest())):
        try:
            method(message, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            failure = failure_of(error)
            named.append(failure.leader if isinstance(failure, NotLeader) else "")
        else:
            named.append("")
    return named


def the_next_leader_knows_every_outcome(service: Service) -> None:
    if len(service.target.replicas) == 1:
        return
    product_id = stock(service, 10)
    adjust = service.request(adjust_stock={"product_id": product_id, "delta": -1})
    first = service.done(adjust)
    before = service.leader()
    answer: admin.TransferLeadershipResponse = service.at_leader(
        lambda stub: stub.TransferLeadership(admin.TransferLeadershipRequest(), timeout=CALL_SECONDS)
    )
    expect(answer.leader != before, "another replica leads after a transfer")
    expect(service.execute(adjust) == first, "the next leader gives a repeated request its first outcome")
    expect(quantity_of(service, product_id) == 9, "the next leader has every acknowledged write, once")
