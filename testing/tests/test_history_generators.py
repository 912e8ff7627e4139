"""The judge of histories against random ones: those that are right pass, one changed answer is found."""

import subprocess
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quitanda.domain.model import OrderState
from quitanda_testing.history.brute_force import is_linearizable
from quitanda_testing.history.builders import without_versions
from quitanda_testing.history.checker import check
from quitanda_testing.history.generators import HistoryGenerator, Size, changed
from quitanda_testing.history.operations import Listed, as_checked
from quitanda_testing.history.pending_ops import orphans
from quitanda_testing.history.search import CLOCK_EVERY, Budget, SearchResult

PROCESSOR_SECONDS = 2.0


def many(examples):
    """So many random examples, however long each of them takes."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


def test_a_budget_that_is_too_small_leaves_it_undecided():
    history = HistoryGenerator(Random(1)).generate()

    assert check(history, Budget(tries=10)).answer is SearchResult.UNDECIDED
    assert check(history, Budget(seconds=0.0, tries=10**9)).answer in {
        SearchResult.UNDECIDED,
        SearchResult.LINEARIZABLE,
    }


def test_time_in_which_others_have_the_processor_is_not_taken_from_the_budget():
    history = HistoryGenerator(Random(1), Size(operations=2 * CLOCK_EVERY)).generate()
    budget = Budget(seconds=PROCESSOR_SECONDS)

    first = check(history, budget)
    subprocess.run(["sleep", str(PROCESSOR_SECONDS)], check=True)
    second = check(history, budget)

    assert (first.answer, second.answer) == (SearchResult.LINEARIZABLE, SearchResult.LINEARIZABLE)
    assert second.tries - first.tries > CLOCK_EVERY


@pytest.mark.slow
@many(60)
@given(st.integers(min_value=0))
def test_every_history_that_the_rules_themselves_answered_is_accepted(seed):
    history = HistoryGenerator(Random(seed), Size(clients=5, customers=3, products=3, units=9)).generate()

    verdict = check(history)

    assert verdict.answer is SearchResult.LINEARIZABLE, verdict.explanations


@pytest.mark.slow
@many(60)
@given(st.integers(min_value=0))
def test_every_history_with_moves_and_expiring_orders_that_the_rules_answered_is_accepted(seed):
    size = Size(clients=4, customers=3, products=3, units=9, moves_orders=True, deadlines=True)
    history = HistoryGenerator(Random(seed), size).generate()

    verdict = check(history)

    assert verdict.answer is SearchResult.LINEARIZABLE, verdict.explanations


def test_histories_with_moves_have_orders_in_every_state():
    states = set()
    for seed in range(20):
        generator = HistoryGenerator(Random(seed), Size(moves_orders=True, deadlines=True))
        generator.generate()
        states |= {order.state for order in (*generator.state.orders(), *generator.state.closed_orders())}

    assert states == {state.value for state in OrderState}


def test_a_write_that_changes_nothing_now_may_be_what_changes_something_a_little_later():
    history = HistoryGenerator(
        Random(1971), Size(clients=5, customers=3, products=3, units=9, unanswered=0.15)
    ).generate()

    assert check(history).answer is SearchResult.LINEARIZABLE


@pytest.mark.slow
@many(60)
@given(st.integers(min_value=0))
def test_one_changed_answer_of_clients_who_take_turns_is_always_found(seed):
    dice = Random(seed)
    size = Size(clients=1, operations=40, unanswered=0.0, moves_orders=dice.random() < 0.5)
    history = HistoryGenerator(dice, size).generate()
    index = dice.randrange(len(history))
    wrong = changed(history[index], dice)
    if wrong is not None:
        verdict = check([*history[:index], wrong, *history[index + 1 :]])

        assert verdict.answer is SearchResult.VIOLATED, wrong


@pytest.mark.slow
@many(25)
@given(st.integers(min_value=0))
def test_short_histories_right_and_wrong_are_judged_as_by_trying_every_order(seed):
    dice = Random(seed)
    size = Size(operations=7, customers=1, products=1, units=3, unanswered=0.2, think=0.3)
    right = [unconditional(operation) for operation in HistoryGenerator(dice, size).generate()]
    for index in dice.sample(range(len(right)), 3):
        wrong = changed(right[index], dice)
        if wrong is not None:
            history = [*right[:index], wrong, *right[index + 1 :]]
            checked = as_checked(history)
            ids = [(order_id, orphan.created_at_ms) for order_id, orphan in orphans(checked).items()]

            assert (check(history).answer is SearchResult.LINEARIZABLE) == is_linearizable(checked, ids)


def unconditional(operation):
    """The same without versions, which brute force does not compare."""
    operation = without_versions(operation)
    if getattr(operation.action, "expected_version", None) is not None:
        operation = replace(operation, action=replace(operation.action, expected_version=None))
    if isinstance(operation.outcome, Listed):
        summaries = tuple(replace(summary, version=0) for summary in operation.outcome.orders)
        operation = replace(operation, outcome=Listed(summaries))
    return operation
