"""Every line of the log is one JSON object, whoever writes it; on a terminal it is readable."""

import io
import json
import logging
import threading
import warnings
from datetime import UTC, datetime

import pytest
import structlog

from quitanda.runtime import log_context
from quitanda.runtime.logging import configure
from quitanda.runtime.settings import LogFormat, LogLevel


class Terminal(io.StringIO):
    def isatty(self):
        return True


DEADLINE = 20.0


class SlowStream(io.StringIO):
    """Takes its first line only when it may."""

    def __init__(self):
        super().__init__()
        self.busy = threading.Event()
        self.may_go_on = threading.Event()

    def write(self, text):
        self.busy.set()
        assert self.may_go_on.wait(DEADLINE)
        return super().write(text)


@pytest.fixture(autouse=True)
def _logging_as_before():
    handlers, level = logging.root.handlers[:], logging.root.level
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def written(stream):
    logging.root.handlers[0].flush()
    return stream.getvalue().splitlines()


def lines(stream):
    return [json.loads(line) for line in written(stream)]


def configured(level=LogLevel.INFO, log_format=LogFormat.JSON, stream=None):
    stream = stream or io.StringIO()
    configure(level, log_format, "replica", "replica1", stream=stream)
    return stream


def test_a_line_has_time_level_service_instance_and_facts():
    stream = configured()

    structlog.get_logger("quitanda").info("leader", term=3, name="replica2")

    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "leader",
        "level": "info",
        "service": "replica",
        "instance": "replica1",
        "term": 3,
        "name": "replica2",
    }


def test_the_standard_librarys_lines_look_the_same():
    stream = configured()

    logging.getLogger("some.library").warning("lost %s", "x", extra={"peer": "replica2"})

    (line,) = lines(stream)
    assert (line["event"], line["level"], line["service"], line["peer"]) == ("lost x", "warning", "replica", "replica2")


def test_what_is_bound_to_a_request_stands_in_every_line_written_meanwhile():
    stream = configured()

    with log_context.bound(request_id="r1"):
        structlog.get_logger().info("inside")
        logging.getLogger("some.library").info("inside, too")
    structlog.get_logger().info("outside")

    assert [line.get("request_id") for line in lines(stream)] == ["r1", "r1", None]


def test_lines_below_the_level_are_not_written():
    stream = configured(LogLevel.WARNING)

    structlog.get_logger().info("small talk")
    logging.getLogger("some.library").info("small talk")
    structlog.get_logger().error("trouble")

    assert [line["event"] for line in lines(stream)] == ["trouble"]


def test_an_exception_stays_one_line_with_its_traceback():
    stream = configured()

    for log in (structlog.get_logger(), logging.getLogger("some.library")):
        try:
            int("broken")
        except ValueError:
            log.exception("unexpected")

    assert ["ValueError: invalid literal" in line["exception"] for line in lines(stream)] == [True, True]


def test_a_value_that_is_not_json_becomes_text():
    stream = configured()

    structlog.get_logger().info("event", path=io, data=b"x")

    assert lines(stream)[0]["data"] == "b'x'"


def test_warnings_become_lines():
    stream = configured()

    warnings.warn("old-fashioned", DeprecationWarning, stacklevel=1)

    assert "old-fashioned" in lines(stream)[0]["event"]


@pytest.mark.parametrize(
    ("log_format", "stream", "is_json"),
    [
        (LogFormat.AUTO, io.StringIO(), True),
        (LogFormat.AUTO, Terminal(), False),
        (LogFormat.CONSOLE, io.StringIO(), False),
        (LogFormat.JSON, Terminal(), True),
    ],
)
def test_lines_are_json_except_on_a_terminal(log_format, stream, is_json):
    configured(log_format=log_format, stream=stream)

    structlog.get_logger().info("leader", term=3)
    logging.getLogger("some.library").info("leader")

    assert [text.startswith("{") for text in written(stream)] == [is_json, is_json]


def test_a_line_shows_a_list_as_it_was_when_it_was_logged():
    stream = configured()
    names = ["replica1"]

    structlog.get_logger().info("event", names=names)
    names.append("replica2")

    assert lines(stream)[0]["names"] == ["replica1"]


def test_a_line_tells_when_it_was_logged_not_when_it_was_written():
    written_slowly = SlowStream()
    stream = configured(stream=written_slowly)
    structlog.get_logger().info("first")  # the writer's thread is busy with it
    assert written_slowly.busy.wait(DEADLINE)
    structlog.get_logger().info("second")
    logged_until = datetime.now(UTC)
    written_slowly.may_go_on.set()

    logged_at = datetime.fromisoformat(lines(stream)[1]["timestamp"])
    assert logged_at <= logged_until


def test_a_bound_value_does_not_replace_what_the_line_says_itself():
    stream = configured()

    with log_context.bound(request_id="bound", customer_id="ana"):
        log_context.bind(customer_id="rui")
        structlog.get_logger().info("event", request_id="own")
    structlog.get_logger().info("outside")

    shown = [(line.get("request_id"), line.get("customer_id")) for line in lines(stream)]
    assert shown == [("own", "rui"), (None, None)]
