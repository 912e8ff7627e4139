"""A process that tests can freeze, tell from its other runs, and read the whole log of."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from quitanda_local.process import KILL_SECONDS, Process, Spawner, put_aside

FROZEN_POLL_SECONDS: Final = 0.001


class FreezableProcess(Process):
    """A process of `quitanda_local` with the faults of tests."""

    def __init__(self, name: str, log: Path, spawner: Spawner) -> None:
        super().__init__(name, log, spawner)
        self._paused = False

    @property
    def instance_id(self) -> str:
        """Differs between two runs, also where the system gives a process id again; NotRunning if it does not run."""
        return f"{self._require_running().pid} since {self.started_at}"

    @property
    def paused(self) -> bool:
        """True between `pause` and `resume`."""
        return self.running and self._paused

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the command; `environment` is added to this process's own, less its QUITANDA_* variables."""
        super().start(command, environment)
        self._paused = False

    def lines(self) -> tuple[str, ...]:
        """Read every line of the log, with the part that was put aside."""
        files = (file for file in (put_aside(self.log), self.log) if file.exists())
        return tuple(line for file in files for line in file.read_text("utf-8", errors="replace").splitlines())

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): its connections stay open, it answers nothing; return when it stands still."""
        popen = self._require_running()
        popen.send_signal(signal.SIGSTOP)
        self._paused = True
        deadline = time.monotonic() + KILL_SECONDS
        while psutil.Process(popen.pid).status() != psutil.STATUS_STOPPED and time.monotonic() < deadline:
            time.sleep(FROZEN_POLL_SECONDS)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self._require_running().send_signal(signal.SIGCONT)
        self._paused = False

    def _ask_to_end(self, popen: subprocess.Popen[bytes]) -> None:
        """Ask (SIGTERM), and let it go on, so that it can hear that."""
        super()._ask_to_end(popen)
        if self.paused:
            self.resume()
