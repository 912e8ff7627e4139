"""One container with a service in it: started again and again under one name, with one log."""

import signal
from typing import Any, Final

from docker.models.containers import Container
from testcontainers.core.container import DockerContainer

from quitanda_local.errors import NotRunning, ProcessDied

STOP_SECONDS: Final = 15
"""How long a process may take to stop by itself before it is killed; more than the ten that it gives itself."""

KILLED: Final = 128 + signal.SIGKILL
LAST_LINES: Final = 15


class ContainerProcess:
    """The container over all its lives. Blocking."""

    def __init__(self, name: str, described: DockerContainer) -> None:
        self.name = name
        self._described = described
        self._started = False
        self.paused = False

    @property
    def container(self) -> Container:
        """The container as the engine's library knows it; NotRunning if it was never started."""
        if not self._started:
            raise NotRunning(f"{self.name} was never started")
        return self._described.get_wrapped_container()

    @property
    def running(self) -> bool:
        """True while the process exists, paused or not."""
        return self._started and self._state()["Running"]

    @property
    def instance_id(self) -> str:
        """Differs between two lives; NotRunning if it does not run."""
        state = self._state()
        if not state["Running"]:
            raise NotRunning(f"{self.name} does not run: it {describe_exit(state)}")
        return state["StartedAt"]

    def start(self) -> None:
        """Begin the first life, or another one."""
        if self._started:
            self.container.start()
        else:
            self._described.start()
            self._started = True
        self.paused = False

    def stop(self) -> bool:
        """Ask the process to end (SIGTERM) and kill it after some time; true if it ended by itself or did not run."""
        if not self.running:
            return True
        if self.paused:
            self.resume()
        self.container.stop(timeout=STOP_SECONDS)
        return self._state()["ExitCode"] != KILLED

    def kill(self) -> None:
        """End the process at once (SIGKILL); return when it is gone."""
        self.instance_id  # noqa: B018 - raises where there is nothing to kill
        self.container.kill()
        self.container.wait(condition="not-running")
        self.paused = False

    def pause(self) -> None:
        """Freeze the process."""
        self.container.pause()
        self.paused = True

    def resume(self) -> None:
        """Let a frozen process go on."""
        self.container.unpause()
        self.paused = False

    def lines(self) -> tuple[str, ...]:
        """Read every line that was logged."""
        if not self._started:
            return ()
        return tuple(self.container.logs().decode("utf-8", errors="replace").splitlines())

    def tail(self) -> str:
        """Read the last lines of the log."""
        log = self.container.logs(tail=LAST_LINES).decode("utf-8", errors="replace")
        return "".join(f"\n    {line}" for line in log.splitlines())

    def check_alive(self) -> None:
        """Raise ProcessDied, with the last lines of the log, if the process has ended."""
        state = self._state()
        if not state["Running"]:
            raise ProcessDied(f"{self.name} {describe_exit(state)}; its log ends with:{self.tail()}")

    def remove(self) -> None:
        """Remove the container, running or not, and let go of the engine."""
        self._described.stop()

    def _state(self) -> dict[str, Any]:
        container = self.container
        container.reload()
        return container.attrs["State"]


def describe_exit(state: dict[str, Any]) -> str:
    """Put the end of a process in words."""
    if state["OOMKilled"]:
        return "was killed for want of memory"
    code = state["ExitCode"]
    if code > 128:
        return f"was ended by {signal.Signals(code - 128).name}"
    return f"ended with exit code {code}"
