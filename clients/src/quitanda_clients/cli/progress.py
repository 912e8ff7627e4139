"""How far something long is: a bar on a terminal, a line now and then elsewhere; always on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from quitanda_clients.cli.streams import tell

LINE_EVERY_SECONDS: Final = 5.0

Settled = Callable[[int], None]
"""Hears how much is done."""


@contextmanager
def shown_progress(total: int, *, quiet: bool, doing: str = "importing", unit: str = "rows") -> Iterator[Settled]:
    """Show progress while the block runs; nothing if `quiet`."""
    if quiet:
        yield _nothing
    elif sys.stderr.isatty():
        with _bar(total, doing) as settled:
            yield settled
    else:
        yield _Lines(total, unit)


def _nothing(_settled: int) -> None:
    """Show nothing."""


@contextmanager
def _bar(total: int, doing: str) -> Iterator[Settled]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(doing, total=total)

        def settled(count: int) -> None:
            progress.update(task, completed=count)

        yield settled


class _Lines:
    def __init__(self, total: int, unit: str) -> None:
        self._total = total
        self._unit = unit
        self._next = time.monotonic() + LINE_EVERY_SECONDS

    def __call__(self, settled: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + LINE_EVERY_SECONDS
            tell(f"{settled} of {self._total} {self._unit}")
