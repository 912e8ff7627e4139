"""Schedules made by hand, each for one order of events that random runs meet seldom or never.

Each begins with a calm, founded cluster, arranges what it is about, mends everything, and must end well. Whose part a
replica plays is found out as it goes; only times of elections depend on the seed.
"""

from collections.abc import Callable
from dataclasses import replace

from simulation.circumstances import Circumstances
from simulation.clients import Operation
from simulation.variants import HARDENED, Variant
from simulation.world import Report, World

WAIT_SECONDS = 8.0
PROGRESS_SECONDS = 6.0
"""Less than after random faults: nothing is slow here."""
OPTIONS = {"log_entries_max": 500, "snapshot_chunk_bytes": 200, "pipeline_entries_max": 32, "message_bytes": 1000}


class Unplayable(Exception):
    """The schedule could not be arranged with this seed; another one may do."""


class Story:
    """The verbs that schedules are told with."""

    def __init__(self, seed: int, variant: Variant, replicas: int = 3, **options: int):
        circumstances = Circumstances(replicas=replicas, options=OPTIONS | options)
        self.world = World(seed, variant, circumstances)
        self.names = list(self.world.replicas)

    def __getitem__(self, name):
        return self.world.replicas[name]

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.world.run(seconds)

    def until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until `condition`. A violation ends every waiting."""
        if not self.world.run(WAIT_SECONDS, condition) and not self.world.judge.violations:
            raise Unplayable(condition)

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

    def write(self, name: str, count: int = 1) -> list[Operation]:
        """Send writes to the replica `name`."""
        return [self.world.clients.write(name) for _ in range(count)]

    def read(self, name: str) -> Operation:
        """Send a read to the replica `name`."""
        return self.world.clients.read(name)

    def write_done(self, name: str, count: int = 1) -> None:
        """Write and wait for the answers."""
        operations = self.write(name, count)
        self.until(lambda: all(operation.done for operation in operations))

    def wipe(self, name: str) -> None:
        """Replace a replica's disk by a blank one; it does not run afterwards."""
        self[name].crash(power=True)
        self[name].disk.wipe()

    def last_index(self, name: str) -> int:
        """Index of the last entry in the log of `name`."""
        return self[name].journal[-1][1]

    @staticmethod
    def _own_entry_committed(replica) -> bool:
        log = replica.journal
        index = replica.commit_index
        return index >= log[0][1] and log[index - log[0][1]][2] == replica.term


def stale_reply(story: Story) -> None:
    """A reply of an old leadership arrives in a new one of the same replica, whose log was another meanwhile."""
    story.found()
    old = story.leader()
    follower, bystander, *rest = story.others(old)
    # The old leader's entries reach one follower, whose replies are held back.
    story.cut(old, [bystander, *rest])
    story.cut([bystander, *rest, follower], old)
    story.write(old, 8)
    story.until(lambda: story.last_index(follower) >= story.last_index(old) >= 10)
    story.cut(old, follower)
    story.isolate(follower)
    # Others lead and go another way, and so do, later, the two.
    middle = story.leader([bystander, *rest])
    story.write_done(middle)
    story.join([bystander, *rest], follower)
    story.cut(follower, old)
    story.join([bystander, *rest], old)
    story.until(lambda: story.last_index(old) == story.last_index(follower) == story.last_index(middle))
    # The old leader leads again, heard by one of the others alone, and appends where it once did.
    ally = next(name for name in [*rest, bystander] if name != middle)
    story[middle].hand_over(wanted=True, to=old)
    story.until(lambda: story[old].leads)
    story.cut(old, [name for name in story.others(old) if name != ally])
    story.write(old, 8)
    story.until(lambda: story.last_index(ally) >= 10)
    story.mend(follower, old)
    story.pass_time(0.1)


def doubled_vote(story: Story) -> None:
    """A vote arrives twice, before and after its conversation is reset."""
    story.found()
    one, other = story.names[:2]
    story.isolate(one, other)
    story.world.fabric.repeat_chance = 1.0
    story.until(lambda: story[one].term > 0 and story[one].journal[-1][1] == 1)
    for _ in range(20):
        story.pass_time(0.01)
        story.world.fabric.reset(one, other)
        story.pass_time(0.3)
    story.pass_time(1.0)


def blank_reply(story: Story) -> None:
    """A replica that has voted for a new leader loses its disk, and acknowledges entries of the old one."""
    story.found()
    old = story.leader()
    story.write_done(old)
    voter, new = story.others(old)
    story.isolate(old)
    story.until(lambda: story[new].leads or story[voter].leads)
    if story[voter].leads:
        voter, new = new, voter
    story.isolate(new)
    story.wipe(voter)
    story.join(old, voter)
    story[voter].start(bootstrap=False)
    story.write(old, 3)
    story.pass_time(1.0)
    story.join(new, [old, voter])
    story.pass_time(0.5)


def long_conflict(story: Story) -> None:
    """A replica with many entries of its own comes back to a leader that has many messages for it."""
    story.found()
    old = story.leader()
    story.isolate(old)
    story.write(old, 30)
    new = story.leader(story.others(old))
    story.write_done(new, 24)
    story.write_done(new, 24)
    for other in story.others(old):
        story.world.fabric.reset(old, other)
    story.pass_time(0.3)
    story.join(old, story.others(old))
    story.pass_time(1.0)


def stale_read(story: Story) -> None:
    """A leader that is cut off does not know yet that another one leads."""
    story.found()
    old = story.leader()
    story.isolate(old)
    new = story.leader(story.others(old))
    story.write_done(new)
    if story[old].leads:
        story.read(old)
    story.pass_time(0.5)


def early_read(story: Story) -> None:
    """A new leader is asked before it knows what its predecessor has committed."""
    story.found()
    old = story.leader()
    new, third = story.others(old)
    story[third].delays = story.world.slow
    written = story.write(old)
    story.until(lambda: story.world.judge.effects.get(written[0].request) is not None)
    story.cut(old, [new, third])
    story.until(lambda: written[0].done)
    story[old].crash(power=False)
    story.until(lambda: story[new].leads or story[third].leads)
    story.read(new if story[new].leads else third)
    story.pass_time(0.5)


def power_cut(story: Story) -> None:
    """All replicas lose their power at once, right behind an answer, and come back one by one."""
    story.found()
    for _ in range(3):
        story.write_done(story.leader(), 6)
        for name in story.names:
            story[name].crash(power=True)
        for name in story.names:
            story.pass_time(0.2)
            story[name].start()
        story.pass_time(0.5)


def late_snapshot(story: Story) -> None:
    """A snapshot arrives once more when its receiver is further already."""
    story.found()
    leader = story.leader()
    behind = story.others(leader)[0]
    story.isolate(behind)
    story.write_done(leader, 24)
    for other in story.others(behind):
        story.world.fabric.reset(behind, other)
    story.pass_time(0.3)
    story.world.fabric.repeat_chance = 1.0
    story.join(behind, story.others(behind))
    story.until(lambda: story.world.counts["snapshots"] > 0)
    for _ in range(4):
        story.write(leader, 1)
        story.pass_time(0.01)
        story.world.fabric.reset(leader, behind)
        story.pass_time(0.3)


def slow_reader(story: Story) -> None:
    """A reader that may go on looks at the state only when its replica, which led, is getting another one."""
    story.found()
    old = story.leader()
    story.write_done(old, 40)
    story[old].delays = replace(story[old].delays, reader_chance=1.0, reader_max=6.0, disk_mean=0.02)
    for _ in range(30):
        story.read(old)
    story.pass_time(0.1)
    story.isolate(old)
    new = story.leader(story.others(old))
    for _ in range(8):
        story.write_done(new, 24)
    for other in story.others(old):
        story.world.fabric.reset(old, other)
    story.join(old, story.others(old))
    story.pass_time(5.0)


def replaced_entry(story: Story) -> None:
    """An entry that nobody else has is replaced by a later leader's, which is committed at once."""
    story.found()
    old = story.leader()
    story.isolate(old)
    story.write(old, 3)
    new = story.leader(story.others(old))
    story.write_done(new, 3)
    story.join(old, story.others(old))
    story.pass_time(0.5)


def interrupted_installation(story: Story, steps: int) -> None:
    """A replica dies at a step of catching up by a snapshot."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 24)
    behind = story.others(leader)[0]
    story.isolate(behind)
    story.write_done(story.leader(story.others(behind)), 24)
    story[behind].crash(power=False)
    story[behind].start()
    story.join(behind, story.others(behind))
    story[behind].crash_in(steps)
    story.pass_time(2.0)
    _start_again(story, behind)


def doubled_stream(story: Story, steps: int) -> None:
    """A follower gets the same entries in several streams, which end in the middle; then the leader is gone."""
    story.found()
    leader = story.leader()
    follower, bystander = story.others(leader)
    story.isolate(bystander)
    story.isolate(follower)
    story.write(leader, 24)
    story.pass_time(0.1)
    story.world.fabric.reset(leader, follower)
    story.pass_time(0.3)
    story.world.fabric.delays = replace(story.world.fabric.delays, network_mean=0.004)
    story.join(leader, follower)
    story.until(lambda: follower in story[leader].network.conversations)
    for _ in range(4):
        story.write(leader)
        story.pass_time(0.002)
    story.pass_time(0.0005 * steps)
    story.cut(leader, follower)
    story.pass_time(0.05)
    story[leader].crash(power=False)
    story.join(follower, bystander)
    story.pass_time(2.5)
    _start_again(story, leader)


def dying_leader(story: Story, steps: int) -> None:
    """A leader dies at a step while it writes, cuts its log and answers."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 4)
    story[leader].crash_in(steps)
    for _ in range(6):
        story.write(leader, 3)
        story.pass_time(0.02)
    story.pass_time(1.0)
    _start_again(story, leader)


def dying_follower(story: Story, steps: int) -> None:
    """A follower dies at a step while it votes and follows a new leader."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 4)
    follower = story.others(leader)[0]
    story[leader].crash(power=True)
    story[follower].crash_in(steps)
    story.write(follower, 6)
    story.pass_time(1.5)
    _start_again(story, leader, follower)


def dying_founder(story: Story, steps: int) -> None:
    """A replica dies at a step of a cluster's first moments."""
    story.world.start()
    story[story.names[0]].crash_in(steps)
    story.write(story.names[1], 4)
    story.pass_time(1.5)
    _start_again(story, story.names[0])


def returning_blank(story: Story, steps: int) -> None:
    """A replica whose disk was replaced dies at a step of coming back."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 20)
    lost = story.others(leader)[0]
    story.wipe(lost)
    story.write_done(story.leader(story.others(lost)), 20)
    story[lost].start(bootstrap=True)
    story[lost].crash_in(steps)
    story.pass_time(2.0)
    _start_again(story, lost)


def _start_again(story: Story, *names: str) -> None:
    for name in names:
        if not story[name].up:
            story[name].start()
    story.pass_time(0.3)


def _names(names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


SCHEDULES: dict[str, tuple[Callable[[Story], None], int]] = {
    "stale reply": (stale_reply, 5),
    "doubled vote": (doubled_vote, 5),
    "blank reply": (blank_reply, 3),
    "long conflict": (long_conflict, 3),
    "stale read": (stale_read, 3),
    "early read": (early_read, 3),
    "power cut": (power_cut, 3),
    "late snapshot": (late_snapshot, 3),
    "slow reader": (slow_reader, 3),
    "replaced entry": (replaced_entry, 3),
}
"""By name: the schedule and how many replicas it needs."""
SWEEPS: dict[str, Callable[[Story, int], None]] = {
    "interrupted installation": interrupted_installation,
    "doubled stream": doubled_stream,
    "dying leader": dying_leader,
    "dying follower": dying_follower,
    "dying founder": dying_founder,
    "returning blank": returning_blank,
}
"""By name: schedules with a crash at a step (a write or a message) that is chosen, for three replicas."""
SWEEP_OPTIONS = {"log_entries_max": 8, "message_bytes": 100}
STREAM_OPTIONS = {"log_entries_max": 500, "message_bytes": 40}


LATE = {"log_entries_max": 8, "snapshot_chunk_bytes": 100_000}


def play(name: str, seed: int, variant: Variant = HARDENED) -> Report:
    """Play one of SCHEDULES. Raises Unplayable."""
    schedule, replicas = SCHEDULES[name]
    options = {long_conflict: {"message_bytes": 40}, slow_reader: {"log_entries_max": 8}, late_snapshot: LATE}.get(
        schedule, {}
    )
    return _play(Story(seed, variant, replicas, **options), schedule)


def sweep(name: str, steps: int, seed: int = 0, variant: Variant = HARDENED) -> Report:
    """Play one of SWEEPS, with a crash `steps` ahead. Raises Unplayable."""
    options = STREAM_OPTIONS if name == "doubled stream" else SWEEP_OPTIONS
    return _play(Story(seed, variant, **options), lambda story: SWEEPS[name](story, steps))


def _play(story: Story, schedule: Callable[[Story], None]) -> Report:
    world = story.world
    with world.simulated():
        try:
            schedule(story)
            if not world.judge.violations:
                world.recover(PROGRESS_SECONDS)
        finally:
            for replica in world.replicas.values():
                replica.close()
    return world.report()
