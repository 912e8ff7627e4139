"""What can go wrong when processes are run on this machine.

LocalError
├─ PortInUse           another process listens on a port that is needed
├─ DataDirectoryInUse  another run keeps its data in the directory
├─ DataDirectoryUnusable  the directory cannot be made or written, or holds other things
├─ IdentitiesUnusable  identity folders cannot be made, or what is there does not belong together
├─ LevelTooLow         the data are of a level at which there are no tokens
├─ BrokerNotFound      the broker that was asked for is not installed
├─ RestoreFailed       a backup could not be restored
├─ ProcessDied         a process ended by itself
├─ NotRunning          a verb was used on a process that does not run, or runs already
├─ DeadlineExceeded    a condition did not come true in time
└─ ReplicasDiverged    two replicas differ at the same revision
"""


class LocalError(Exception):
    """The base; the text is written for the person who gave the command."""


class PortInUse(LocalError):
    """Another process listens on `port`."""

    def __init__(self, port: int, purpose: str, holder: str) -> None:
        super().__init__(
            f"port {port} ({purpose}) is in use by {holder}: stop that process, or the other Quitanda that runs here, "
            "or use other ports (`make run PORTS=8000` counts them from 8000)"
        )
        self.port = port


class DataDirectoryInUse(LocalError):
    """Another run of Quitanda keeps its data in the directory."""


class DataDirectoryUnusable(LocalError):
    """The directory cannot be made or written, or holds other things than the data of a Quitanda."""


class IdentitiesUnusable(LocalError):
    """The identity folders cannot be made, or what is there does not belong together; the text says what to do."""


class LevelTooLow(LocalError):
    """The data are of a level at which there are no tokens, so nobody could prove who calls."""

    def __init__(self, level: int, needed: int) -> None:
        super().__init__(
            f"the data are of level {level}, and tokens exist from level {needed} on: start once with IDENTITY=off, "
            "give `quitanda-admin cluster raise-level`, stop, and start again"
        )


class BrokerNotFound(LocalError):
    """The broker that was asked for is not installed."""


class RestoreFailed(LocalError):
    """A backup could not be restored; the text says why."""


class ProcessDied(LocalError):
    """A process ended by itself; the text holds the last lines of its log."""


class NotRunning(LocalError):
    """A verb was used on a process that does not run, or one that runs was to be started again."""


class DeadlineExceeded(LocalError):
    """A condition did not come true in time; the text says what was waited for and what was seen last."""


class ReplicasDiverged(LocalError):
    """Two replicas stand at the same revision and hold different states: the worst that can happen."""
