"""The life of an asyncio process: start its parts in order, run until a signal or a failure, stop them in reverse."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

import structlog

from quitanda.runtime.listen_errors import CannotListen

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1

_LEEWAY_SECONDS: Final = 0.5
"""What a part gets beyond its own bound, to come back from it."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_log = structlog.get_logger("quitanda.lifecycle")


class Part(Protocol):
    """Something that runs for as long as the process does, beside other parts."""

    @property
    def name(self) -> str:
        """What the logs call it."""

    async def start(self) -> None:
        """Begin; return when the parts after this one may rely on it."""

    async def stop(self, timeout: float) -> None:
        """End within about `timeout` seconds; also called for a part whose start failed."""


async def run(
    parts: Sequence[Part],
    *,
    stop_timeout: float,
    failed: Awaitable[object] | None = None,
    started: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Run the parts until SIGTERM or SIGINT comes, or `failed` completes; give the process's exit code.

    `started` is called once all parts have started. Stopping takes at most `stop_timeout` seconds
    altogether; a second signal cuts even that short.
    """
    stop = asyncio.Event()
    hurry = asyncio.Event()
    with _signals(stop, hurry):
        begun: list[Part] = []
        try:
            if not await _start(parts, begun, stop):
                return EXIT_OK
            if started is not None:
                await started()
            return await _until(stop, failed)
        except CannotListen as error:
            _log.error("cannot_start", error=str(error))
            return EXIT_FAILED
        except Exception:  # noqa: BLE001 - the process ends in order, whatever went wrong
            _log.exception("process_failed", last_started=begun[-1].name if begun else "")
            return EXIT_FAILED
        finally:
            await _stop(begun, hurry, stop_timeout)


async def _start(parts: Sequence[Part], begun: list[Part], stop: asyncio.Event) -> bool:
    """Start one part after the other; false where a signal came first."""
    for part in parts:
        begun.append(part)
        starting = asyncio.ensure_future(part.start())
        await _first(starting, stop)
        if not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
            return False
        starting.result()
    return True


async def _until(stop: asyncio.Event, failed: Awaitable[object] | None) -> int:
    """Wait for the signal, or for the failure that `failed` tells of."""
    if failed is None:
        await stop.wait()
        return EXIT_OK
    failure = asyncio.ensure_future(failed)
    await _first(failure, stop)
    if not failure.done():
        failure.cancel()
        await asyncio.wait([failure])
        return EXIT_OK
    error = None if failure.cancelled() else failure.exception()
    consequence = "the process ends"
    _log.error("part_failed", consequence=consequence, error=str(failure if error is None else error), exc_info=error)
    return EXIT_FAILED


async def _first(future: "asyncio.Future[object] | asyncio.Future[None]", event: asyncio.Event) -> None:
    """Wait until the future is done or the event is set."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([future, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _stop(begun: Sequence[Part], hurry: asyncio.Event, stop_timeout: float) -> None:
    """Stop what began, the last one first; a part that does not end in time is logged and left."""
    deadline = time.monotonic() + stop_timeout
    for part in reversed(begun):
        remaining = 0.0 if hurry.is_set() else max(0.0, deadline - time.monotonic())
        stopping = asyncio.ensure_future(part.stop(remaining))
        await _within(stopping, hurry, remaining + _LEEWAY_SECONDS)
        if not stopping.done():
            stopping.cancel()
            _log.error("part_not_stopped", part=part.name)
        elif not stopping.cancelled() and (error := stopping.exception()) is not None:
            _log.error("part_stop_failed", part=part.name, exc_info=error)


async def _within(future: "asyncio.Future[None]", hurry: asyncio.Event, timeout: float) -> None:
    """Wait for the future, at most `timeout` seconds, and only half a second once there is hurry."""
    try:
        async with asyncio.timeout(_LEEWAY_SECONDS if hurry.is_set() else timeout):
            await _first(future, hurry)
        if not future.done():
            await asyncio.wait([future], timeout=_LEEWAY_SECONDS)
    except TimeoutError:
        return


@contextmanager
def _signals(stop: asyncio.Event, hurry: asyncio.Event) -> Iterator[None]:
    """Let the first signal ask for an orderly end and the second for a quick one."""
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        _log.info("signal", signal=number.name, repeated=stop.is_set())
        (hurry if stop.is_set() else stop).set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
