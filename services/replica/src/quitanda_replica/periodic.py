"""Something done again and again in a thread of its own."""

import threading
from collections.abc import Callable


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
