"""Logs: one JSON object a line (readable lines on a terminal), from structlog and the standard library alike.

Configured once, by a process's `main`. Libraries and modules only ask for a logger. What belongs to one
request is bound with `log_context`.

A line of plain values is rendered by the writer's thread, so that it costs whoever logs no more than its values do.

Logging never raises and never waits, whatever becomes of the stream: see `log_writer`. `logging.shutdown`, which the
interpreter calls at its end, and which is called before a process is stopped at once, waits for the last lines, within
FLUSH_SECONDS.
"""

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from quitanda.runtime import log_context
from quitanda.runtime.log_writer import LogWriter, output_for
from quitanda.runtime.settings import LogFormat, LogLevel

FLUSH_SECONDS: Final = 1.0
"""How long the end of the process waits for its last lines to be written."""

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_NOT_PLAIN: Final = frozenset({"exc_info", "stack_info"})
_SAID_AS: Final[Mapping[str, str]] = {"warn": "warning", "exception": "error"}
"""The level that a line tells, where it is not called as the method is."""

_LEVELS: Final[Mapping[LogLevel, int]] = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


def configure(level: LogLevel, format: LogFormat, service: str, instance: str, *, stream: TextIO | None = None) -> None:  # noqa: A002 - the setting's name
    """Send every log line of this process to `stream` (standard output), with the service's and its own name."""
    _hold_standard_descriptors()
    stream = stream or sys.stdout
    shared = _shared_processors(service, instance)
    console = _is_console(format, stream)
    renderers = _renderers(console)
    at_once = [*shared, *renderers]
    writer = LogWriter(
        output_for(stream),
        lambda lines, reason: _missing(at_once, lines, reason),
        _EventRenderer({"service": service, "instance": instance}),
    )
    structlog.configure(
        processors=at_once if console else [_leave_to_writer(at_once)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: _LineLogger(writer.put),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(_LEVELS[level])
    logging.captureWarnings(capture=True)
    warnings.simplefilter("default")


def dropped_lines() -> int:
    """Tell how many lines this process could not write since its log was configured."""
    return sum(handler.dropped for handler in logging.root.handlers if isinstance(handler, _Handler))


class _Handler(logging.Handler):
    """Takes the standard library's lines to the writer."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    @property
    def dropped(self) -> int:
        return self._writer.dropped

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - a line that cannot be written must not stop who wrote it
            self._writer.drop(f"a line that cannot be written: {error!r}")
        else:
            self._writer.put(line)

    def flush(self) -> None:
        self._writer.flush(FLUSH_SECONDS)


class _EventRenderer:
    """Renders the events that were left to the writer: as the processors do that render at once, only cheaper."""

    def __init__(self, identity: Mapping[str, str]) -> None:
        self._identity = identity
        self._second = -1
        self._second_text = ""

    def __call__(self, event: EventDict) -> str:
        seconds, nanoseconds = divmod(event["timestamp"], 1_000_000_000)
        if seconds != self._second:
            self._second, self._second_text = seconds, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        event["timestamp"] = f"{self._second_text}.{nanoseconds // 1000:06d}Z"
        return _encode({**event, **self._identity})


def _leave_to_writer(at_once: Sequence[Processor]) -> Processor:
    """Make the processor that leaves events of plain values to the writer, and renders the others `at_once`."""

    def leave(logger: WrappedLogger, method: str, event: EventDict) -> Any:
        # A list or an object may be another one when the writer comes to it; an exception is gone by then.
        if not _PLAIN.issuperset(map(type, event.values())) or not _NOT_PLAIN.isdisjoint(event):
            line: Any = event
            for processor in at_once:
                line = processor(logger, method, line)
            return line
        log_context.add_bound(logger, method, event)
        event["level"] = _SAID_AS.get(method, method)
        event["timestamp"] = time.time_ns()
        return (event,), {}

    return leave


class _LineLogger:
    """What structlog writes finished lines, and events for the writer, to."""

    def __init__(self, put: Callable[[str | EventDict], None]) -> None:
        self.msg = self.log = self.debug = self.info = self.warn = self.warning = put
        self.fatal = self.failure = self.err = self.error = self.critical = self.exception = put


def _missing(processors: Sequence[Processor], lines: int, reason: str) -> str:
    """Make the line that stands where others are missing."""
    event: Any = {"event": "log_lines_dropped", "lines": lines, "reason": reason}
    for processor in processors:
        event = processor(None, "warning", event)
    return str(event)


def _hold_standard_descriptors() -> None:
    """Open what is closed of the standard streams, so that no file or connection gets a number that others write to."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one


def _is_console(format: LogFormat, stream: TextIO | None) -> bool:  # noqa: A002 - the setting's name
    return format is LogFormat.CONSOLE or (format is LogFormat.AUTO and stream is not None and stream.isatty())


def _shared_processors(service: str, instance: str) -> list[Processor]:
    """Make what every line goes through, wherever it comes from."""

    def identify(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        event["instance"] = instance
        return event

    return [
        log_context.add_bound,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        identify,
    ]


def _renderers(console: bool) -> list[Processor]:
    if console:
        return [structlog.dev.ConsoleRenderer()]

    def render(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
        return _encode(event)

    return [structlog.processors.format_exc_info, render]


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - logging must not fail who logs
        return f"<a {type(value).__name__} that cannot be shown: {type(error).__name__}>"


_encode = json.JSONEncoder(default=_as_text).encode  # kept: `json.dumps` would make one for each line
