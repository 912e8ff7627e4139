"""What a run shows: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

LINE_SECONDS: Final = 10.0
"""Between two lines of progress where there is no terminal."""


class Display:
    """Shows progress and lines on `console`; a context manager."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(soft_wrap=True, highlight=False)
        self._clock = clock
        self._shown_at = clock()
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._progress.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def line(self, text: str) -> None:
        """Show a line that stays."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def stage(self, text: str) -> None:
        """Show what is done from now on, however long it takes."""
        self._progress.update(self._task, description=text, completed=0, total=None)
        if not self._console.is_terminal:
            self.line(text)

    def progress(self, text: str, done: float, of: float) -> None:
        """Show how far something is."""
        self._progress.update(self._task, description=text, completed=done, total=of)
        if not self._console.is_terminal and self._clock() - self._shown_at >= LINE_SECONDS:
            self._shown_at = self._clock()
            self.line(f"{done:g} of {of:g}: {text}" if isinstance(done, int) else f"{done:.0f} of {of:.0f} s: {text}")


class Silent(Display):
    """Shows nothing but the lines, for tests."""

    def stage(self, text: str) -> None:
        """Show nothing."""

    def progress(self, text: str, done: float, of: float) -> None:
        """Show nothing."""
