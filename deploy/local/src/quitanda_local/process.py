"""One child process: started so that it cannot outlive this one, and ended within a bound."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from quitanda_local.errors import NotRunning, ProcessDied

DIE_WITH_PARENT: Final = Path(__file__).with_name("die_with_parent.py")
STOP_SECONDS: Final = 15.0
"""How long a process may take to stop by itself before it is killed; more than the ten that it gives itself."""
KILL_SECONDS: Final = 5.0
ENDED_BY_OTHERS: Final = (-signal.SIGKILL, -signal.SIGTERM)
"""Return codes of processes whose own last words say nothing about their end."""
EXIT_POLL_SECONDS: Final = 0.01
LOG_BYTES_MAX: Final = 16 * 1024 * 1024
"""A log that has grown beyond this is put aside (`.old`) when its process starts again."""
TAIL_LINES: Final = 15
TAIL_BYTES: Final = 8_192


class Spawner:
    """Starts processes from one thread that lives until `close`.

    The kernel kills a guarded process when the thread that started it ends; a thread of a pool or of a
    test would end too early.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
        """Start the command, its output appended to the log."""
        return self._thread.submit(_start, tuple(command), dict(environment), log).result()

    def close(self) -> None:
        """End the thread; whatever it started and still runs is killed by the kernel."""
        self._thread.shutdown()


class Process:
    """A process that can be started again and again under one name, with one log."""

    def __init__(self, name: str, log: Path, spawner: Spawner) -> None:
        self.name = name
        self.log = log
        self._spawner = spawner
        self._popen: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        """When the process was last started, on the monotonic clock."""

    @property
    def pid(self) -> int:
        """The process id of the last start; NotRunning if there was none."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """True while the process exists."""
        return self._popen is not None and self._popen.poll() is None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the command; `environment` is added to this process's own, less its QUITANDA_* variables."""
        if self.running:
            raise NotRunning(f"{self.name} runs already (process {self.pid})")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUITANDA_")}
        self._popen = self._spawner.start(command, inherited | dict(environment), self.log)
        self.started_at = time.monotonic()

    def check_alive(self) -> None:
        """Raise ProcessDied, with the last lines of the log, if the process has ended."""
        if not self.running:
            raise ProcessDied(self.describe_end())

    def describe_end(self) -> str:
        """Say how the process ended, with the last lines of its log unless somebody else ended it."""
        code = self._started().poll()
        if code in ENDED_BY_OTHERS:
            return f"{self.name} {describe_exit(code)}; its log is {self.log}"
        tail = "".join(f"\n    {line}" for line in self.tail())
        return f"{self.name} {describe_exit(code)}; its log is {self.log}" + (
            f", which ends with:{tail}" if tail else ", which is empty"
        )

    def tail(self, lines: int = TAIL_LINES) -> list[str]:
        """Read the last lines of the log."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
                return log.read().decode("utf-8", errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []

    def kill(self) -> None:
        """End the process at once, as a crash would (SIGKILL); return when it is gone."""
        popen = self._require_running()
        popen.kill()
        popen.wait(KILL_SECONDS)

    async def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """Ask the process to end (SIGTERM) and kill it after `timeout` seconds; true if it ended by itself.

        A process that does not run is left alone.
        """
        if not self.running:
            return True
        popen = self._require_running()
        self._ask_to_end(popen)
        deadline = time.monotonic() + timeout
        while popen.poll() is None:
            if time.monotonic() >= deadline:
                self.kill()
                return False
            await asyncio.sleep(EXIT_POLL_SECONDS)
        return True

    def _ask_to_end(self, popen: subprocess.Popen[bytes]) -> None:
        popen.terminate()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._popen is None:
            raise NotRunning(f"{self.name} was never started")
        return self._popen

    def _require_running(self) -> subprocess.Popen[bytes]:
        popen = self._started()
        if popen.poll() is not None:
            raise NotRunning(f"{self.name} does not run: it {describe_exit(popen.returncode)}")
        return popen


def describe_exit(code: int | None) -> str:
    """Put a process's return code in words; a negative one is the signal that ended it."""
    if code is None:
        return "still runs"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def put_aside(log: Path) -> Path:
    """Name the file that a log which has grown too large is moved to."""
    return log.with_suffix(log.suffix + ".old")


def _start(command: tuple[str, ...], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(put_aside(log))
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the command is this package's own
            [sys.executable, "-I", "-S", str(DIE_WITH_PARENT), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            umask=0o077,  # what it writes is the shop's data, also in a folder that others may enter
            start_new_session=True,  # Ctrl-C goes to this process alone, which then stops the others in order
        )
