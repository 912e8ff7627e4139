"""A task that runs for as long as the process does, and that nobody else waits for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

RESTART_SECONDS: Final = 1.0
"""The pause before a task that failed is started again, so that a task that fails at once does not fill the log."""

_log = structlog.get_logger(__name__)


def start_background_task(
    run: Callable[[], Awaitable[None]], name: str, restart_seconds: float = RESTART_SECONDS
) -> asyncio.Task[None]:
    """Start a task that calls `run`, and calls it again some seconds after each failure, until it returns.

    Each failure is logged. Cancel the task to end it. A plain task would end at its first failure without a line in
    the log: its exception is kept until somebody waits for the task, and nobody does before the process ends.
    """
    return asyncio.create_task(_run_again(run, name, restart_seconds), name=name)


async def _run_again(run: Callable[[], Awaitable[None]], name: str, restart_seconds: float) -> None:
    while True:
        try:
            await run()
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            _log_failure(name, restart_seconds, error)  # something it waited for was cancelled, not this task
        except Exception as error:  # noqa: BLE001 - nobody else would hear of it
            _log_failure(name, restart_seconds, error)
        else:
            return
        await asyncio.sleep(restart_seconds)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _log_failure(name: str, restart_seconds: float, error: BaseException) -> None:
    consequence = f"it is started again after {restart_seconds:g} s"
    _log.error("background_task_failed", task=name, consequence=consequence, exc_info=error)
