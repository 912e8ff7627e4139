"""The verbs that schedules are told with."""

from collections.abc import Callable

from simulation.clients import ClientOperation
from simulation.run_config import RunConfig
from simulation.variants import Variant
from simulation.world import RunReport, SimulatedWorld

WAIT_SECONDS = 8.0
PROGRESS_SECONDS = 6.0
"""Less than after random faults: nothing is slow here."""
OPTIONS = {"log_entries_max": 500, "snapshot_chunk_bytes": 200, "pipeline_entries_max": 32, "message_bytes": 1000}


class ScenarioImpossible(Exception):
    """The schedule could not be arranged with this seed; another one may do."""


class Scenario:
    """The verbs that schedules are told with."""

    def __init__(self, seed: int, variant: Variant, replicas: int = 3, remembered: int = 0, **options: int):
        config = RunConfig(replicas=replicas, options=OPTIONS | options, remembered=remembered)
        self.world = SimulatedWorld(seed, variant, config)
        self.names = list(self.world.replicas)

    def __getitem__(self, name):
        return self.world.replicas[name]

    def play(self, schedule: Callable[["Scenario"], None]) -> RunReport:
        """Play `schedule`, mend everything, and see that it becomes well. Raises ScenarioImpossible."""
        with self.world.simulated():
            try:
                schedule(self)
                if not self.world.checker.violations:
                    self.world.recover(PROGRESS_SECONDS)
            finally:
                for replica in self.world.replicas.values():
                    replica.close()
        return self.world.report()

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.world.run(seconds)

    def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until `condition`. A violation ends every waiting."""
        if not self.world.run(WAIT_SECONDS, condition) and not self.world.checker.violations:
            raise ScenarioImpossible(condition)

    def demand(self, holds: bool, what: str) -> None:
        """Accuse where `holds` is false: `what` should not be."""
        if not holds and not self.world.checker.violations:
            self.world.checker.accuse("schedule", what)

    def found(self) -> None:
        """Start all replicas and wait until each may vote."""
        self.world.start()
        if self.world.variant.on_disks:
            self.until(lambda: all(disk.counts for disk in self.world.disks))

    def leader(self, among=None) -> str:
        """Wait for a leader that has committed an entry of its own; return its name."""
        found = []

        def leads():
            found[:] = [
                name
                for name in among or self.names
                if self[name].view() and self[name].leads and self._own_entry_committed(self[name])
            ]
            return bool(found)

        self.until(leads)
        return found[0] if found else self.names[0]

    def others(self, *names: str) -> list[str]:
        """Return everybody else."""
        return [name for name in self.names if name not in names]

    def cut(self, sources, targets) -> None:
        """Hold back everything from `sources` to `targets`."""
        for source in _names(sources):
            for target in _names(targets):
                if source != target:
                    self.world.fabric.paths[source, target].cut(self.world.schedule.now)

    def isolate(self, *names: str) -> None:
        """Cut all paths between `names` and the others."""
        self.cut(names, self.others(*names))
        self.cut(self.others(*names), names)

    def mend(self, sources, targets) -> None:
        """Let everything from `sources` to `targets` go on."""
        for source in _names(sources):
            for target in _names(targets):
                if source != target:
                    self.world.fabric.paths[source, target].mend(self.world.schedule.now)

    def join(self, one, other) -> None:
        """Mend both directions."""
        self.mend(one, other)
        self.mend(other, one)

    def write(self, name: str, count: int = 1) -> list[ClientOperation]:
        """Send writes to the replica `name`."""
        return [self.world.clients.write(name) for _ in range(count)]

    def read(self, name: str) -> ClientOperation:
        """Send a read to the replica `name`."""
        return self.world.clients.read(name)

    def write_done(self, name: str, count: int = 1) -> None:
        """Write and wait for the answers."""
        operations = self.write(name, count)
        self.until(lambda: all(operation.done for operation in operations))

    def wipe(self, name: str) -> None:
        """Replace a replica's disk by a blank one; it does not run afterwards."""
        self[name].lose_disk()

    def forget_a_vote(self) -> tuple[str, str, str]:
        """Begin a cluster; let a replica elect a leader that nobody hears any more, and lose its disk.

        Return the old leader; that replica, which runs with a blank disk and talks with the old leader alone; the new
        leader.
        """
        self.found()
        old = self.leader()
        self.write_done(old)
        voter, new = self.others(old)
        self.isolate(old)
        self.until(lambda: self[new].leads or self[voter].leads)
        if self[voter].leads:
            voter, new = new, voter
        self.isolate(new)
        self.wipe(voter)
        self.join(old, voter)
        self[voter].start(bootstrap=False)
        return old, voter, new

    def start_again(self, *names: str) -> None:
        """Start those of the replicas that do not run."""
        for name in names:
            if not self[name].up:
                self[name].start()
        self.pass_time(0.3)

    def last_index(self, name: str) -> int:
        """Index of the last entry in the log of `name`."""
        return self[name].journal[-1][1]

    @staticmethod
    def _own_entry_committed(replica) -> bool:
        log = replica.journal
        index = replica.commit_index
        return index >= log[0][1] and log[index - log[0][1]][2] == replica.term


def _names(names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
