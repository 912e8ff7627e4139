"""A program for which the disk is full early: none of its files may grow beyond a size."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_LIMIT_AND_BECOME: Final = (
    "import os, resource, sys\n"
    "size = int(sys.argv[1])\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)


def with_files_up_to(size: int, command: Sequence[str | Path]) -> tuple[str, ...]:
    """Give the command that runs another one whose files may have `size` bytes; more is reported as a full disk is.

    The limit is set by a process of its own, and not by a function between fork and exec (`preexec_fn`): where this
    process uses gRPC, its threads' handlers of forks abort such a child now and then.
    """
    return (sys.executable, "-c", _LIMIT_AND_BECOME, str(size), *map(str, command))
