"""Every reason has one number, for ever, and a sentence that a client of the course can act on."""

import re
from inspect import isclass
from pathlib import Path

import pytest

from quitanda import error_messages
from quitanda import errors as edges
from quitanda.compat.errors import ERROR_NUMBERS, render_error, reply
from quitanda.course import contract_pb2 as pb
from quitanda.domain import refusals
from quitanda.domain.outcomes import Problem, Reason, Refused, invalid
from quitanda.errors import InternalError, NotLeader, OutcomeUnknown, Overloaded, QuitandaError, Rejected, Unavailable

KINDS = [kind for kind in vars(edges).values() if isclass(kind) and issubclass(kind, QuitandaError)]


def test_every_reason_of_the_rules_and_of_the_edges_has_a_number_and_nothing_else_has():
    assert set(ERROR_NUMBERS) == {reason.value for reason in Reason} | {kind.reason for kind in KINDS}


def test_no_number_stands_for_two_reasons_and_none_is_zero():
    assert len(set(ERROR_NUMBERS.values())) == len(ERROR_NUMBERS)
    assert all(number > 0 for number in ERROR_NUMBERS.values())


def test_the_numbers_never_change():
    assert dict(ERROR_NUMBERS) == {
        "INVALID_ARGUMENT": 1,
        "CUSTOMER_EXISTS": 10,
        "CUSTOMER_NOT_FOUND": 11,
        "CUSTOMER_HAS_ORDERS": 12,
        "PASSWORD_EXISTS": 13,
        "OF_A_SESSION": 14,
        "PRODUCT_EXISTS": 20,
        "PRODUCT_NOT_FOUND": 21,
        "PRODUCT_IN_USE": 22,
        "OUT_OF_STOCK": 23,
        "STOCK_BOUND": 24,
        "ORDER_EXISTS": 30,
        "ORDER_NOT_FOUND": 31,
        "TOO_MANY_ITEMS": 32,
        "ORDER_STATE": 33,
        "TOO_MANY_ORDERS": 53,
        "WEBHOOK_EXISTS": 54,
        "WEBHOOK_NOT_FOUND": 55,
        "TOO_MANY_WEBHOOKS": 56,
        "DEAD_LETTER_NOT_FOUND": 57,
        "LEASE_LOST": 58,
        "ORDER_EMPTY": 34,
        "TOO_MANY_UNITS": 35,
        "CASCADE_TOO_LARGE": 40,
        "VERSION_MISMATCH": 41,
        "REQUEST_ID_REUSED": 42,
        "PAGE_TOKEN_EXPIRED": 43,
        "REVISION_GONE": 49,
        "LEVEL_TOO_LOW": 44,
        "LEVEL_NOT_SUPPORTED": 45,
        "UNAUTHENTICATED": 46,
        "CREDENTIAL_REVOKED": 47,
        "FORBIDDEN": 48,
        "CREDENTIAL_EXISTS": 38,
        "CREDENTIAL_NOT_FOUND": 39,
        "TOO_MANY_CREDENTIALS": 36,
        "LAST_ADMIN_CREDENTIAL": 37,
        "UNAVAILABLE": 50,
        "NOT_LEADER": 51,
        "OVERLOADED": 52,
        "OUTCOME_UNKNOWN": 60,
        "INTERNAL": 61,
    }


@pytest.mark.parametrize(
    "failure",
    [
        *(Refused(reason) for reason in Reason),
        Unavailable(),
        NotLeader("replica2"),
        Overloaded(),
        OutcomeUnknown(),
        InternalError(),
        QuitandaError(),
        Rejected(Refused(Reason.OUT_OF_STOCK)),
    ],
    ids=repr,
)
def test_every_failure_has_a_reply_with_a_sentence(failure):
    told = reply(failure)

    assert told.error > 0
    assert told.description.endswith(".")


def test_only_what_may_have_happened_has_a_number_from_sixty_on():
    unknown = {kind.reason for kind in KINDS if not kind.definite}

    assert {reason for reason, number in ERROR_NUMBERS.items() if number >= 60} == unknown


def test_whoever_is_left_unknowing_is_told_to_look_before_repeating():
    for failure in (OutcomeUnknown(), InternalError(), Refused(Reason.INTERNAL)):
        assert "may or may not have taken effect. Retrieve what you wanted to change" in reply(failure).description


def test_the_courses_sentences_replace_others_and_speak_of_nothing_that_it_has_not():
    assert set(error_messages.COURSE) <= set(error_messages.REASONS)
    for reason in ERROR_NUMBERS:
        sentence = error_messages.COURSE.get(reason, error_messages.REASONS[reason])
        # Reasons that only native commands can meet keep their sentences.
        if ERROR_NUMBERS[reason] not in {*range(36, 44), 47, 48, *range(54, 59)}:
            assert not re.search("cascade|request id|list the|customer\\b(?!_)", sentence), reason


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (refusals.customer_exists("S~c3~a3o"), "The client São already exists"),
        (refusals.product_not_found("0~_x", "items[1].product_id"), "There is no product _x. Check the id."),
        (refusals.order_not_found(""), "There is no order of this client; it may be another client's."),
        (refusals.customer_not_found("~20" * 30), f"There is no client {'~20' * 30}."),
        (invalid("items[2].quantity", Problem.NEGATIVE, value=-1), "products[2].quantity is negative: -1."),
        (invalid("customer_id", Problem.MISSING), "CID is missing."),
        (invalid("items[0].product_id", Problem.TOO_LONG, limit=64), "products[0].PID is too long;"),
        (invalid("items", Problem.TOO_MANY), "products has too many entries."),
        (invalid("extra.colour", Problem.TOO_LARGE), "colour is too large."),
        (invalid("extra.course.version", Problem.TOO_LARGE), "version is too large."),
        (invalid("items[0].extra.items", Problem.TOO_LARGE), "products[0].items is too large."),
    ],
)
def test_sentences_use_the_courses_names_and_the_clients_own_ids(failure, sentence):
    assert reply(failure).description.startswith(sentence)


@pytest.mark.parametrize("service", ["AdminPortal", "OrderPortal"])
def test_every_method_that_answers_with_a_reply_tells_failures_so_and_no_other_does(service):
    for method in pb.DESCRIPTOR.services_by_name[service].methods:
        told = render_error(f"/project.{service}/{method.name}", Unavailable())

        assert (told is not None) == (not method.name.startswith("Retrieve")), method.name


def test_methods_of_other_services_end_with_a_status():
    assert render_error("/grpc.health.v1.Health/Check", Unavailable()) is None


def test_the_wire_shape_is_the_courses():
    proto = Path(__file__).parents[3] / "proto" / "quitanda" / "course" / "contract.proto"
    code = re.sub(r"//.*", "", proto.read_text(encoding="utf-8"))

    assert pb.DESCRIPTOR.package == "project"
    assert re.findall(r"rpc (\w+)\((\w+)\) returns \((stream )?(\w+)\)", code) == [
        ("CreateClient", "Client", "", "Reply"),
        ("RetrieveClient", "ID", "", "Client"),
        ("UpdateClient", "Client", "", "Reply"),
        ("DeleteClient", "ID", "", "Reply"),
        ("CreateProduct", "Product", "", "Reply"),
        ("RetrieveProduct", "ID", "", "Product"),
        ("UpdateProduct", "Product", "", "Reply"),
        ("DeleteProduct", "ID", "", "Reply"),
        ("CreateOrder", "Order", "", "Reply"),
        ("RetrieveOrder", "ID", "", "Order"),
        ("UpdateOrder", "Order", "", "Reply"),
        ("DeleteOrder", "ID", "", "Reply"),
        ("RetrieveClientOrders", "ID", "stream ", "Order"),
    ]
    assert {
        message.name: [(field.name, field.number) for field in message.fields]
        for message in pb.DESCRIPTOR.message_types_by_name.values()
    } == {
        "Client": [("CID", 1), ("data", 2)],
        "Product": [("PID", 1), ("data", 2)],
        "Order": [("OID", 1), ("CID", 2), ("data", 3)],
        "Reply": [("error", 1), ("description", 2)],
        "ID": [("ID", 1)],
    }
