"""Waiting for a condition with a deadline, for tests without an event loop."""

import time
from collections.abc import Callable
from typing import Any, Final

POLL_SECONDS: Final = 0.005
WAIT_SECONDS: Final = 10.0


def block_until(
    condition: Callable[..., Any], what: str, seconds: float = WAIT_SECONDS, seen: Callable[[], str] = str
) -> Any:
    """Ask until the condition, which takes no argument, gives something true, and return that.

    After so many seconds an AssertionError says what was waited for, and what was `seen` last.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {seconds:g} s for {what}" + (f"; last seen: {seen()}" if seen() else ""))
        time.sleep(POLL_SECONDS)
    return found
