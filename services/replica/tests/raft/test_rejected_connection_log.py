"""What the log says of strangers: a few lines, then numbers."""

import logging

import pytest

from quitanda_replica.raft.rejected_connection_log import (
    CONFLICTS_MIN,
    LINES_PER_PERIOD,
    PERIOD_SECONDS,
    TELL_SECONDS,
    RefusedPeers,
    RejectedConnectionLog,
    RepeatedConflict,
)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_the_first_refusals_of_a_period_get_a_line_each_and_the_others_a_number(caplog):
    clock = Clock()
    refusals = RejectedConnectionLog(clock)
    with caplog.at_level(logging.WARNING):
        for number in range(1000):
            refusals.note(f"192.0.2.1:{number}", "it does not speak this protocol")
        assert len(caplog.messages) == LINES_PER_PERIOD
        assert "192.0.2.1:0" in caplog.messages[0]

        clock.now += PERIOD_SECONDS
        refusals.sweep()
        refusals.note("192.0.2.1:1000", "it does not speak this protocol")

    assert f"{1000 - LINES_PER_PERIOD} more" in caplog.messages[LINES_PER_PERIOD]
    assert "192.0.2.1:1000" in caplog.messages[-1]
    assert len(caplog.messages) == LINES_PER_PERIOD + 2
    assert refusals.total == 1001


def test_those_that_never_greeted_get_no_line_each_but_one_number_for_a_period(caplog):
    clock = Clock()
    refusals = RejectedConnectionLog(clock)
    with caplog.at_level(logging.WARNING):
        for number in range(1000):
            refusals.count(f"192.0.2.1:{number}")
        assert caplog.messages == []

        clock.now += PERIOD_SECONDS
        refusals.sweep()
        refusals.sweep()

    (told,) = caplog.messages
    assert told.startswith("1000 connections to the raft port")
    assert told.endswith("192.0.2.1:999")
    assert refusals.total == 1000


def test_a_period_with_few_refusals_ends_without_a_word(caplog):
    clock = Clock()
    refusals = RejectedConnectionLog(clock)
    with caplog.at_level(logging.WARNING):
        refusals.note("192.0.2.1:1", "it does not speak this protocol")
        clock.now += PERIOD_SECONDS
        refusals.sweep()
        refusals.sweep()

    assert len(caplog.messages) == 1


@pytest.fixture
def clock():
    return Clock()


def test_a_peer_that_is_refused_again_and_again_gets_a_line_in_each_period(clock, caplog):
    refused = RefusedPeers(clock)
    for _ in range(60):
        refused.note("replica3", "it belongs to another cluster")
        clock.now += 1

    assert len(caplog.messages) == 60 / TELL_SECONDS
    assert "replica3 is refused" in caplog.messages[0]
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


def test_another_reason_is_told_at_once(clock, caplog):
    refused = RefusedPeers(clock)
    refused.note("replica3", "it belongs to another cluster")
    refused.note("replica3", "its list of replicas is another one")

    assert len(caplog.messages) == 2


def test_a_peer_counts_as_refused_as_long_as_it_tries(clock):
    refused = RefusedPeers(clock)
    refused.note("replica2", "one")
    refused.note("replica3", "other")
    assert refused.reasons == {"replica2": "one", "replica3": "other"}

    refused.forget("replica2")
    assert refused.reasons == {"replica3": "other"}
    clock.now += PERIOD_SECONDS + 1
    assert refused.reasons == {}


APPEND = {"term": 4, "prevLogIdx": 12}


def test_a_conflict_that_comes_again_and_again_is_told_once_in_a_period(clock, caplog):
    conflict = RepeatedConflict(clock)
    for _ in range(3 * CONFLICTS_MIN):
        conflict.heard("replica3", APPEND, contradicts=True)
    assert len(caplog.messages) == 1
    assert "replica3, the leader of term 4" in caplog.messages[0]
    assert "different entries 12" in caplog.messages[0]

    clock.now += TELL_SECONDS
    conflict.heard("replica3", APPEND, contradicts=True)
    assert len(caplog.messages) == 2


def test_a_conflict_that_is_solved_is_not_told(clock, caplog):
    conflict = RepeatedConflict(clock)
    for number in range(5 * CONFLICTS_MIN):
        conflict.heard("replica3", APPEND, contradicts=number % 5 != 0)
        conflict.heard("replica3", APPEND | {"prevLogIdx": 11}, contradicts=True)

    assert caplog.messages == []
