"""Stories told again and again, each time with a crash, a stall, or an end, one step later."""

from collections.abc import Callable
from dataclasses import replace

from simulation.scenario import Scenario
from simulation.variants import HARDENED, Variant
from simulation.world import RunReport


def interrupted_installation(scenario: Scenario, steps: int) -> None:
    """A replica dies at a step of catching up by a snapshot."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader, 24)
    behind = scenario.others(leader)[0]
    scenario.isolate(behind)
    scenario.write_done(scenario.leader(scenario.others(behind)), 24)
    scenario[behind].crash(power=False)
    scenario[behind].start()
    scenario.join(behind, scenario.others(behind))
    scenario[behind].crash_in(steps)
    scenario.pass_time(2.0)
    scenario.start_again(behind)


def doubled_stream(scenario: Scenario, steps: int) -> None:
    """A follower gets the same entries in several streams, which end in the middle; then the leader is gone."""
    scenario.found()
    leader = scenario.leader()
    follower, bystander = scenario.others(leader)
    scenario.isolate(bystander)
    scenario.isolate(follower)
    scenario.write(leader, 24)
    scenario.pass_time(0.1)
    scenario.world.fabric.reset(leader, follower)
    scenario.pass_time(0.3)
    scenario.world.fabric.delays = replace(scenario.world.fabric.delays, network_mean=0.004)
    scenario.join(leader, follower)
    scenario.until(lambda: follower in scenario[leader].network.connections)
    for _ in range(4):
        scenario.write(leader)
        scenario.pass_time(0.002)
    scenario.pass_time(0.0005 * steps)
    scenario.cut(leader, follower)
    scenario.pass_time(0.05)
    scenario[leader].crash(power=False)
    scenario.join(follower, bystander)
    scenario.pass_time(2.5)
    scenario.start_again(leader)


def dying_leader(scenario: Scenario, steps: int) -> None:
    """A leader dies at a step while it writes, cuts its log and answers."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader, 4)
    scenario[leader].crash_in(steps)
    for _ in range(6):
        scenario.write(leader, 3)
        scenario.pass_time(0.02)
    scenario.pass_time(1.0)
    scenario.start_again(leader)


def dying_follower(scenario: Scenario, steps: int) -> None:
    """A follower dies at a step while it votes and follows a new leader."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader, 4)
    follower = scenario.others(leader)[0]
    scenario[leader].crash(power=True)
    scenario[follower].crash_in(steps)
    scenario.write(follower, 6)
    scenario.pass_time(1.5)
    scenario.start_again(leader, follower)


def dying_founder(scenario: Scenario, steps: int) -> None:
    """A replica dies at a step of a cluster's first moments."""
    scenario.world.start()
    scenario[scenario.names[0]].crash_in(steps)
    scenario.write(scenario.names[1], 4)
    scenario.pass_time(1.5)
    scenario.start_again(scenario.names[0])


def returning_blank(scenario: Scenario, steps: int) -> None:
    """A replica whose disk was replaced dies at a step of coming back."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader, 20)
    lost = scenario.others(leader)[0]
    scenario.wipe(lost)
    scenario.write_done(scenario.leader(scenario.others(lost)), 20)
    scenario[lost].start(bootstrap=True)
    scenario[lost].crash_in(steps)
    scenario.pass_time(2.0)
    scenario.start_again(lost)


def stalled_blank(scenario: Scenario, looks: int) -> None:
    """A replica whose disk was replaced, and that one other cannot hear, stands still at a look at the clock."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader, 6)
    lost = scenario.others(leader)[0]
    scenario.wipe(lost)
    scenario[lost].start(bootstrap=True)
    scenario.until(lambda: len(scenario[lost].network.connections) == len(scenario.names) - 1)
    scenario.cut(lost, leader)
    scenario.cut(leader, lost)
    scenario[lost].stall_in(looks, 1.2)
    scenario.pass_time(2.5)
    scenario.join(lost, leader)


def stalled_replica(scenario: Scenario, looks: int) -> None:
    """A follower that counts stands still at a look at the clock, while the leader hands over and writes go on."""
    scenario.found()
    leader = scenario.leader()
    scenario.write_done(leader, 4)
    follower, other = scenario.others(leader)
    scenario[follower].stall_in(looks, 1.2)
    scenario[leader].hand_over(wanted=True, to=other)
    scenario.write(leader, 4)
    scenario.pass_time(1.5)
    scenario[leader].hand_over(wanted=False)
    scenario.write(other, 4)
    scenario.pass_time(0.5)


def forgotten_vote(scenario: Scenario, looks: int) -> None:
    """A replica has elected a leader that nobody hears, lost its disk, and stands still beside the old leader.

    Its next term is the one in which it has voted already, and the old leader would make it the second leader of it.
    """
    old, voter, new = scenario.forget_a_vote()
    scenario.until(lambda: scenario.last_index(voter) == scenario.last_index(old))
    scenario[voter].stall_in(looks, 1.2)
    scenario.pass_time(2.5)
    scenario.join(new, [old, voter])
    scenario.pass_time(0.5)


SWEEPS: dict[str, Callable[[Scenario, int], None]] = {
    "interrupted installation": interrupted_installation,
    "doubled stream": doubled_stream,
    "dying leader": dying_leader,
    "dying follower": dying_follower,
    "dying founder": dying_founder,
    "returning blank": returning_blank,
    "stalled blank": stalled_blank,
    "stalled replica": stalled_replica,
    "forgotten vote": forgotten_vote,
}
"""By name: the scenario, for three replicas; it takes the number of steps (writes and messages) until the crash.

Those of stalls take the number of looks at the clock until their replica stands still.
"""
OPTIONS = {"log_entries_max": 8, "message_bytes": 100}
STREAM_OPTIONS = {"log_entries_max": 500, "message_bytes": 40}


def sweep(name: str, steps: int, seed: int = 0, variant: Variant = HARDENED) -> RunReport:
    """Play one of SWEEPS, with a crash `steps` ahead. Raises ScenarioImpossible."""
    options = STREAM_OPTIONS if name == "doubled stream" else OPTIONS
    return Scenario(seed, variant, **options).play(lambda scenario: SWEEPS[name](scenario, steps))
