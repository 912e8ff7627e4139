"""Shows how far a long command is: a bar on a terminal, elsewhere a line every few seconds; always on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from quitanda_clients.cli.streams import print_error
from quitanda_clients.cli.wording import counted
from quitanda_clients.i18n.speech import say

LINE_EVERY_SECONDS: Final = 5.0

ProgressCallback = Callable[[int], None]
"""The caller tells it how much is done."""


@contextmanager
def shown_progress(total: int | None, *, quiet: bool, doing: str = "", unit: str = "row") -> Iterator[ProgressCallback]:
    """Show progress while the block runs; nothing if `quiet`. A `total` of None is not known; `unit` is a noun."""
    if quiet:
        yield _ignore
    elif sys.stderr.isatty():
        with _bar(total, doing or say("importing")) as done:
            yield done
    else:
        yield _Lines(total, unit)


@contextmanager
def shown_work(doing: str, *, quiet: bool) -> Iterator[None]:
    """Show on a terminal that the block is at work, where nobody knows how much there is to do."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

    with Console(stderr=True).status(doing, spinner="line"):  # of the spinners one in ASCII
        yield


def _ignore(_done: int) -> None:
    """Show nothing."""


@contextmanager
def _bar(total: int | None, doing: str) -> Iterator[ProgressCallback]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(doing, total=total)

        def done(count: int) -> None:
            progress.update(task, completed=count)

        yield done


class _Lines:
    def __init__(self, total: int | None, unit: str) -> None:
        self._total = total
        self._unit = unit
        self._next = time.monotonic() + LINE_EVERY_SECONDS

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LINE_EVERY_SECONDS
            what = counted(done if self._total is None else self._total, self._unit)
            print_error(what if self._total is None else say("{done} of {what}", done=done, what=what))
