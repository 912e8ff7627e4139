"""Backups and what comes of them: a cluster that begins with one, and replicas that come up with another past.

A restored cluster is another cluster. Its history begins where the backup was made, and so does the checker's. A
replica whose disk is from before, or from elsewhere, does not belong to it: the checker says nothing about what that
replica believes, but it sees in the others everything that the replica might do to them.
"""

from dataclasses import dataclass

from quitanda_replica.raft.journal import APPLIED_KEY, log_key, read_applied, read_term
from quitanda_replica.raft.learner import stage_restored_log
from quitanda_replica.raft.snapshot_sender import STATE_PREFIX
from simulation.shop_model import MemoryStore

STRANGER_SECONDS = 5.0


@dataclass(frozen=True)
class SimulatedBackup:
    """The state behind an entry, and what the checker knew then."""

    pairs: dict[bytes, bytes]
    index: int
    term: int
    mark: object

    def content(self) -> dict[bytes, bytes]:
        """Return what a disk holds into which the backup is restored."""
        store = MemoryStore()
        store.content.update(self.pairs)
        stage_restored_log(store, self.index, self.term, f"backup of entry {self.index} in {self.term}")
        return store.content


def back_up(world) -> SimulatedBackup:
    """Back the state up; everything must be well. A backup of a replica that is at the end of the true log."""
    (content, *_) = (replica.disk.content for replica in world.replicas.values() if replica.up and replica.voting)
    index = read_applied(content[APPLIED_KEY])
    pairs = {key: value for key, value in content.items() if key.startswith(STATE_PREFIX)}
    return SimulatedBackup(pairs, index, read_term(content[log_key(index)]), world.checker.mark())


def restore(world, backup: SimulatedBackup) -> None:
    """Begin a new cluster with the backup, on all replicas."""
    world.count("restored clusters")
    world.trace.note("administrator", f"restores the backup of entry {backup.index}")
    for replica in world.replicas.values():
        replica.crash(power=False)
        replica.disk.replace_by(backup.content())
    world.checker.begin_again(backup.mark)
    for replica in world.replicas.values():
        replica.start(bootstrap=False)


def start_foreign_replica(world, name: str, content: dict[bytes, bytes], **settings) -> None:
    """Start a replica with a disk of another past, or with other settings than the rest."""
    replica = world.replicas[name]
    replica.crash(power=False)
    replica.disk.replace_by(content)
    world.checker.foreign_replicas.add(name)
    world.count("foreign replicas")
    world.trace.note(name, "starts as a foreign replica")
    replica.start(**settings)


def see_foreign_replica_refused(world, name: str) -> None:
    """Let time pass with a foreign replica: the others refuse it; with a blank disk it is one of them again."""
    refused, answered = world.counts["refused greetings"], world.counts["acknowledged writes"]
    world.clients.resume()
    world.run(STRANGER_SECONDS)
    world.clients.stop()
    if world.checker.violations:
        return
    if world.counts["refused greetings"] == refused:
        world.checker.accuse("foreign replica", f"nobody refuses {name}")
    if world.counts["acknowledged writes"] == answered:
        world.checker.accuse("foreign replica", f"no write is acknowledged while {name} is there")
    if world.replicas[name].view() and world.replicas[name].leads:
        world.checker.accuse("foreign replica", f"{name} leads")
    foreign_replica = world.replicas[name]
    foreign_replica.crash(power=False)
    world.checker.foreign_replicas.discard(name)
    foreign_replica.lose_disk()
    foreign_replica.start(bootstrap=False)
    world.recover()
