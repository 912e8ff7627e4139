"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from quitanda_local.errors import DeadlineExceeded

POLL_SECONDS: Final = 0.05

T = TypeVar("T")


async def wait_until(
    condition: Callable[[], Awaitable[T | None]],
    what: str,
    timeout: float,
    seen: Callable[[], str] = str,
) -> T:
    """Ask until the condition gives something true, and return that.

    `what` completes "waited N s for …"; `seen` describes what was seen last. Raises DeadlineExceeded after
    `timeout` seconds; the condition is asked at least once.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = await condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            last = seen()
            raise DeadlineExceeded(f"waited {timeout:g} s for {what}" + (f"; last seen: {last}" if last else ""))
        await asyncio.sleep(POLL_SECONDS)
