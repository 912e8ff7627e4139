"""A task that is to run for as long as the process does, watched by nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

RESTART_SECONDS: Final = 1.0
"""The pause before a task that failed is started again: a defect that shows at once must not fill the log."""

_log = structlog.get_logger(__name__)


def lasting_task(
    run: Callable[[], Awaitable[None]], name: str, restart_seconds: float = RESTART_SECONDS
) -> asyncio.Task[None]:
    """Start a task that calls `run` until that returns, and again some seconds after each failure, which is logged.

    Cancel the task to end it. A plain task that fails ends without a word: its exception is kept until somebody waits
    for it, and for a task that lasts nobody does before the process ends.
    """
    return asyncio.create_task(_last(run, name, restart_seconds), name=name)


async def _last(run: Callable[[], Awaitable[None]], name: str, restart_seconds: float) -> None:
    while True:
        try:
            await run()
        except asyncio.CancelledError as error:
            if _is_asked_to_end():
                raise
            _tell(name, restart_seconds, error)  # something it waited for was cancelled, not this task
        except Exception as error:  # noqa: BLE001 - the edge of a task: nobody else would hear of it
            _tell(name, restart_seconds, error)
        else:
            return
        await asyncio.sleep(restart_seconds)


def _is_asked_to_end() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _tell(name: str, restart_seconds: float, error: BaseException) -> None:
    consequence = f"it is started again after {restart_seconds:g} s"
    _log.error("background_task_failed", task=name, consequence=consequence, exc_info=error)
