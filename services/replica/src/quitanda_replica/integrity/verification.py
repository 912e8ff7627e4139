"""Comparing the whole state with the digest that is kept: at start, after a snapshot, and if an administrator asks."""

import threading
import time
from collections.abc import Callable

import structlog

from quitanda.errors import Overloaded, Unavailable
from quitanda.v1.admin_portal_pb2 import ReplicaVerification
from quitanda_replica.integrity.digest_history import DigestHistory
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY
from quitanda_replica.reads.reads import Snapshots
from quitanda_replica.state import digest, keys
from quitanda_replica.state.access import StateCorrupt, StateReader
from quitanda_replica.state.store import StoreFailed


class Verification:
    """Answers `Replica.Verify`, one call at a time, in the calling thread. It takes time, and time of the others."""

    def __init__(
        self, name: str, snapshots: Snapshots, applied_index: Callable[[StateReader], int], history: DigestHistory
    ) -> None:
        self._name = name
        self._snapshots = snapshots
        self._applied_index = applied_index
        self._history = history
        self._free = threading.Lock()

    def run(self, compared_revision: int, timeout: float) -> ReplicaVerification:
        """Tell what the state is; whether it matches is the reader's to see (`matches`).

        Raises Unavailable where `timeout` seconds are not enough or the state is being replaced, Overloaded
        where another verification runs, StateCorrupt, StoreFailed.
        """
        deadline = time.monotonic() + timeout
        if not self._free.acquire(blocking=False):
            raise Overloaded("this replica verifies its state already")
        try:
            if not self._history.wait_for(compared_revision, timeout):
                raise Unavailable(f"this replica has not reached entry {compared_revision} in time")
            compared = self._history.at(compared_revision)
            verified = self._read(deadline)
        finally:
            self._free.release()
        verified.compared_digest = "" if compared is None else digest.shown(compared)
        return verified

    def _read(self, deadline: float) -> ReplicaVerification:
        def in_time() -> None:
            if time.monotonic() > deadline:
                raise Unavailable("the time was not enough to read the whole state; give more (--timeout)")

        snapshot = self._snapshots.snapshot()
        try:
            if snapshot.get(INSTALL_KEY) is not None:
                raise Unavailable("this replica is taking over its state from another one")
            found = digest.computed(snapshot, in_time)
            kept = digest.decode_digest(snapshot.get(keys.DIGEST))
            revision = self._applied_index(snapshot)
        finally:
            snapshot.close()
        return ReplicaVerification(
            name=self._name,
            reachable=True,
            revision=revision,
            keys=found.keys,
            computed_digest=found.computed,
            kept_digest=digest.shown(kept),
        )


def matches(verified: ReplicaVerification) -> bool:
    """Tell whether the state is what its digest says."""
    return verified.computed_digest == verified.kept_digest


_log = structlog.get_logger(__name__)


class StateCheck:
    """Reads everything, some hundred thousand keys a second, in a thread beside the replica's work.

    Begun at the start, and after a snapshot of another replica replaced the state. Only a replica whose state has
    passed may lead (`passed`), so every answer comes from a state that was compared with its digest.
    """

    def __init__(self, snapshots: Snapshots, on_fatal: Callable[[BaseException], None]) -> None:
        self._snapshots = snapshots
        self._on_fatal = on_fatal
        self._closed = threading.Event()
        self.thread: threading.Thread | None = None
        """The thread of the latest check."""
        self._begun = 0
        self._passed = 0

    def passed(self) -> bool:
        """Whether the state, as it was last read from the disk or received, matched its digest."""
        return 0 < self._passed == self._begun

    def begin(self) -> None:
        """Compare in a thread; a state that does not match stops the replica. Only one thread may call this."""
        self._begun += 1
        self.thread = threading.Thread(target=self._run_or_stop, args=(self._begun,), name="state-check", daemon=True)
        self.thread.start()

    def close(self, timeout: float) -> None:
        """End the check that runs, and wait for it at most `timeout` seconds."""
        self._closed.set()
        if self.thread is not None:
            self.thread.join(timeout)

    def _run_or_stop(self, number: int) -> None:
        try:
            self._run()
        except _CheckEnded:
            return
        except Unavailable:
            # what replaces the state is checked when it is whole
            _log.info("state_check_postponed", reason="the state is being replaced")
        except (StateCorrupt, StoreFailed) as error:
            if not self._closed.is_set():
                self._on_fatal(error)
        else:
            self._passed = number

    def _run(self) -> None:
        begun = time.perf_counter()
        snapshot = self._snapshots.snapshot()
        try:
            found = digest.verify(snapshot, self._end_if_closed)
        finally:
            snapshot.close()
        _log.info("state_verified", digest=found, seconds=round(time.perf_counter() - begun, 3))

    def _end_if_closed(self) -> None:
        if self._closed.is_set():
            raise _CheckEnded


class _CheckEnded(Exception):
    """The replica stops before its check has ended."""
