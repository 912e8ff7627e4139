"""The project's Raft with single repairs left out."""

from dataclasses import dataclass, field

from quitanda_replica.raft.consensus import Consensus

from simulation.replica import Host, Replica


@dataclass(frozen=True)
class Variant:
    """What runs in a simulation."""

    name: str
    what: str
    """What is left out."""
    consensus: type[Consensus] = Consensus
    replica: type[Host] = Replica
    options: dict = field(default_factory=dict)
    synced: bool = True
    durable: bool = True
    """The judge may look for entries on the disks."""


HARDENED = Variant("", "nothing")
