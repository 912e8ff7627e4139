"""Where replicas and broker keep what outlives their containers: volumes, or disks that can be broken."""

from typing import Final

from quitanda_testing.cluster.cluster import FaultNotPossible
from quitanda_testing.containers.disks import Disks, DisksUnavailable
from quitanda_testing.containers.docker_run import TOOLS, DockerRun

NOT_BREAKABLE: Final = "the disks of this cluster cannot be broken: look for it in `faults` first"


class Volumes:
    """Volumes by the name of their process. Blocking."""

    def __init__(self, run: DockerRun, replicas: tuple[str, ...], broker: str, *, breakable_disks: bool) -> None:
        self._run = run
        self._volumes = {broker: self._plain(broker)}
        self._disks: Disks | None = None
        self._full: set[str] = set()
        self._read_only: set[str] = set()
        if breakable_disks:
            self._disks = self._make_disks(replicas)
        for replica in replicas:
            self._volumes[replica] = self._disks.volume(replica) if self._disks else self._plain(replica)

    @property
    def breakable(self) -> bool:
        """Say whether the replicas' disks can be filled and made read-only."""
        return self._disks is not None

    @property
    def broken(self) -> tuple[str, ...]:
        """Names of those whose disks are not as they were."""
        return tuple(self._full | self._read_only)

    def of(self, name: str) -> str | None:
        """Name the volume of the process; None if it has none."""
        return self._volumes.get(name)

    def named(self, name: str) -> str:
        """Name the volume of the process; KeyError if it has none."""
        if name not in self._volumes:
            raise KeyError(f"{name} keeps nothing on disk")
        return self._volumes[name]

    def must_be_idle_for_repair(self, name: str) -> bool:
        """Say whether nobody may use the disk while it is repaired."""
        return name in self._read_only

    def fill(self, name: str) -> None:
        """Leave no room on the disk; FaultNotPossible where disks cannot be broken."""
        self._breakable().fill(name)
        self._full.add(name)

    def make_read_only(self, name: str) -> None:
        """Let every write to the disk fail; FaultNotPossible where disks cannot be broken."""
        self._breakable().make_read_only(name)
        self._read_only.add(name)

    def repair(self, name: str) -> None:
        """Make the disk as it was; FaultNotPossible where disks cannot be broken."""
        self._breakable().repair(name)
        self._full.discard(name)
        self._read_only.discard(name)

    def _breakable(self) -> Disks:
        if self._disks is None:
            raise FaultNotPossible(NOT_BREAKABLE)
        return self._disks

    def _make_disks(self, replicas: tuple[str, ...]) -> Disks | None:
        """Make a disk for each replica; None where Docker's machine has no loop devices to give."""
        disks = Disks(self._run.client, TOOLS, self._run.name("disks"), self._run.labels)
        try:
            for replica in replicas:
                disks.make(replica)
        except DisksUnavailable:
            return None
        return disks

    def _plain(self, name: str) -> str:
        return self._run.client.volumes.create(self._run.name(name), labels=self._run.labels).name
