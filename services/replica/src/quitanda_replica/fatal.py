"""The end of a process that must not go on."""

import logging
import os
import sys
from typing import Final, NoReturn

import structlog

EXIT_FATAL: Final = 3
"""A replica that met trouble of its own: a disk that fails, a state that contradicts itself."""

_log = structlog.get_logger(__name__)


def stop_process(error: BaseException) -> NoReturn:
    """Say why, and end at once: what is in memory can no longer be trusted, what is acknowledged is on the disk."""
    _log.critical("the replica cannot go on and stops", error=str(error), exc_info=error)
    logging.shutdown()
    sys.stdout.flush()
    os._exit(EXIT_FATAL)
