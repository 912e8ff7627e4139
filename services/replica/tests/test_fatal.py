"""What a replica that stops by itself tells the administrator to do."""

import errno
import json
import os
import subprocess
import sys

import pytest

from quitanda_replica.fatal import EXIT_FATAL, next_step, next_step_before_the_start
from quitanda_replica.integrity.quarantine import Quarantined
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import DataFolderLost, StoreDamaged, StoreFailed, StoreInUse, TooManyFiles

pytestmark = pytest.mark.slow


def caused(error):
    """What the rules' reads make of it."""
    corrupt = StateCorrupt("the store failed at key b'S'")
    corrupt.__cause__ = error
    return corrupt


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (StoreFailed("the database failed: no space left on device"), "start the replica again as it is"),
        (DataFolderLost("the data folder was replaced by another one"), "put that very folder back"),
        (TooManyFiles("the database failed: Too many open files"), "nothing is wrong with the disk"),
        (OSError(errno.EMFILE, "Too many open files"), "`ulimit -n`"),
        (caused(TooManyFiles("the database failed: Too many open files")), "nothing is wrong with the disk"),
        (StoreDamaged("the data folder is damaged"), "do not start it again on this data"),
        (StateCorrupt("the state does not match its digest"), "do not start it again on this data"),
        (Quarantined("the folder is marked"), "do not start it again on this data"),
        (RuntimeError("a defect"), "if that ends alike, this is a defect"),
    ],
)
def test_the_advice_fits_the_trouble(error, advice):
    assert advice in next_step(error)
    assert "docs/OPERATIONS.md" in next_step(error)


PROGRAM = """
from quitanda.runtime.logging import configure
from quitanda.runtime.settings import LogFormat, LogLevel
from quitanda_replica.fatal import stop_process
from quitanda_replica.raft import options
from quitanda_replica.state.store import StoreFailed
import logging, sys
configure(LogLevel.INFO, LogFormat.JSON, "replica", "replica1")
for number in range(5000):
    logging.info("a line before")
stop = {"service": stop_process, "raft": options.stop_process}[sys.argv[1]]
stop(StoreFailed("the disk is gone"))
"""


@pytest.mark.parametrize("stop", ["service", "raft"])
@pytest.mark.parametrize("blocked", [False, True])
def test_a_replica_that_stops_at_once_writes_its_last_line_and_waits_for_no_stream(stop, blocked, tmp_path):
    log = tmp_path / "log"
    reading, writing = os.pipe()
    with log.open("w") as file:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, stop],
            stdout=writing if blocked else file,
            stderr=subprocess.PIPE,
            check=False,
            timeout=30,
        )
    os.close(reading)
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (EXIT_FATAL, b"")
    if not blocked:
        last = json.loads(log.read_text().splitlines()[-1])
        assert last["level"] == "critical"
        assert "the disk is gone" in last["exception"]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (StoreInUse("the data folder is in use by another process"), "stop the other process"),
        (StoreDamaged("the data is damaged"), "do not start it again on this data"),
        (OSError(errno.EADDRINUSE, "Address already in use"), "mend what the error names"),
    ],
)
def test_a_replica_that_cannot_start_says_what_to_do_too(error, advice):
    assert advice in next_step_before_the_start(error)
