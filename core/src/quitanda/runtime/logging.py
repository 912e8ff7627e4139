"""Logs: one JSON object a line (readable lines on a terminal), from structlog and the standard library alike.

Configured once, by a process's `main`. Libraries and modules only ask for a logger. What belongs to one
request is bound with `structlog.contextvars.bound_contextvars`, never left bound.
"""

import logging
import sys
import warnings
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from quitanda.runtime.settings import LogFormat, LogLevel

_LEVELS: Final[Mapping[LogLevel, int]] = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


def configure(level: LogLevel, format: LogFormat, service: str, instance: str, *, stream: TextIO | None = None) -> None:  # noqa: A002 - the setting's name
    """Send every log line of this process to `stream` (standard output), with the service's and its own name."""
    stream = stream or sys.stdout
    shared = _shared_processors(service, instance)
    renderers = _renderers(_is_console(format, stream))
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
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


def _is_console(format: LogFormat, stream: TextIO) -> bool:  # noqa: A002 - the setting's name
    return format is LogFormat.CONSOLE or (format is LogFormat.AUTO and stream.isatty())


def _shared_processors(service: str, instance: str) -> list[Processor]:
    """Make what every line goes through, wherever it comes from."""

    def identify(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        event["instance"] = instance
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        identify,
    ]


def _renderers(console: bool) -> list[Processor]:
    if console:
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=_as_text)]


def _as_text(value: Any) -> str:
    return str(value)
