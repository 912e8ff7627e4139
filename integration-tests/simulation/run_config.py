"""What a run is like: sizes, delays and faults, drawn from the seed or set by a directed schedule."""

from dataclasses import dataclass, field, replace
from random import Random

SECRET = "a secret of the simulation"
LAN, REGION, ERRATIC = "lan", "region", "erratic"
MENDED, TOO_FEW_DISKS, ONE_FAULT_STAYS, RESTORED = "mended", "too few disks", "one fault stays", "restored"
STALLS = ((0.001, 0.01), (0.01, 0.1), (0.1, 1.0), (1.0, 3.0))
STALL_WEIGHTS = (10, 5, 3, 2)
"""How long processes stand still within a round, from and to, and how often each of them."""


@dataclass(frozen=True)
class Delays:
    """Seconds that things take; each is drawn anew every time."""

    network_min: float
    network_mean: float
    spike_chance: float
    spike_max: float
    disk_mean: float
    stall_chance: float
    stall_max: float
    lag_chance: float = 0.0
    """That the disk does not keep up, each time it is asked."""

    reader_chance: float = 0.0
    """That the thread of a reader that may go on is not run at once."""
    reader_max: float = 2.0
    looks_mean: float = 0.0
    """Looks at the clock between two at which the process stands still, on average; 0: it never does."""

    def reader(self, chance: Random) -> float:
        """How long a reader waits for the processor before it looks at the state."""
        return chance.random() * self.reader_max if chance.random() < self.reader_chance else 0.0

    def network(self, chance: Random) -> float:
        """How long a message travels."""
        if chance.random() < self.spike_chance:
            return self.network_min + chance.random() * self.spike_max
        return self.network_min + self.network_mean * chance.random() * 2

    def looks_to_stall(self, chance: Random, never: int) -> int:
        """How many looks at the clock come before the process stands still in the middle of what it does."""
        return int(chance.expovariate(1 / self.looks_mean)) if self.looks_mean else never

    def stall_in_round(self, chance: Random) -> float:
        """How long it stands still then."""
        shortest, longest = chance.choices(STALLS, STALL_WEIGHTS)[0]
        return chance.uniform(shortest, longest)

    def disk(self, chance: Random) -> float:
        """How long a synced write takes."""
        if chance.random() < self.stall_chance:
            return chance.random() * self.stall_max
        return self.disk_mean * chance.random() * 2


CALM = Delays(0.0002, 0.0005, 0.0, 0.0, 0.0004, 0.0, 0.0)
KINDS = {
    LAN: Delays(0.0002, 0.0005, 0.002, 0.05, 0.0004, 0.002, 0.4, reader_chance=0.02),
    REGION: Delays(0.004, 0.012, 0.01, 0.3, 0.004, 0.004, 0.8, 0.1, 0.05),
    ERRATIC: Delays(0.001, 0.03, 0.08, 1.2, 0.004, 0.03, 1.5, 0.5, 0.1),
}


@dataclass(frozen=True)
class RunConfig:
    """One run's."""

    replicas: int = 3
    delays: Delays = CALM
    quiet_seconds: float = 0.0
    """Before the first fault."""
    fault_seconds: float = 0.0
    """How long faults go on; then everything is mended."""
    fault_mean_seconds: float = 0.5
    """Between two faults, on average."""
    fault_weights: dict[str, float] = field(default_factory=dict)
    operations_per_second: float = 30.0
    reads_share: float = 0.3
    clients_max: int = 24
    """Operations under way at the same time."""
    repeat_chance: float = 0.0
    """That messages of the last connection arrive once more in the next one."""
    options: dict[str, int] = field(default_factory=dict)
    """For RaftOptions."""
    ending: str = MENDED
    """What the run ends with: everything mended, a majority of the disks lost, a fault that stays, or a backup."""
    remembered: int = 0
    """How many requests the shop remembers; 0: `request_model` runs instead of the shop."""


def draw(chance: Random, fault_names: tuple[str, ...]) -> RunConfig:
    """Draw a run: small bounds, so that what is rare in practice happens all the time."""
    return RunConfig(
        replicas=chance.choice((3, 3, 3, 5)),
        delays=replace(
            KINDS[chance.choice((LAN, LAN, REGION, ERRATIC))], looks_mean=chance.choice((0.0, 0.0, 3000.0, 500.0))
        ),
        quiet_seconds=chance.choice((0.0, 1.0, 2.0)),
        fault_seconds=chance.uniform(3.0, 7.0),
        fault_mean_seconds=chance.choice((0.2, 0.4, 0.8)),
        # Some runs are about a few faults alone, so that these meet each other often.
        fault_weights={name: chance.choice((0.0, 0.0, 1.0, 4.0)) for name in fault_names},
        operations_per_second=chance.choice((20.0, 40.0, 100.0)),
        reads_share=chance.choice((0.2, 0.5)),
        clients_max=chance.choice((4, 12, 24)),
        repeat_chance=chance.choice((0.0, 0.5)),
        ending=chance.choices((MENDED, TOO_FEW_DISKS, ONE_FAULT_STAYS, RESTORED), (16, 1, 1, 1))[0],
        remembered=chance.choice((0, 0, 0, 6, 24, 1000)),
        options={
            "log_entries_max": chance.choice((6, 12, 30, 80)),
            "log_bytes_max": chance.choice((300, 2000, 1 << 25)),
            "entry_bytes_max": chance.choice((150, 1 << 22)),
            "snapshot_chunk_bytes": chance.choice((200, 1000, 10_000)),
            "pipeline_entries_max": chance.choice((1, 4, 32)),
            "pipeline_bytes_max": chance.choice((60, 300, 100_000)),
            "message_bytes": chance.choice((40, 100, 1000)),
        },
    )
