"""Ctrl-C at any moment of a process's life: the process ends with one exit code, and never with a traceback."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from quitanda_clients.cli.exit_codes import INTERRUPTED


def end_quietly() -> None:
    """From now on Ctrl-C ends the process at once. A process that was started to ignore it goes on ignoring it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


@contextmanager
def raise_keyboard_interrupt() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in the block, so that the program can report it."""
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    with _raising():
        yield


@contextmanager
def end_work_without_awaits() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in a block of a coroutine that awaits nothing and takes long.

    asyncio only cancels the task, which takes effect where the coroutine awaits again: after minutes, or never where
    the block waits for a pipe. A process that was started to ignore Ctrl-C goes on ignoring it.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    with _raising():
        yield


@contextmanager
def _raising() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt in the block, and afterwards do what it did before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
