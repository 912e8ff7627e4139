"""Run a replica: `python -m quitanda_replica`, with its settings in the environment (QUITANDA_...).

With `restore` or `export`, make a data folder from a backup, or a backup from a data folder, instead.

Ends with 0 after SIGTERM or SIGINT, 1 where it could not start, 2 where the settings are wrong, 3 where it met
trouble that forbids going on (fatal).
"""

import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final

import structlog

from quitanda.domain.levels import LevelNotSupported
from quitanda.identity.folder import IdentityError
from quitanda.runtime import descriptors, logging, startup_warnings, tracing
from quitanda.runtime.settings import ReplicaSettings, load_or_exit
from quitanda_replica.admin import offline_commands
from quitanda_replica.composition import ReplicaProcess
from quitanda_replica.fatal import next_step_before_the_start, stop_process
from quitanda_replica.integrity.quarantine import Quarantined
from quitanda_replica.raft.raft_core import UnsupportedLibrary
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import StoreFailed

EXIT_OK: Final = 0
EXIT_NOT_STARTED: Final = 1

SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter while another one waits for it. The Raft thread lets go of it at every
look into LevelDB; with Python's 5 ms a busy gRPC thread would make it wait so long each time."""

SIGNAL_SECONDS: Final = 0.5
"""How often the main thread looks by itself whether a signal came. The system may hand a signal to any thread, as it
does where the process stood still when it came; only the main thread can act on it, and is not woken by that."""

_log = structlog.get_logger("quitanda.replica")


def main() -> int:
    """Run until a signal comes; give the exit code."""
    settings = load_or_exit(ReplicaSettings)
    logging.configure(settings.log_level, settings.log_format, "replica", settings.name)
    startup_warnings.warn(settings, os.environ)
    tracing.configure_service("replica", settings.name, os.environ)
    descriptors.raise_limit()
    sys.setswitchinterval(SWITCH_SECONDS)
    # what was imported lives as long as the process: looking for garbage in it only makes the Raft thread wait
    gc.freeze()
    threading.excepthook = lambda failed: stop_process(failed.exc_value or RuntimeError("a thread failed"))
    signals = _signals()
    process = ReplicaProcess(settings, stop_process)
    try:
        process.start()
    except (StateCorrupt, Quarantined, LevelNotSupported) as error:
        stop_process(error)
    except (StoreFailed, OSError, ValueError, UnsupportedLibrary, IdentityError) as error:
        _log.error("cannot_start", error=str(error), next_step=next_step_before_the_start(error))
        return EXIT_NOT_STARTED
    _log.info("signal", signal=_next(signals).name)
    process.stop(settings.stop_timeout_seconds)
    tracing.close(tracing.CLOSE_SECONDS)
    _log.info("stopped")
    return EXIT_OK


def _signals() -> "SimpleQueue[signal.Signals]":
    """Give the queue into which the signals to stop come; its `put` is safe in the middle of anything."""
    received: SimpleQueue[signal.Signals] = SimpleQueue()

    def put(number: int, _frame: FrameType | None) -> None:
        received.put(signal.Signals(number))

    signal.signal(signal.SIGTERM, put)
    signal.signal(signal.SIGINT, put)
    return received


def _next(signals: "SimpleQueue[signal.Signals]") -> signal.Signals:
    while True:
        with suppress(Empty):
            return signals.get(timeout=SIGNAL_SECONDS)


if __name__ == "__main__":
    sys.exit(offline_commands.main(sys.argv[1:]) if sys.argv[1:] else main())
