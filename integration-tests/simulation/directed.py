"""Schedules made by hand, each for one order of events that random runs meet seldom or never.

Each begins with a calm, founded cluster, arranges what it is about, mends everything, and must end well. Whose part a
replica plays is found out as it goes; only times of elections depend on the seed.
"""

from collections.abc import Callable
from dataclasses import replace

from quitanda.domain.model import Kind
from quitanda_replica.state.keys import DOCUMENTS
from simulation import restoring
from simulation.story import Story, Unplayable
from simulation.variants import HARDENED, Variant
from simulation.world import Report

LEADER_FALLBACK_SECONDS = 2.5
"""In which a leader without a majority must have stepped down, with clocks that differ by a twentieth."""


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
    """Two replicas are cut off with one of them standing; its vote arrives twice, and the other three elect, too."""
    story.found()
    leader = story.leader()
    story[leader].crash(power=False)
    story.until(lambda: any(story[name].stands for name in story.others(leader)))
    one = next(name for name in story.others(leader) if story[name].stands)
    other = story.others(leader, one)[0]
    story.isolate(one, other)
    story.world.fabric.repeat_chance = 1.0
    story[leader].start()
    for _ in range(10):
        story.pass_time(0.01)
        story.world.fabric.reset(one, other)
        story.pass_time(0.3)
    story.pass_time(1.0)


def blank_reply(story: Story) -> None:
    """A replica that has voted for a new leader loses its disk, and acknowledges entries of the old one."""
    old, voter, new = story.forget_a_vote()
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
    story.until(lambda: story.world.judge.effects.get(written[0].request))
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


def leader_with_a_blank(story: Story) -> None:
    """Of three replicas one is gone and one has a blank disk, which the leader feeds and which answers it."""
    story.found()
    leader = story.leader()
    story.write_done(leader)
    gone, lost = story.others(leader)
    story[gone].crash(power=False)
    story.wipe(lost)
    story[lost].start(bootstrap=False)
    story.until(lambda: story.last_index(lost) == story.last_index(leader))
    story.pass_time(LEADER_FALLBACK_SECONDS)
    story.demand(not story[leader].leads, f"{leader} stays in office, and nobody else counts")
    story[gone].start()


def late_answer(story: Story) -> None:
    """A replica asks whether it may stand, hears the leader again, and only then gets the answer that it may."""
    story.found()
    leader = story.leader()
    story.write_done(leader)
    asking, asked = story.others(leader)
    story.cut(leader, [asking, asked])
    story.pass_time(0.45)
    story.cut(asked, asking)
    story.pass_time(0.8)
    story.mend(leader, [asking, asked])
    story.pass_time(0.05)
    term = story[leader].term
    if not story[leader].leads or story[asking].stands:
        raise Unplayable("the answer came in time")
    story.mend(asked, asking)
    story.pass_time(0.5)
    story.demand(story[leader].leads and story[leader].term == term, f"{asking} stands though it hears {leader}")


def older_entry(story: Story) -> None:
    """An entry of an earlier term reaches a majority, and its leader's own entry does not (Raft, figure 8)."""
    story.found()
    first = story.leader()
    story.write_done(first, 2)
    follower, rival = story.others(first)
    story.isolate(first)
    story.write(first)
    story.until(lambda: story.last_index(first) > story.last_index(follower))
    older = story.last_index(first)
    # The rival leads a later term and appends; nobody hears of it.
    story.until(lambda: story[follower].leads or story[rival].leads)
    if story[follower].leads:
        follower, rival = rival, follower
    story.isolate(rival)
    story.world.fabric.reset(rival, follower)
    story.pass_time(0.05)
    # The first one leads again, and its old entry arrives, but not the new one behind it.
    story.world.fabric.delays = replace(story.world.fabric.delays, network_mean=0.02)
    story.join(first, follower)
    story.until(lambda: story[first].leads and story[first].term > story[rival].term)
    story.until(lambda: story.last_index(follower) >= older)
    if story.last_index(follower) != older:
        raise Unplayable("both entries came together")
    story.cut(first, follower)
    story.pass_time(0.1)
    # It is gone, and the rival, whose last entry is of a later term than the old one, may lead.
    story[first].crash(power=False)
    story.join(rival, follower)
    story.until(lambda: story[rival].leads)
    story.pass_time(0.2)
    story[first].start()


def other_members(story: Story) -> None:
    """A replica comes back with a longer list of replicas than the others'."""
    story.found()
    story.write_done(story.leader(), 3)
    name = story.others(story.leader())[0]
    longer = story.world.addresses | {"replica9": "replica9:1"}
    restoring.come_up_as_stranger(story.world, name, dict(story[name].disk.content), addresses=longer)
    restoring.see_stranger_refused(story.world, name)


def other_cluster(story: Story) -> None:
    """A replica comes up with a disk of another cluster, whose replicas have the same names and the same secret."""
    other = Story(story.world.seed + 1, story.world.variant)
    with other.world.simulated():
        other.found()
        other.write_done(other.leader(), 12)
    story.found()
    story.write_done(story.leader(), 3)
    name = story.others(story.leader())[0]
    restoring.come_up_as_stranger(story.world, name, other[name].disk.content)
    restoring.see_stranger_refused(story.world, name)


def stale_disk(story: Story) -> None:
    """After a restore one replica comes up with its disk of before, which is further, and in a later term."""
    story.found()
    story.write_done(story.leader(), 6)
    story.until(story.world.well)
    backup = restoring.back_up(story.world)
    for _ in range(4):
        first = story.leader()
        story[first].crash(power=False)
        story.write_done(story.leader(story.others(first)), 12)
        story[first].start()
        story.until(story.world.well)
    stale = story.leader()
    old = dict(story[stale].disk.content)
    restoring.restore(story.world, backup)
    story.until(story.world.well)
    story.write_done(story.leader(), 3)
    restoring.come_up_as_stranger(story.world, stale, old)
    restoring.see_stranger_refused(story.world, stale)


def quiet_damage(story: Story) -> None:
    """A follower's state changes without any checksum's notice; its digest must tell, and it alone must stop."""
    story.found()
    leader = story.leader()
    story.write_done(leader, 30)
    wrong = story.others(leader)[0]
    story.until(story.world.well)
    story[wrong].disk.alter(DOCUMENTS[Kind.PRODUCT])
    for _ in range(6):
        story.write_done(leader, 4)
    story.until(lambda: not story[wrong].up)
    story.write_done(leader, 4)
    story.wipe(wrong)
    story[wrong].start()


def failed_hand_over(story: Story) -> None:
    """The one that is to lead stands still; the leader gives it up, and takes writes again at once."""
    story.found()
    leader = story.leader()
    gone, _ = story.others(leader)
    story[gone].pause()
    story[leader].hand_over(wanted=True, to=gone)
    story.pass_time(0.2)
    story[leader].hand_over(wanted=False)
    term = story[leader].term
    written = story.write(leader, 3)
    story.pass_time(1.0)
    story.demand(story[leader].leads and story[leader].term == term, f"{leader} does not lead on")
    story.demand(all(each.done for each in written), f"{leader} takes no writes again")
    story[gone].resume()


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
    "leader with a blank": (leader_with_a_blank, 3),
    "late answer": (late_answer, 3),
    "older entry": (older_entry, 3),
    "other members": (other_members, 3),
    "other cluster": (other_cluster, 3),
    "stale disk": (stale_disk, 3),
    "quiet damage": (quiet_damage, 3),
    "failed hand-over": (failed_hand_over, 3),
}
"""By name: the schedule and how many replicas it needs."""
OPTIONS = {
    "long conflict": {"message_bytes": 40},
    "older entry": {"message_bytes": 1},
    "quiet damage": {"remembered": 1000},
    "stale disk": {"remembered": 1000},
    "slow reader": {"log_entries_max": 8},
    "late snapshot": {"log_entries_max": 8, "snapshot_chunk_bytes": 100_000},
}
"""What a schedule needs beside the usual."""


def play(name: str, seed: int, variant: Variant = HARDENED) -> Report:
    """Play one of SCHEDULES. Raises Unplayable."""
    schedule, replicas = SCHEDULES[name]
    return Story(seed, variant, replicas, **OPTIONS.get(name, {})).play(schedule)
