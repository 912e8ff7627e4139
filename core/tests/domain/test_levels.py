"""Levels of rules: what a state at a level does with commands and fields that came later."""

from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import ClassVar, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from replayed_log import log

from quitanda.domain import levels
from quitanda.domain.commands import Command, CreateCustomer, CreateOrder, ItemQuantity, RaiseLevel, Request
from quitanda.domain.field_types import CustomFieldsRule, since
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL, LevelNotSupported
from quitanda.domain.machine import decide, execute
from quitanda.domain.outcomes import Done, Reason
from quitanda.domain.state import Execution
from quitanda_testing.in_memory_state import InMemoryState

LATER = 2


@dataclass(frozen=True, slots=True)
class RateProduct:
    """A command that came with level 2, for an example."""

    since: ClassVar[int] = LATER
    product_id: str


@dataclass(frozen=True, slots=True)
class GiftItem(ItemQuantity):
    """An item with a field that came with level 2."""

    wrapping: str = field(default="", metadata=since(LATER))


@dataclass(frozen=True, slots=True)
class CreateGift(CreateOrder):
    """A command of level 1 with a field that came with level 2."""

    note: str = field(default="", metadata=since(LATER))


def raised(state, level, revision=1):
    execution = execute(state, Request("", "raise", RaiseLevel(level)), revision)
    state.apply(Request("", "raise", RaiseLevel(level)), execution)
    return execution


def gift(**given):
    items = (ItemQuantity("pen", 1), GiftItem("ink", 2, wrapping=given.pop("wrapping", "")))
    return CreateGift("ana", "o1", 0, items, **given)


def test_a_new_state_is_at_the_first_level():
    assert InMemoryState().level == FIRST_LEVEL


def test_the_level_is_raised_by_one_and_nothing_else_changes():
    state = InMemoryState()

    execution = raised(state, 2)

    assert execution == Execution(Done(None), 1, level=2)
    assert state.level == 2
    assert list(state.documents()) == list(state.memories()) == []


@pytest.mark.parametrize("level", [1, 2])
def test_a_level_that_is_reached_already_changes_nothing_and_is_never_lowered(level):
    state = InMemoryState()
    raised(state, 2)

    assert raised(state, level) == Execution(Done(None), 1)
    assert state.level == 2


def test_a_level_is_not_skipped():
    execution = raised(InMemoryState(), 3)

    assert execution.outcome.reason is Reason.LEVEL_TOO_LOW
    assert dict(execution.outcome.details) == {"level": "1", "needed": "2"}
    assert (execution.level, execution.remember) == (None, None)


def test_a_level_that_this_version_does_not_know_is_not_survived():
    state = InMemoryState()
    for level in range(FIRST_LEVEL + 1, SUPPORTED_LEVEL + 1):
        raised(state, level)

    with pytest.raises(LevelNotSupported, match=f"level {SUPPORTED_LEVEL + 1}"):
        execute(state, Request("", "raise", RaiseLevel(SUPPORTED_LEVEL + 1)), 1)
    assert state.level == SUPPORTED_LEVEL


def test_no_raise_is_remembered_so_its_id_stays_free():
    state = InMemoryState()
    raised(state, 2)

    execution = execute(state, Request("", "raise", CreateCustomer("ana", "Ana")), 2)

    assert isinstance(execution.outcome, Done)


def test_below_its_level_a_command_is_refused_and_not_remembered_whatever_is_wrong_with_it_besides():
    for command in (RateProduct("pen"), RateProduct(7)):
        execution = execute(InMemoryState(), Request("", "r", command), 1)

        assert execution.outcome.reason is Reason.LEVEL_TOO_LOW
        assert dict(execution.outcome.details) == {"level": "1", "needed": "2"}
        assert (execution.changes, execution.remember) == ((), None)
        assert decide(InMemoryState(), command).outcome == execution.outcome


def test_a_field_below_its_level_is_named_before_the_log():
    assert levels.check(gift(), 1) is None
    assert levels.check(gift(note="for ana"), 1).field == "note"
    assert levels.check(gift(wrapping="red"), 1).field == "items[1].wrapping"
    assert levels.check(gift(note="for ana", wrapping="red"), LATER) is None
    assert [levels.needed(command) for command in (gift(), gift(wrapping="red"), RateProduct("pen"))] == [1, 2, 2]


def test_a_field_below_its_level_that_reaches_the_rules_is_read_as_a_version_without_it_reads_it():
    read = levels.as_of(gift(note="for ana", wrapping="red"), 1)

    assert read == gift()
    assert levels.as_of(gift(note="for ana"), LATER) == gift(note="for ana")
    plain = gift()
    assert levels.as_of(plain, 1) is plain


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner).map(tuple)))
def test_what_is_no_command_needs_no_level_and_is_read_as_it_is(value):
    assert levels.check(value, 1) is None
    assert levels.as_of(value, 1) is value


@pytest.mark.parametrize("command", get_args(Command), ids=lambda command: command.__name__)
def test_every_later_field_has_a_default_and_counts_from_a_level_that_this_version_supports(command):
    for record in (command, ItemQuantity):
        assert is_dataclass(record)
        for each in fields(record):
            level = each.metadata.get("since", FIRST_LEVEL)
            assert FIRST_LEVEL <= level <= SUPPORTED_LEVEL
            assert level == FIRST_LEVEL or each.default is not MISSING
    assert FIRST_LEVEL <= getattr(command, "since", FIRST_LEVEL) <= SUPPORTED_LEVEL


def test_level_two_decides_as_level_one():
    first, second = InMemoryState(), InMemoryState()
    raised(second, 2, revision=0)

    for revision, request in enumerate(log(), start=1):
        executions = [execute(state, request, revision) for state in (first, second)]
        assert executions[0] == executions[1]
        for state, execution in zip((first, second), executions, strict=True):
            state.apply(request, execution)


def test_the_name_of_a_later_field_is_free_for_custom_fields_until_its_level():
    rule = CustomFieldsRule(("name",), depth=1, later=(("brand", 3),))

    assert rule.at(2).reserved == ("name",)
    assert rule.at(3).reserved == ("name", "brand")
