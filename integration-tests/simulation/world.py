"""One run: replicas, network, disks, clients and faults, all from one seed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from quitanda_replica.integrity.divergence import ASK_SECONDS
from simulation import faults, restoring
from simulation.clients import Clients
from simulation.disk import SimulatedDisk
from simulation.faults import Faults
from simulation.invariant_checker import InvariantChecker, Violation
from simulation.network import Fabric
from simulation.request_model import RequestModel
from simulation.run_config import CALM, ONE_FAULT_STAYS, RESTORED, TOO_FEW_DISKS, RunConfig, draw
from simulation.schedule import Schedule, Trace
from simulation.shop_model import ShopModel
from simulation.simulated_pysyncobj import simulated_library
from simulation.variants import HARDENED, Variant

PROGRESS_SECONDS = 25.0
"""After the last fault, everything must be well again within this time."""
FALLBACK_SECONDS = 8.0
"""In which a leader without a majority has stepped down, a broken connection is given up, and another one leads."""
REFUSING_SECONDS = 2.0
RESTING_SECONDS = 4.0
ANSWERED_SECONDS = 20.0
"""Clients often ask the one that is gone, and find that out slowly."""
DIGESTS_SECONDS = ASK_SECONDS
SLOW = replace(CALM, disk_mean=0.05, stall_chance=0.1, stall_max=1.0)


@dataclass(frozen=True)
class RunReport:
    """What came of a run."""

    seed: int
    violations: tuple[Violation, ...]
    counts: Counter
    seconds: float
    """Simulated."""
    digest: str
    """Of everything that happened."""


class SimulatedWorld:
    """What the parts of a run share."""

    calm = CALM
    slow = SLOW

    def __init__(
        self,
        seed: int,
        variant: Variant = HARDENED,
        config: RunConfig | None = None,
        write: Callable[[str], None] | None = None,
    ):
        chance = Random(seed)
        self.seed = seed
        self.variant = variant
        self.config = config or draw(Random(chance.getrandbits(64)), faults.NAMES)
        if not variant.reads:
            self.config = replace(self.config, reads_share=0.0)
        remembered = self.config.remembered
        self.model = ShopModel(remembered) if remembered and variant.on_disks else RequestModel()
        self.schedule = Schedule()
        self.trace = Trace(self.schedule, write)
        self.counts: Counter = Counter()
        self.checker = InvariantChecker(self)
        self.fabric = Fabric(self.schedule, Random(chance.getrandbits(64)), self.config, self.count)
        names = [f"replica{number}" for number in range(1, self.config.replicas + 1)]
        self.addresses = {name: f"{name}:1" for name in names}
        self.disks = [SimulatedDisk(name, synced=variant.synced) for name in names]
        self.replicas = {
            disk.name: variant.replica(disk.name, self, disk, Random(chance.getrandbits(64))) for disk in self.disks
        }
        for replica in self.replicas.values():
            self.fabric.join(replica)
        self.running = next(iter(self.replicas.values()))
        self.clients = Clients(self, Random(chance.getrandbits(64)))
        self.faults = Faults(self, Random(chance.getrandbits(64)))
        self.library_chance = Random(chance.getrandbits(64))

    def count(self, what: str) -> None:
        """Count for the report."""
        self.counts[what] += 1

    def simulated(self):
        """Give PySyncObj this world's time and chance."""
        return simulated_library(self, self.library_chance)

    def start(self) -> None:
        """Start all replicas, with blank disks of a new cluster."""
        self.schedule.after(DIGESTS_SECONDS, self._compare_digests)
        for replica in self.replicas.values():
            replica.start()

    def _compare_digests(self) -> None:
        """Let every replica ask those that it can reach for their digests."""
        told = {name: replica.digest_told() for name, replica in self.replicas.items() if replica.runs}
        for name in told:
            heard = {
                peer: each
                for peer, each in told.items()
                if each is not None and self.fabric.reachable(name, peer) and self.replicas[name].listens_to(peer)
            }
            if heard and self.replicas[name].up:
                self.replicas[name].hear_digests(heard)
        self.schedule.after(DIGESTS_SECONDS, self._compare_digests)

    def run(self, seconds: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass, until a violation, or until `done`; True in the latter case."""
        self.schedule.run(self.schedule.now + seconds, lambda: bool(self.checker.violations) or done())
        return not self.checker.violations and done()

    def well(self) -> bool:
        """Is everybody answered, and is every replica where the true log ends?"""
        return not self.clients.waiting and all(
            replica.up and replica.voting and replica.durable_applied == self.checker.last_index
            for replica in self.replicas.values()
        )

    def recover(self, within: float = PROGRESS_SECONDS) -> None:
        """Mend everything, and see that everything becomes well, within so many seconds."""
        self.faults.end()
        self.clients.stop()
        self.clients.write()
        if not self.run(within, self.well) and not self.checker.violations:
            standing = ", ".join(
                f"{name} at {replica.durable_applied if replica.view() else 'nothing'}"
                for name, replica in self.replicas.items()
            )
            self.checker.accuse(
                "progress",
                f"{within:g} s after the last fault {self.clients.waiting} operations wait; the log ends at "
                f"{self.checker.last_index}, {standing}",
            )

    def refuse(self) -> None:
        """Mend everything but the disks, of which too few are left: nobody leads, and nobody is answered any more."""
        self.faults.end()
        self.run(FALLBACK_SECONDS)
        if sum(disk.counts for disk in self.disks) * 2 > len(self.disks):
            return  # one that was blank before had heard enough of the others to count again
        answered = self.counts["acknowledged writes"], self.counts["answered reads"]
        self.run(REFUSING_SECONDS)
        if self.checker.violations:
            return
        leaders = [name for name, replica in self.replicas.items() if replica.view() and replica.leads]
        if leaders:
            self.checker.accuse("refuses", f"{', '.join(leaders)} leads, though no majority counts")
        if answered != (self.counts["acknowledged writes"], self.counts["answered reads"]):
            self.checker.accuse("refuses", "clients are answered, though no majority counts")

    def go_on(self) -> None:
        """Let one fault stay: the others go on without it, and the leadership comes to rest."""
        self.faults.stay()
        self.clients.resume()
        self.run(FALLBACK_SECONDS)
        elections = self.counts["elections"]
        self.run(RESTING_SECONDS)
        if not self.checker.violations and self.counts["elections"] != elections:
            self.checker.accuse(
                "progress", f"{FALLBACK_SECONDS:g} s after the last fault there is still another leader"
            )
        self.clients.stop()
        self.clients.write()
        if not self.run(ANSWERED_SECONDS, lambda: not self.clients.waiting) and not self.checker.violations:
            self.checker.accuse("progress", f"{self.clients.waiting} operations wait, though one fault alone stays")

    def report(self) -> RunReport:
        """Return what came of the run so far."""
        return RunReport(self.seed, tuple(self.checker.violations), self.counts, self.schedule.now, self.trace.digest)


def simulate(seed: int, variant: Variant = HARDENED, write: Callable[[str], None] | None = None) -> RunReport:
    """Play the run of `seed`: faults for a while, then everything is mended and must become well."""
    world = SimulatedWorld(seed, variant, write=write)
    with world.simulated():
        world.start()
        world.clients.begin()
        world.run(world.config.quiet_seconds)
        world.faults.begin()
        world.run(world.config.fault_seconds)
        _end(world)
        for replica in world.replicas.values():
            replica.close()
    return world.report()


def _end(world: SimulatedWorld) -> None:
    if world.checker.violations:
        return
    if world.config.ending == TOO_FEW_DISKS and world.faults.lose_majority():
        world.refuse()
        return
    world.recover()
    if world.config.ending == ONE_FAULT_STAYS and not world.checker.violations:
        world.go_on()
    if world.config.ending == RESTORED and not world.checker.violations:
        _begin_again(world)


def _begin_again(world: SimulatedWorld) -> None:
    """Restore a backup; then a replica comes up with its disk of before, which may be further in every respect."""
    backup = restoring.back_up(world)
    world.faults.hand_over_some_time()
    world.clients.resume()
    world.run(FALLBACK_SECONDS / 4)
    world.recover()
    stale = world.faults.any_name()
    old = dict(world.replicas[stale].disk.content)
    if world.checker.violations:
        return
    restoring.restore(world, backup)
    world.recover()
    if not world.checker.violations:
        restoring.start_foreign_replica(world, stale, old)
        restoring.see_foreign_replica_refused(world, stale)
