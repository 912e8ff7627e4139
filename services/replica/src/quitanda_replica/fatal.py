"""The end of a process that must not go on."""

import logging
import os
from typing import Final, NoReturn

import structlog

from quitanda.domain.levels import LevelNotSupported
from quitanda_replica.integrity.divergence import StateDiverged
from quitanda_replica.integrity.quarantine import Quarantined
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import (
    TOO_MANY_FILES,
    DataFolderLost,
    StoreDamaged,
    StoreFailed,
    StoreInUse,
    TooManyFiles,
)

EXIT_FATAL: Final = 3
"""A replica that met trouble of its own: a disk that fails, a state that contradicts itself or the others."""

REBUILD: Final = (
    "do not start it again on this data. If the disk is sound: move the data folder away and start the replica with "
    "an empty one while the others run; it is rebuilt from them "
    '(docs/OPERATIONS.md, "A replica that stopped by itself")'
)
REPAIR_DISK: Final = (
    "a disk that was full or took no writes: repair it, and start the replica again as it is; it catches up. A disk "
    "that lost or changed what was on it: move the data folder away and start the replica with an empty one while the "
    'others run; it is rebuilt from them (docs/OPERATIONS.md, "A replica that stopped by itself")'
)
FIND_FOLDER: Final = (
    "if the folder was moved, or its disk detached: put that very folder back and start the replica again; it catches "
    "up. If it is gone, or files of it are: start the replica with an empty folder while the others run; it is rebuilt "
    'from them. Never use an older copy (docs/OPERATIONS.md, "A replica that stopped by itself")'
)
STOP_THE_OTHER: Final = "stop the other process, or give this replica a data folder of its own"
MORE_FILES: Final = (
    "nothing is wrong with the disk: allow the process more open files (`ulimit -n`, systemd's LimitNOFILE, Compose's "
    "ulimits), or find out who holds so many, and start the replica again as it is; it catches up "
    '(docs/OPERATIONS.md, "A replica that stopped by itself")'
)
RIGHT_VERSION: Final = (
    "nothing was changed. Start a version that supports this level on the same data folder "
    '(docs/OPERATIONS.md, "Upgrade")'
)
MEND: Final = "mend what the error names, and start the replica again as it is"
FIND_OUT: Final = (
    "start the replica that is missing, and this one again: the one that is wrong then stops by itself "
    '(docs/OPERATIONS.md, "A replica that stopped by itself")'
)
REPORT: Final = (
    "start it again; if that ends alike, this is a defect: keep the log and the data folder "
    '(docs/OPERATIONS.md, "A replica that stopped by itself")'
)

_STEPS: Final = (
    (LevelNotSupported, RIGHT_VERSION),
    (DataFolderLost, FIND_FOLDER),
    (StoreInUse, STOP_THE_OTHER),
    (TooManyFiles, MORE_FILES),
    (StateCorrupt | StateDiverged | Quarantined | StoreDamaged, REBUILD),
    (StoreFailed, REPAIR_DISK),  # the base of some above, so the last
)
"""What to do about each kind of trouble; the first that fits counts."""

_log = structlog.get_logger(__name__)


def stop_process(error: BaseException) -> NoReturn:
    """Say why and what to do, and end at once: memory is not trusted any more, what is acknowledged is on the disk."""
    _log.critical("replica_failed", error=str(error), next_step=next_step(error), exc_info=error)
    logging.shutdown()  # the last line has a second to be written; the stream may be what fails
    os._exit(EXIT_FATAL)


def next_step(error: BaseException) -> str:
    """Tell the administrator what to do about the replica that stopped."""
    if isinstance(error, StateCorrupt) and isinstance(error.__cause__, StoreFailed):
        return next_step(error.__cause__)
    if isinstance(error, StateDiverged) and not error.certain:
        return FIND_OUT
    if isinstance(error, OSError) and error.errno in TOO_MANY_FILES:
        return MORE_FILES
    return next((step for kind, step in _STEPS if isinstance(error, kind)), REPORT)


def next_step_before_the_start(error: BaseException) -> str:
    """Tell the administrator what to do about a replica that could not start."""
    step = next_step(error)
    return MEND if step is REPORT else step
