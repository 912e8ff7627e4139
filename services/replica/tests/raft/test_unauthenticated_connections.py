"""Who must go when one more stranger comes: never a replica that proves itself in time."""

from hypothesis import given
from hypothesis import strategies as st

from quitanda_replica.raft.unauthenticated_connections import (
    GREETED_MAX,
    SILENT_MAX,
    STRANGERS_MAX,
    UnauthenticatedConnections,
)


def come(strangers, name, address="here", *, greets):
    """Let one more in, as the network does; return who had to go."""
    gone = [strangers.add(name, address)]
    if greets:
        gone.append(strangers.greeted(name))
    for crowded_out in gone:
        if crowded_out is not None:
            strangers.discard(crowded_out)
    return [name for name in gone if name is not None]


def test_there_is_room_for_certain_numbers_that_say_nothing_and_that_have_greeted():
    strangers = UnauthenticatedConnections()

    silent = [come(strangers, f"s{number}", greets=False) for number in range(SILENT_MAX)]
    greeted = [come(strangers, f"g{number}", greets=True) for number in range(GREETED_MAX)]

    assert silent == [[]] * SILENT_MAX
    assert greeted == [["s0"], *[[]] * (GREETED_MAX - 1)]
    assert come(strangers, "one more that says nothing", greets=False) == []
    assert come(strangers, "another", greets=False) == ["s1"]


def test_however_many_say_nothing_one_that_has_greeted_stays():
    strangers = UnauthenticatedConnections()
    come(strangers, "replica", greets=True)

    gone = [come(strangers, number, greets=False) for number in range(10 * STRANGERS_MAX)]

    assert ["replica"] not in gone


def test_however_many_have_greeted_one_that_has_just_come_stays():
    strangers = UnauthenticatedConnections()
    for number in range(GREETED_MAX):
        come(strangers, f"first {number}", greets=True)
    come(strangers, "replica", greets=False)

    gone = [come(strangers, number, greets=True) for number in range(10 * STRANGERS_MAX)]

    assert ["replica"] not in gone


def test_however_many_greet_from_one_address_one_from_another_stays():
    strangers = UnauthenticatedConnections()
    come(strangers, "replica", "there", greets=True)

    gone = [come(strangers, number, "here", greets=True) for number in range(10 * STRANGERS_MAX)]

    assert ["replica"] not in gone


def test_of_those_that_greet_from_one_address_each_has_time_until_as_many_have_greeted_after_it():
    strangers = UnauthenticatedConnections()
    come(strangers, "replica", greets=True)

    gone = [come(strangers, number, greets=True) for number in range(GREETED_MAX)]

    assert gone == [*[[]] * (GREETED_MAX - 1), ["replica"]]


def test_who_does_not_wait_any_more_may_be_told_of_again():
    strangers = UnauthenticatedConnections()

    assert strangers.greeted("nobody") is None
    strangers.discard("nobody")
    assert len(strangers) == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=2 * STRANGERS_MAX))
def test_the_bounds_hold_and_nobody_is_forgotten_or_kept_twice(comers):
    strangers, waiting = UnauthenticatedConnections(), set()
    for number, (address, greets, leaves) in enumerate(comers):
        waiting -= set(come(strangers, number, address, greets=greets))
        waiting.add(number)
        if leaves:
            strangers.discard(number)
            waiting.discard(number)

        assert len(strangers) == len(waiting) <= STRANGERS_MAX
    assert set(strangers) == waiting
