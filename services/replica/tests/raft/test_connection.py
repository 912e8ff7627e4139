"""Which unauthenticated connection must go when one more comes, and what the log says of rejected connections."""

import logging

from hypothesis import given
from hypothesis import strategies as st
from manual_clock import ManualClock

from quitanda_replica.raft.connection import (
    LINES_PER_PERIOD,
    PERIOD_SECONDS,
    UNAUTHENTICATED_MAX,
    WITH_PREAMBLE_MAX,
    WITHOUT_PREAMBLE_MAX,
    RejectedConnectionLog,
    UnauthenticatedConnections,
)


def connect(connections, name, address="here", *, with_preamble):
    """Add a connection as the network does; return those that had to go."""
    gone = [connections.add(name, address)]
    if with_preamble:
        gone.append(connections.preamble_received(name))
    for evicted in gone:
        if evicted is not None:
            connections.discard(evicted)
    return [name for name in gone if name is not None]


def test_connections_with_and_without_a_preamble_have_bounds_of_their_own():
    connections = UnauthenticatedConnections()

    without = [connect(connections, f"s{number}", with_preamble=False) for number in range(WITHOUT_PREAMBLE_MAX)]
    with_one = [connect(connections, f"g{number}", with_preamble=True) for number in range(WITH_PREAMBLE_MAX)]

    assert without == [[]] * WITHOUT_PREAMBLE_MAX
    assert with_one == [["s0"], *[[]] * (WITH_PREAMBLE_MAX - 1)]
    assert connect(connections, "one more without a preamble", with_preamble=False) == []
    assert connect(connections, "another", with_preamble=False) == ["s1"]


def test_a_crowd_without_a_preamble_evicts_none_with_one():
    connections = UnauthenticatedConnections()
    connect(connections, "replica", with_preamble=True)

    gone = [connect(connections, number, with_preamble=False) for number in range(10 * UNAUTHENTICATED_MAX)]

    assert ["replica"] not in gone


def test_a_crowd_with_a_preamble_evicts_none_that_has_just_connected():
    connections = UnauthenticatedConnections()
    for number in range(WITH_PREAMBLE_MAX):
        connect(connections, f"first {number}", with_preamble=True)
    connect(connections, "replica", with_preamble=False)

    gone = [connect(connections, number, with_preamble=True) for number in range(10 * UNAUTHENTICATED_MAX)]

    assert ["replica"] not in gone


def test_a_crowd_from_one_address_evicts_none_from_another():
    connections = UnauthenticatedConnections()
    connect(connections, "replica", "there", with_preamble=True)

    gone = [connect(connections, number, "here", with_preamble=True) for number in range(10 * UNAUTHENTICATED_MAX)]

    assert ["replica"] not in gone


def test_of_one_address_the_oldest_with_a_preamble_goes():
    connections = UnauthenticatedConnections()
    connect(connections, "replica", with_preamble=True)

    gone = [connect(connections, number, with_preamble=True) for number in range(WITH_PREAMBLE_MAX)]

    assert gone == [*[[]] * (WITH_PREAMBLE_MAX - 1), ["replica"]]


def test_a_connection_that_is_not_there_is_ignored():
    connections = UnauthenticatedConnections()

    assert connections.preamble_received("nobody") is None
    connections.discard("nobody")
    assert len(connections) == 0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=2 * UNAUTHENTICATED_MAX))
def test_the_bounds_hold_and_no_connection_is_forgotten_or_kept_twice(arrivals):
    connections, waiting = UnauthenticatedConnections(), set()
    for number, (address, with_preamble, leaves) in enumerate(arrivals):
        waiting -= set(connect(connections, number, address, with_preamble=with_preamble))
        waiting.add(number)
        if leaves:
            connections.discard(number)
            waiting.discard(number)

        assert len(connections) == len(waiting) <= UNAUTHENTICATED_MAX
    assert set(connections) == waiting


def test_the_first_rejected_connections_of_a_period_get_a_line_each_and_the_others_a_number(caplog):
    clock = ManualClock()
    rejected = RejectedConnectionLog(clock)
    with caplog.at_level(logging.WARNING):
        for number in range(1000):
            rejected.note(f"192.0.2.1:{number}", "it does not speak this protocol", preamble_received=True)
        assert caplog.messages == ["connection_rejected"] * LINES_PER_PERIOD
        assert caplog.records[0].remote == "192.0.2.1:0"

        clock.now += PERIOD_SECONDS
        rejected.end_period()
        rejected.note("192.0.2.1:1000", "it does not speak this protocol", preamble_received=True)

    number, last = caplog.records[LINES_PER_PERIOD:]
    assert (number.message, number.more, number.without_preamble) == (
        "connections_rejected",
        1000 - LINES_PER_PERIOD,
        0,
    )
    assert (last.message, last.remote) == ("connection_rejected", "192.0.2.1:1000")
    assert rejected.total == 1001


def test_connections_without_a_preamble_get_no_line_each_but_one_number_for_a_period(caplog):
    clock = ManualClock()
    rejected = RejectedConnectionLog(clock)
    with caplog.at_level(logging.WARNING):
        for number in range(1000):
            rejected.note(f"192.0.2.1:{number}", "it did not authenticate in time", preamble_received=False)
        assert caplog.messages == []

        clock.now += PERIOD_SECONDS
        rejected.end_period()
        rejected.end_period()

    (line,) = caplog.records
    assert (line.message, line.without_preamble, line.last_without_preamble) == (
        "connections_rejected",
        1000,
        "192.0.2.1:999",
    )
    assert rejected.total == 1000


def test_a_period_with_few_rejected_connections_ends_without_a_line(caplog):
    clock = ManualClock()
    rejected = RejectedConnectionLog(clock)
    with caplog.at_level(logging.WARNING):
        rejected.note("192.0.2.1:1", "it does not speak this protocol", preamble_received=True)
        clock.now += PERIOD_SECONDS
        rejected.end_period()
        rejected.end_period()

    assert len(caplog.messages) == 1
