import pytest

from video.cast import Cast, CastEvent
from video.screens import (
    END_SECONDS,
    HEADING_SECONDS_MIN,
    HURRIED_SECONDS_MIN,
    IDLE_SECONDS_MAX,
    Run,
    Screen,
    Style,
    hurried,
    screens,
)


def cast(*outputs, columns=20, rows=3):
    return Cast("a test", columns, rows, tuple(CastEvent(seconds, text) for seconds, text in outputs))


def shown(*outputs, headings=(), **size):
    return [(screen.text.rstrip("\n"), screen.seconds) for screen in screens(cast(*outputs, **size), headings)]


def test_each_output_is_a_screen_until_the_next_and_the_last_one_stays():
    assert shown((0.0, "one\r\n"), (0.5, "two")) == [("one", pytest.approx(0.5)), ("one\ntwo", END_SECONDS)]


def test_what_is_written_within_a_tick_is_one_screen():
    assert shown((0.01, "o"), (0.02, "n"), (0.09, "e")) == [("one", END_SECONDS)]


def test_a_long_pause_is_cut():
    assert shown((0.0, "one"), (60.0, " two"))[0] == ("one", IDLE_SECONDS_MAX)


def test_what_does_not_change_the_screen_adds_to_its_time():
    assert shown((0.0, "one"), (1.0, "\x1b[0m"), (1.5, " two"))[0] == ("one", pytest.approx(1.5))


def test_lines_move_up_when_the_screen_is_full():
    assert shown((0.0, "1\r\n2\r\n3\r\n4"))[0][0] == "2\n3\n4"


def test_nothing_written_is_no_screen():
    assert screens(cast()) == []


def test_a_heading_begins_a_screen_of_its_own_that_can_be_read():
    both = "before\r\n[1 s] The shop\r\nopens\r\n"

    found = screens(cast((0.0, both), (0.2, "after"), rows=5), ["The shop"])

    assert [(screen.heading, screen.text.split("\n")[:4]) for screen in found] == [
        ("", ["before", "", "", ""]),
        ("The shop", ["before", "[1 s] The shop", "opens", ""]),
        ("The shop", ["before", "[1 s] The shop", "opens", "after"]),
    ]
    assert found[1].seconds == HEADING_SECONDS_MIN


def test_a_heading_in_two_outputs_is_found_and_only_its_first_time_counts():
    found = screens(
        cast((0.0, "The "), (1.0, "shop"), (2.0, "\r\nThe shop"), (3.0, "\r\nThe end")), ["The shop", "end"]
    )

    assert [screen.heading for screen in found] == ["The shop", "The shop", "The shop", "end"]


def test_marks_of_a_recording_are_its_headings():
    outputs, marks = (
        (CastEvent(0.0, "a"), CastEvent(1.0, "b"), CastEvent(2.0, "c")),
        (CastEvent(0.5, "first"), CastEvent(1.5, "then")),
    )

    found = screens(Cast("a test", 20, 3, outputs, marks), ["first", "then"])

    assert [(screen.heading, screen.text.strip()) for screen in found] == [("", "a"), ("first", "ab"), ("then", "abc")]


def test_colours_are_kept_and_faint_text_is_grey():
    rows = screens(cast((0.0, "\x1b[32mok\x1b[0m \x1b[1;31mno\x1b[0m \x1b[2mwhy")))[0].rows

    assert rows[0] == (
        Run(0, "ok", Style("green")),
        Run(3, "no", Style("red", bold=True)),
        Run(6, "why", Style("brightblack")),
    )


def test_blanks_do_not_cut_what_looks_alike_and_are_kept_where_they_are_seen():
    rows = screens(cast((0.0, "one two   \r\n\x1b[44m  x  \x1b[0m\r\n\x1b[7m y ")))[0].rows

    assert rows == (
        (Run(0, "one two", Style()),),
        (Run(0, "  x  ", Style(background="blue")),),
        (Run(0, " y ", Style("black", "white")),),
    )


def test_a_recording_of_a_slow_machine_is_played_faster_and_its_headings_can_still_be_read():
    shown = [Screen(2.0, (), "one"), *(Screen(0.5, (), "one") for _ in range(20)), Screen(2.0, (), "two")]
    shown += [Screen(1.0, (), "two"), Screen(END_SECONDS, (), "two")]
    fast = hurried(shown, 12.0)

    assert sum(screen.seconds for screen in fast) == pytest.approx(12.0)
    assert [screen.heading for screen in fast if screen.seconds >= HEADING_SECONDS_MIN] == ["one", "two", "two"]
    assert fast[-1].seconds >= END_SECONDS
    assert all(screen.seconds >= HURRIED_SECONDS_MIN for screen in fast)
    assert len(fast) < len(shown)


def test_a_recording_that_is_short_enough_is_played_as_it_was():
    shown = [Screen(2.0, (), "one"), Screen(0.1, (), "one"), Screen(END_SECONDS, (), "one")]

    assert hurried(shown, 60.0) == shown
