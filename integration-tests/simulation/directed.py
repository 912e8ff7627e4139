"""Schedules made by hand, each for one order of events that random runs meet seldom or never.

Each begins with a calm, founded cluster, arranges what it is about, mends everything, and must end well. Whose part a
replica plays is found out as it goes; only times of elections depend on the seed.
"""

from collections.abc import Callable
from dataclasses import replace

from quitanda.domain.model import Kind
from quitanda_replica.state.keys import DOCUMENTS
from simulation import restoring
from simulation.scenario import Scenario, ScenarioImpossible
from simulation.variants import HARDENED, Variant
from simulation.world import RunReport

LEADER_FALLBACK_SECONDS = 2.5
"""In which a leader without a majority must have stepped down, with clocks that differ by a twentieth."""


def stale_reply(scenario: Scenario) -> None:
    """A reply of an old leadership arrives in a new one of the same replica, whose log was another meanwhile."""
    scenario.found()
    old = scenario.leader()
    follower, bystander, *rest = scenario.others(old)
    # The old leader's entries reach one follower, whose replies are held back.
    scenario.cut(old, [bystander, *rest])
    scenario.cut([bystander, *rest, follower], old)
    scenario.write(old, 8)
    scenario.until(lambda: scenario.last_index(follower) >= scenario.last_index(old) >= 10)
    scenario.cut(old, follower)
    scenario.isolate(follower)
    # Others lead and go another way, and so do, later, the two.
    middle = scenario.leader([bystander, *rest])
    scenario.write_done(middle)
    scenario.join([bystander, *rest], follower)
    scenario.cut(follower, old)
    scenario.join([bystander, *rest], old)
    scenario.until(lambda: scenario.last_index(old) == scenario.last_index(follower) == scenario.last_index(middle))
    # The old leader leads again, heard by one of the others alone, and appends where it once did.
    ally = next(name for name in [*rest, bystander] if name != middle)
    scenario[middle].hand_over(wanted=True, to=old)
    scenario.until(lambda: scenario[old].leads)
    scenario.cut(old, [name for name in scenario.others(old) if name != ally])
    scenario.write(old, 8)
    scenario.until(lambda: scenario.last_index(ally) >= 10)
    scenario.mend(follower, old)
    scenario.pass_time(0.1)


def doubled_vote(scenario: Scenario) -> None:
    """Two replicas are cut off with one of them standing; its vote arrives twice, and the other three elect, too."""
    scenario.found()
    leader = scenario.leader()
    scenario[leader].crash(power=False)
    scenario.until(lambda: any(scenario[name].stands for name in scenario.others(leader)))
    one = next(name for name in scenario.others(leader) if scenario[name].stands)
    other = scenario.others(leader, one)[0]
    scenario.isolate(one, other)
    scenario.world.fabric.repeat_chance = 1.0
    scenario[leader].start()
    for _ in range(10):
        scenario.pass_time(0.01)
        scenario.world.fabric.reset(one, other)
        scenario.pass_time(0.3)
    scenario.pass_time(1.0)


def blank_reply(scenario: Scenario) -> None:
    """A replica that has voted for a new leader loses its disk, and acknowledges entries of the old one."""
    old, voter, new = scenario.forget_a_vote()
    scenario.write(old, 3)
    scenario.pass_time(1.0)
    scenario.join(new, [old, voter])
    scenario.pass_time(0.5)


def long_conflict(scenario: Scenario) -> None:
    """A replica with many entries of its own comes back to a leader that has many messages for it."""
    scenario.found()
    old = scenario.leader()
    scenario.isolate(old)
    scenario.write(old, 30)
    new = scenario.leader(scenario.others(old))
    scenario.write_done(new, 24)
    scenario.write_done(new, 24)
    for other in scenario.others(old):
        scenario.world.fabric.reset(old, other)
    scenario.pass_time(0.3)
    scenario.join(old, scenario.others(old))
    scenario.pass_time(1.0)


def stale_read(scenario: Scenario) -> None:
    """A leader that is cut off does not know yet that another one leads."""
    scenario.found()
    old = scenario.leader()
    scenario.isolate(old)
    new = scenario.leader(scenario.others(old))
    scenario.write_done(new)
    if scenario[old].leads:
        scenario.read(old)
    scenario.pass_time(0.5)


def early_read(scenario: Scenario) -> None:
    """A new leader is asked before it knows what its predecessor has committed."""
    scenario.found()
    old = scenario.leader()
    new, third = scenario.others(old)
    scenario[third].delays = scenario.world.slow
    written = scenario.write(old)
    scenario.until(lambda: bool(scenario.world.checker.effects.get(written[0].request)))
    scenario.cut(old, [new, third])
    scenario.until(lambda: written[0].done)
    scenario[old].crash(power=False)
    scenario.until(lambda: scenario[new].leads or scenario[third].leads)
    scenario.read(new if scenario[new].leads else third)
    scenario.pass_time(0.5)


def power_cut(scenario: Scenario) -> None:
    """All replicas lose their power at once, right behind an answer, and come back one by one."""
    scenario.found()
    for _ in range(3):
        scenario.write_done(scenario.leader(), 6)
        for name in scenario.names:
            scenario[name].crash(power=True)
        for name in scenario.names:
            scenario.pass_time(0.2)
            scenario[name].start()
        scenario.pass_time(0.5)


def late_snapshot(scenario: Scenario) -> None:
    """A snapshot arrives once more when its receiver is further already."""
    scenario.found()
    leader = scenario.leader()
    behind = scenario.others(leader)[0]
    scenario.isolate(behind)
    scenario.write_done(leader, 24)
    for other in scenario.others(behind):
        scenario.world.fabric.reset(behind, other)
    scenario.pass_time(0.3)
    scenario.world.fabric.repeat_chance = 1.0
    scenario.join(behind, scenario.others(behind))
    scenario.until(lambda: scenario.world.counts["snapshots"] > 0)
    for _ in range(4):
        scenario.write(leader, 1)
        scenario.pass_time(0.01)
        scenario.world.fabric.reset(leader, behind)
        scenario.pass_time(0.3)


def slow_reader(scenario: Scenario) -> None:
    """A reader that may go on looks at the state only when its replica, which led, is getting another one."""
    scenario.found()
    old = scenario.leader()
    scenario.write_done(old, 40)
    scenario[old].delays = replace(scenario[old].delays, reader_chance=1.0, reader_max=6.0, disk_mean=0.02)
    for _ in range(30):
        scenario.read(old)
    scenario.pass_time(0.1)
    scenario.isolate(old)
    new = scenario.leader(scenario.others(old))
    for _ in range(8):
        scenario.write_done(new, 24)
    for other in scenario.others(old):
        scenario.world.fabric.reset(old, other)
    scenario.join(old, scenario.others(old))
    scenario.pass_time(5.0)


def replaced_entry(scenario: Scenario) -> None:
    """An entry that nobody else has is replaced by a later leader's, which is committed at once."""
    scenario.found()
    old = scenario.leader()
    scenario.isolate(old)
    scenario.write(old, 3)
    new = scenario.leader(scenario.others(old))
    scenario.write_done(new, 3)
    scenario.join(old, scenario.others(old))
    scenario.pass_time(0.5)


def leader_with_a_blank(scenario: Scenario) -> None:
    """Of three replicas one is gone and one has a blank disk, which the leader feeds and which answers it."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader)
    gone, lost = scenario.others(leader)
    scenario[gone].crash(power=False)
    scenario.wipe(lost)
    scenario[lost].start(bootstrap=False)
    scenario.until(lambda: scenario.last_index(lost) == scenario.last_index(leader))
    scenario.pass_time(LEADER_FALLBACK_SECONDS)
    scenario.demand(not scenario[leader].leads, f"{leader} stays in office, and nobody else counts")
    scenario[gone].start()


def late_answer(scenario: Scenario) -> None:
    """A replica asks whether it may stand, hears the leader again, and only then gets the answer that it may."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader)
    asking, asked = scenario.others(leader)
    scenario.cut(leader, [asking, asked])
    scenario.pass_time(0.45)
    scenario.cut(asked, asking)
    scenario.pass_time(0.8)
    scenario.mend(leader, [asking, asked])
    scenario.pass_time(0.05)
    term = scenario[leader].term
    if not scenario[leader].leads or scenario[asking].stands:
        raise ScenarioImpossible("the answer came in time")
    scenario.mend(asked, asking)
    scenario.pass_time(0.5)
    scenario.demand(
        scenario[leader].leads and scenario[leader].term == term, f"{asking} stands though it hears {leader}"
    )


def older_entry(scenario: Scenario) -> None:
    """An entry of an earlier term reaches a majority, and its leader's own entry does not (Raft, figure 8)."""
    scenario.found()
    first = scenario.leader()
    scenario.write_done(first, 2)
    follower, rival = scenario.others(first)
    scenario.isolate(first)
    scenario.write(first)
    scenario.until(lambda: scenario.last_index(first) > scenario.last_index(follower))
    older = scenario.last_index(first)
    # The rival leads a later term and appends; nobody hears of it.
    scenario.until(lambda: scenario[follower].leads or scenario[rival].leads)
    if scenario[follower].leads:
        follower, rival = rival, follower
    scenario.isolate(rival)
    scenario.world.fabric.reset(rival, follower)
    scenario.pass_time(0.05)
    # The first one leads again, and its old entry arrives, but not the new one behind it.
    scenario.world.fabric.delays = replace(scenario.world.fabric.delays, network_mean=0.02)
    scenario.join(first, follower)
    scenario.until(lambda: scenario[first].leads and scenario[first].term > scenario[rival].term)
    scenario.until(lambda: scenario.last_index(follower) >= older)
    if scenario.last_index(follower) != older:
        raise ScenarioImpossible("both entries came together")
    scenario.cut(first, follower)
    scenario.pass_time(0.1)
    # It is gone, and the rival, whose last entry is of a later term than the old one, may lead.
    scenario[first].crash(power=False)
    scenario.join(rival, follower)
    scenario.until(lambda: scenario[rival].leads)
    scenario.pass_time(0.2)
    scenario[first].start()


def other_members(scenario: Scenario) -> None:
    """A replica comes back with a longer list of replicas than the others'."""
    scenario.found()
    scenario.write_done(scenario.leader(), 3)
    name = scenario.others(scenario.leader())[0]
    longer = scenario.world.addresses | {"replica9": "replica9:1"}
    restoring.start_foreign_replica(scenario.world, name, dict(scenario[name].disk.content), addresses=longer)
    restoring.see_foreign_replica_refused(scenario.world, name)


def other_cluster(scenario: Scenario) -> None:
    """A replica comes up with a disk of another cluster, whose replicas have the same names and the same secret."""
    other = Scenario(scenario.world.seed + 1, scenario.world.variant)
    with other.world.simulated():
        other.found()
        other.write_done(other.leader(), 12)
    scenario.found()
    scenario.write_done(scenario.leader(), 3)
    name = scenario.others(scenario.leader())[0]
    restoring.start_foreign_replica(scenario.world, name, other[name].disk.content)
    restoring.see_foreign_replica_refused(scenario.world, name)


def stale_disk(scenario: Scenario) -> None:
    """After a restore one replica comes up with its disk of before, which is further, and in a later term."""
    scenario.found()
    scenario.write_done(scenario.leader(), 6)
    scenario.until(scenario.world.well)
    backup = restoring.back_up(scenario.world)
    for _ in range(4):
        first = scenario.leader()
        scenario[first].crash(power=False)
        scenario.write_done(scenario.leader(scenario.others(first)), 12)
        scenario[first].start()
        scenario.until(scenario.world.well)
    stale = scenario.leader()
    old = dict(scenario[stale].disk.content)
    restoring.restore(scenario.world, backup)
    scenario.until(scenario.world.well)
    scenario.write_done(scenario.leader(), 3)
    restoring.start_foreign_replica(scenario.world, stale, old)
    restoring.see_foreign_replica_refused(scenario.world, stale)


def quiet_damage(scenario: Scenario) -> None:
    """A follower's state changes without any checksum's notice; its digest must tell, and it alone must stop."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader, 30)
    wrong = scenario.others(leader)[0]
    scenario.until(scenario.world.well)
    scenario[wrong].disk.alter(DOCUMENTS[Kind.PRODUCT])
    for _ in range(6):
        scenario.write_done(leader, 4)
    scenario.until(lambda: not scenario[wrong].up)
    scenario.write_done(leader, 4)
    scenario.wipe(wrong)
    scenario[wrong].start()


def failed_hand_over(scenario: Scenario) -> None:
    """The one that is to lead stands still; the leader gives it up, and takes writes again at once."""
    scenario.found()
    leader = scenario.leader()
    gone, _ = scenario.others(leader)
    scenario[gone].pause()
    scenario[leader].hand_over(wanted=True, to=gone)
    scenario.pass_time(0.2)
    scenario[leader].hand_over(wanted=False)
    term = scenario[leader].term
    written = scenario.write(leader, 3)
    scenario.pass_time(1.0)
    scenario.demand(scenario[leader].leads and scenario[leader].term == term, f"{leader} does not lead on")
    scenario.demand(all(each.done for each in written), f"{leader} takes no writes again")
    scenario[gone].resume()


SCHEDULES: dict[str, tuple[Callable[[Scenario], None], int]] = {
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


def play(name: str, seed: int, variant: Variant = HARDENED) -> RunReport:
    """Play one of SCHEDULES. Raises ScenarioImpossible."""
    schedule, replicas = SCHEDULES[name]
    return Scenario(seed, variant, replicas, **OPTIONS.get(name, {})).play(schedule)
