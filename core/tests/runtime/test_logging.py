"""Every line of the log is one JSON object, whoever writes it; on a terminal it is readable."""

import io
import json
import logging
import warnings

import pytest
import structlog

from quitanda.runtime.logging import configure
from quitanda.runtime.settings import LogFormat, LogLevel


class Terminal(io.StringIO):
    def isatty(self):
        return True


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

    with structlog.contextvars.bound_contextvars(request_id="r1"):
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
