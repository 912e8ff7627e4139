"""What belongs to the request that is worked on: it stands in every line of the log that is written meanwhile.

One context variable holds all of it. (structlog's own module keeps one for each name and looks through the whole
context with each line: that took as long as to write the line.)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from structlog.typing import EventDict, WrappedLogger

_bound: Final[ContextVar[Mapping[str, str]]] = ContextVar("quitanda_log_context", default={})  # noqa: B039 - never changed


def bind(**values: str) -> None:
    """Let the values stand in every line, for the rest of the task."""
    _bound.set({**_bound.get(), **values})


@contextmanager
def bound(**values: str) -> Iterator[None]:
    """Let the values stand in every line that is written inside."""
    token = _bound.set({**_bound.get(), **values})
    try:
        yield
    finally:
        _bound.reset(token)


def bound_values() -> Mapping[str, str]:
    """Give what is bound now, by name."""
    return _bound.get()


def add_bound(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add what is bound to a line, as a processor of structlog; what the line says itself stays."""
    for name, value in _bound.get().items():
        event.setdefault(name, value)
    return event
