"""What people read: complete, and made of facts only."""

import re

import pytest

from quitanda.domain.outcomes import AuthenticationProblem, Problem, Reason
from quitanda.error_messages import PROBLEMS, REASONS, TOKEN_PROBLEMS, render
from quitanda.errors import InternalError, NotLeader, OutcomeUnknown, Overloaded, Unavailable

EDGE_REASONS = {kind.reason for kind in (Unavailable, NotLeader, Overloaded, OutcomeUnknown, InternalError)}


def test_every_reason_has_a_message():
    assert set(REASONS) == set(Reason) | EDGE_REASONS


def test_every_problem_has_a_message():
    assert set(PROBLEMS) == set(Problem)
    assert set(TOKEN_PROBLEMS) == set(AuthenticationProblem)


@pytest.mark.parametrize("template", [*REASONS.values(), *PROBLEMS.values(), *TOKEN_PROBLEMS.values()])
def test_every_message_has_a_next_step_and_reads_well_without_any_facts(template):
    assert template.count(".") >= 2
    assert not re.search(r"\{(?!field\b)[a-z_]+", re.sub(r"\[[^\[\]]*\]", "", template)), "only facts in brackets"


@pytest.mark.parametrize("reason", [*REASONS])
def test_a_message_without_facts_has_no_gaps(reason):
    text = render(reason, "", {})

    assert not re.search(r"[\[\]{}?]|  | [.;:,]", text), text


@pytest.mark.parametrize("problem", Problem)
def test_the_message_of_a_problem_names_the_field(problem):
    text = render(Reason.INVALID_ARGUMENT, "items[0].quantity", {"problem": problem})

    assert problem is Problem.NOTHING_TO_CHANGE or "items[0].quantity" in text


@pytest.mark.parametrize(
    ("reason", "field", "facts", "text"),
    [
        (
            Reason.OUT_OF_STOCK,
            "items[0].quantity",
            {"product_id": "tea", "requested": "5", "held": "2", "available": "1"},
            (
                "There are not enough units of the product tea: you asked for 5, of which the order already holds 2; "
                "1 is left. Ask for fewer, or wait for new stock."
            ),
        ),
        (
            Reason.OUT_OF_STOCK,
            "quantity",
            {"product_id": "tea", "requested": "1", "held": "0", "available": "0"},
            (
                "There are not enough units of the product tea: you asked for 1; none are left. "
                "Ask for fewer, or wait for new stock."
            ),
        ),
        (
            Reason.CUSTOMER_HAS_ORDERS,
            "customer_id",
            {"customer_id": "ana", "orders": "1", "limit": "500"},
            (
                "The customer ana has 1 order. Cancel all its orders first, or delete it with cascade, "
                "which cancels up to 500 orders."
            ),
        ),
        (
            Reason.INVALID_ARGUMENT,
            "to",
            {"problem": "unknown_value", "value": "replica9", "choices": "replica1, replica2 or replica3"},
            "to cannot have this value: replica9. Choose replica1, replica2 or replica3.",
        ),
        (
            Reason.INVALID_ARGUMENT,
            "name",
            {"problem": "too_long", "limit": "200", "length": "230"},
            "name is too long: it has 230 characters; the limit is 200. Shorten it.",
        ),
        (
            Reason.INVALID_ARGUMENT,
            "name",
            {"problem": "a problem of a later version"},
            "The request is not valid: name. Correct it and send it again.",
        ),
        (
            Reason.ORDER_NOT_FOUND,
            "order_id",
            {"order_id": "o1"},
            "This customer has no order o1. Check the id; the customer's list of orders shows all ids.",
        ),
        (
            Reason.FORBIDDEN,
            "customer_id",
            {"credential_id": "abcdefgh2345", "role": "customer", "owner": "bia"},
            (
                "The credential abcdefgh2345 may not do this: its role is customer; it belongs to the customer bia. "
                "Use a token that may, or ask an administrator for one."
            ),
        ),
        (
            Reason.UNAUTHENTICATED,
            "token",
            {"problem": "too_many_failures", "seconds": "1"},
            "Too many wrong tokens or passwords came from your address. Wait 1 second, then send the right one.",
        ),
        ("A_REASON_OF_A_LATER_VERSION", "", {}, "The request failed. Try again later."),
    ],
)
def test_a_message_says_the_facts(reason, field, facts, text):
    assert render(reason, field, facts) == text


def test_a_fact_that_looks_like_a_template_is_not_filled():
    text = render(Reason.INVALID_ARGUMENT, "x", {"problem": "unknown_value", "value": "{field}[{limit}]"})

    assert "{field}[{limit}]" in text
