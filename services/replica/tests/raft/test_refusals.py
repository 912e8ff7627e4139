"""What the log says of strangers: a few lines, then numbers."""

import logging

from quitanda_replica.raft.refusals import LINES_PER_PERIOD, PERIOD_SECONDS, Refusals


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_the_first_refusals_of_a_period_get_a_line_each_and_the_others_a_number(caplog):
    clock = Clock()
    refusals = Refusals(clock)
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


def test_a_period_with_few_refusals_ends_without_a_word(caplog):
    clock = Clock()
    refusals = Refusals(clock)
    with caplog.at_level(logging.WARNING):
        refusals.note("192.0.2.1:1", "it does not speak this protocol")
        clock.now += PERIOD_SECONDS
        refusals.sweep()
        refusals.sweep()

    assert len(caplog.messages) == 1
