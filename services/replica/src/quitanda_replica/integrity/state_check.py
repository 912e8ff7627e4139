"""Comparing the whole state with its digest: at start, and after a snapshot came from another replica."""

import threading
import time
from collections.abc import Callable

import structlog

from quitanda.errors import Unavailable
from quitanda_replica.reads.reads import Snapshots
from quitanda_replica.state import digest
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import StoreFailed

_log = structlog.get_logger(__name__)


class StateCheck:
    """Reads everything, some hundred thousand keys a second; only the start waits for it."""

    def __init__(self, snapshots: Snapshots, on_fatal: Callable[[BaseException], None]) -> None:
        self._snapshots = snapshots
        self._on_fatal = on_fatal

    def run(self) -> None:
        """Compare now. Raises StateCorrupt, and Unavailable while the state is being replaced."""
        begun = time.perf_counter()
        snapshot = self._snapshots.snapshot()
        try:
            found = digest.verify(snapshot)
        finally:
            snapshot.close()
        _log.info("state_verified", digest=found, seconds=round(time.perf_counter() - begun, 3))

    def run_aside(self) -> None:
        """Compare in a thread; a state that does not match stops the replica."""
        threading.Thread(target=self._run_or_stop, name="state-check", daemon=True).start()

    def _run_or_stop(self) -> None:
        try:
            self.run()
        except Unavailable:
            _log.info("state_check_postponed", reason="the state is being replaced")
        except (StateCorrupt, StoreFailed) as error:
            self._on_fatal(error)
