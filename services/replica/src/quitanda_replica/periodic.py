"""What is done again and again in a thread of its own, and what the health checks learn that way."""

import threading
from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)


class Periodic:
    """Calls `action` every `seconds` until closed. An exception ends the thread (and by that, the process)."""

    def __init__(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        self._seconds = seconds
        self._action = action
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with a first call at once."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Call no more; wait up to `timeout` seconds for the call that runs."""
        self._closing.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            self._action()
            if self._closing.wait(self._seconds):
                return


class Readiness:
    """Tells the health checks, and once the log, whether this replica takes part."""

    def __init__(self, ready: Callable[[], bool], set_ready: Callable[..., None]) -> None:
        self._ready = ready
        self._set_ready = set_ready
        self._shown = False
        self._off = False

    def look(self) -> None:
        """Compare and show; called now and then."""
        ready = self._ready() and not self._off
        if ready == self._shown:
            return
        self._shown = ready
        self._set_ready(ready=ready)
        _log.info("ready" if ready else "not_ready")

    def switch_off(self) -> None:
        """Show "not ready" from now on: the process is about to end."""
        self._off = True
        self.look()
