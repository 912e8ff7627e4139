"""What breaks when is decided by the seed, and is done to whoever has the role at that moment, and undone again."""

import asyncio
import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from chaos import schedule
from chaos.expiry_times import wrong_expiries
from chaos.fault_injector import FaultInjector
from chaos.schedule import Break, FaultStep, FaultTarget

from quitanda.domain.commands import SetOrderDeadline
from quitanda.domain.model import Order
from quitanda.domain.outcomes import Done
from quitanda.errors import OutcomeUnknown
from quitanda_local.errors import DeadlineExceeded, NotRunning
from quitanda_testing.cluster.cluster import Fault
from quitanda_testing.history import storage
from quitanda_testing.history.builders import HistoryBuilder
from quitanda_testing.history.operations import Expiry, GetOrder, GetProduct, as_checked
from quitanda_testing.history.recorder import Recorder
from quitanda_testing.workload.shops import DEADLINE_MS, ClerkHabits, ContendedShop, CustomerHabits

FAR_MS = time.time_ns() // 1_000_000 + 2_000_000
"""A deadline in two thousand seconds."""


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another():
    assert schedule.draw(7, 300, frozenset(Fault)) == schedule.draw(7, 300, frozenset(Fault))
    assert schedule.draw(7, 300, frozenset(Fault)) != schedule.draw(8, 300, frozenset(Fault))


@pytest.mark.parametrize("seed", range(20))
def test_the_leader_is_killed_about_every_ten_seconds_and_other_things_break_in_between(seed):
    steps = schedule.draw(seed, 300, frozenset(Fault))

    kills = [step for step in steps if step.fault is Break.KILL and step.target is FaultTarget.LEADER]
    assert 27 <= len(kills) <= 31
    assert len(steps) - len(kills) >= 20
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert {Break.PARTITION, Break.PAUSE} & {step.fault for step in steps}
    assert all(0 < step.at < 300 for step in steps)
    assert all(0 < step.seconds <= 5 for step in steps if step.fault is not Break.JUMP)


@pytest.mark.parametrize("seed", range(20))
def test_even_in_half_a_minute_a_clock_jumps_and_is_right_again_before_the_next_one(seed):
    jumps = [step for step in schedule.draw(seed, 30, frozenset(Fault)) if step.fault is Break.JUMP]

    assert jumps
    assert all(first.at + first.seconds < then.at for first, then in pairwise(jumps))


@pytest.mark.parametrize("possible", [frozenset(), frozenset({Fault.ONE_WAY_CUT})])
def test_only_faults_that_the_cluster_can_have_are_drawn(possible):
    drawn = {step.fault for seed in range(10) for step in schedule.draw(seed, 300, possible)}

    assert {schedule.NEEDS[fault] for fault in drawn if fault in schedule.NEEDS} == possible


def test_a_schedule_comes_back_from_its_file_as_it_was(tmp_path):
    steps = schedule.draw(3, 300, frozenset(Fault))
    schedule.save(steps, tmp_path / "schedule.json")

    assert schedule.load(tmp_path / "schedule.json") == steps


@pytest.mark.parametrize("text", ["", "{}x", '[{"at": 1}]', '[{"at": 1, "fault": "flood", "target": "leader"}]'])
def test_a_file_that_is_not_a_schedule_is_refused_by_its_name(tmp_path, text):
    file = tmp_path / "other.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"other\.json is not a schedule"):
        schedule.load(file)


def test_the_same_seed_gives_every_client_the_same_wishes():
    def wishes(seed):
        shop = ContendedShop("s")
        customer, clerk = CustomerHabits(shop, Random(seed), "s-c1"), ClerkHabits(shop, Random(seed))
        return [customer.next() for _ in range(50)] + [clerk.next() for _ in range(50)]

    assert wishes(1) == wishes(1)
    assert wishes(1) != wishes(2)


class BreakableCluster:
    """Three replicas, of which one leads, two portals of each kind and a broker; `did` is what was done to them."""

    replicas = ("r1", "r2", "r3")
    client_portals = ("c1", "c2")
    admin_portals = ("a1", "a2")
    broker = "b"
    everything = (*replicas, *client_portals, *admin_portals, broker)

    def __init__(self, leader="r2"):
        self.leader = leader
        self.did = []
        self.lives = dict.fromkeys(self.everything, 1)
        self.down = set()

    def instance_id(self, name):
        if name in self.down:
            raise NotRunning(name)
        return str(self.lives[name])

    async def wait_for_leader(self, timeout):
        if self.leader is None:
            raise DeadlineExceeded(f"waited {timeout} s for a leader")
        return self.leader

    def kill(self, name):
        self.did.append(f"kill {name}")
        self.down.add(name)

    async def shut_down(self, name):
        self.did.append(f"stop {name}")
        self.down.add(name)

    async def restart(self, name, *, wait):
        self.did.append(f"start {name}" + (" and wait" if wait else ""))
        self.down.discard(name)
        self.lives[name] += 1

    def pause(self, name):
        self.did.append(f"pause {name}")

    def resume(self, name):
        self.did.append(f"resume {name}")

    async def partition(self, *names):
        self.did.append(f"partition {' '.join(names)}")

    async def cut(self, replica, *speakers):
        self.did.append(f"cut {replica} from {' '.join(speakers)}")

    async def heal(self):
        self.did.append("heal")

    def set_clock(self, name, seconds):
        self.did.append(f"clock of {name}: {seconds:+} s")

    async def move(self, name):
        self.did.append(f"move {name}")
        self.lives[name] += 1

    async def disconnect(self, name):
        self.did.append(f"disconnect {name}")

    async def reconnect(self, name):
        self.did.append(f"reconnect {name}")

    async def worsen_network(self, name, *, loss=0.0, kilobits_per_second=None):
        self.did.append(f"network of {name}: {loss} {kilobits_per_second}")


async def play(cluster, *steps):
    breaking = FaultInjector(cluster, lambda _: None)
    await breaking.play(steps)
    return breaking


@pytest.mark.parametrize(
    ("step", "did"),
    [
        (FaultStep(0, Break.KILL, FaultTarget.LEADER, 0.01), ["kill r2", "start r2"]),
        (FaultStep(0, Break.STOP, FaultTarget.FOLLOWER, 0.01), ["stop r1", "start r1"]),
        (FaultStep(0, Break.PAUSE, FaultTarget.OTHER_FOLLOWER, 0.01), ["pause r3", "resume r3"]),
        (FaultStep(0, Break.PARTITION, FaultTarget.LEADER, 0.01), ["partition r2", "heal"]),
        (FaultStep(0, Break.CUT, FaultTarget.LEADER, 0.01), ["cut r2 from r1 r3", "heal"]),
        (FaultStep(0, Break.DISCONNECT, FaultTarget.OTHER_CLIENT_PORTAL, 0.01), ["disconnect c2", "reconnect c2"]),
        (FaultStep(0, Break.KILL, FaultTarget.ADMIN_PORTAL, 0.01), ["kill a1", "start a1"]),
        (FaultStep(0, Break.MOVE, FaultTarget.FOLLOWER, 0.01), ["move r1"]),
        (
            FaultStep(0, Break.JUMP, FaultTarget.LEADER, 0.01, ahead=-2.5),
            ["clock of r2: -2.5 s", "clock of r2: +0.0 s"],
        ),
        (
            FaultStep(0, Break.WORSEN, FaultTarget.BROKER, 0.01, 0.2, 500),
            ["network of b: 0.2 500", "network of b: 0.0 None"],
        ),
    ],
)
async def test_each_fault_is_done_to_whoever_has_the_role_and_undone(step, did):
    cluster = BreakableCluster()

    breaking = await play(cluster, step)

    assert cluster.did == did
    assert breaking.done.total() == 1
    assert breaking.ended_by_itself == []


async def test_a_cut_that_goes_on_is_made_again_when_another_one_is_undone():
    cluster = BreakableCluster()

    await play(
        cluster,
        FaultStep(0, Break.PARTITION, FaultTarget.FOLLOWER, 0.2),
        FaultStep(0.05, Break.CUT, FaultTarget.OTHER_FOLLOWER, 0.05),
    )

    assert cluster.did == ["partition r1", "cut r3 from r1 r2", "heal", "partition r1", "heal"]


async def test_what_is_broken_already_or_not_there_is_left_out():
    cluster = BreakableCluster()
    twice = await play(
        cluster,
        FaultStep(0, Break.KILL, FaultTarget.BROKER, 0.05),
        FaultStep(0.01, Break.PAUSE, FaultTarget.BROKER, 0.01),
    )
    leaderless = await play(BreakableCluster(leader=None), FaultStep(0, Break.KILL, FaultTarget.LEADER, 0.01))

    assert cluster.did == ["kill b", "start b"]
    assert len(twice.left_out) == len(leaderless.left_out) == 1


async def test_a_leader_whose_clock_is_wrong_can_be_killed_and_the_clock_of_one_that_is_down_can_jump():
    cluster = BreakableCluster()
    breaking = await play(
        cluster,
        FaultStep(0, Break.JUMP, FaultTarget.LEADER, 0.2, ahead=3.0),
        FaultStep(0.05, Break.KILL, FaultTarget.LEADER, 0.3),
        FaultStep(0.25, Break.JUMP, FaultTarget.LEADER, 0.02, ahead=-1.0),
    )

    assert cluster.did == [
        "clock of r2: +3.0 s",
        "kill r2",
        "clock of r2: +0.0 s",
        "clock of r2: -1.0 s",
        "clock of r2: +0.0 s",
        "start r2",
    ]
    assert breaking.left_out == breaking.ended_by_itself == []


async def test_a_verb_that_fails_is_noted_and_the_rest_goes_on():
    cluster: Any = BreakableCluster()

    async def fail(*_):
        raise NotRunning("no relay")

    cluster.partition = fail
    breaking = await play(
        cluster,
        FaultStep(0, Break.PARTITION, FaultTarget.FOLLOWER, 0.01),
        FaultStep(0.01, Break.KILL, FaultTarget.LEADER, 0.01),
    )

    assert cluster.did == ["kill r2", "start r2"]
    assert len(breaking.troubles) == 1


async def test_a_process_that_ends_by_itself_is_noticed():
    cluster = BreakableCluster()
    steps = [FaultStep(0, Break.KILL, FaultTarget.BROKER, 0.05), FaultStep(0.1, Break.KILL, FaultTarget.LEADER, 0.01)]
    breaking = FaultInjector(cluster, lambda line: cluster.down.add("c1") if line == "mend b" else None)

    await breaking.play(steps)

    assert breaking.ended_by_itself == ["c1"]


def test_clocks_jump_ahead_and_behind_for_longer_than_orders_are_held():
    jumps = [
        step.ahead
        for seed in range(20)
        for step in schedule.draw(seed, 300, {Fault.CLOCK_JUMP})
        if step.fault is Break.JUMP
    ]

    assert min(jumps) < -DEADLINE_MS[1] / 1_000
    assert max(jumps) > DEADLINE_MS[1] / 1_000


def expired(order_id, version, at_ms, deadline_ms):
    return Order(order_id, "ana", 1, (), version, state="expired", state_since_ms=at_ms, expires_at_ms=deadline_ms)


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ([expired("a", 7, 1_000, 900), expired("b", 9, 1_000, 1_000), expired("c", 12, 2_000, 1_500)], []),
        ([expired("c", 12, 2_000, 1_500), expired("a", 7, 1_000, 900), expired("c", 12, 2_000, 1_500)], []),
        ([expired("a", 7, 1_000, 900), expired("b", 9, 999, 900)], ["the state's clock went back from 1000"]),
        ([expired("a", 7, 1_000, 1_001)], ["order a expired at 1000, before its deadline 1001"]),
    ],
)
def test_a_clock_of_the_state_that_goes_back_and_an_early_expiry_are_noticed(orders, said):
    t = HistoryBuilder("ana")
    for order in orders:
        t.add(1.0, 2.0, GetOrder("ana", order.order_id, include_closed=True), Done(order))

    count, wrong = wrong_expiries(t.history)

    assert count == len({order.order_id for order in orders})
    assert [sentence[: len(start)] for sentence, start in zip(wrong, said, strict=True)] == said


def test_with_clocks_that_jump_an_order_may_expire_as_soon_as_its_deadline_was_asked_for():
    recorded = []
    for clocks_agree in (True, False):
        recorder = Recorder(clocks_agree=clocks_agree)
        asyncio.run(recorder.perform("ana", "grpc", SetOrderDeadline("o1", FAR_MS, "ana"), "r1", unanswered))
        (expiry,) = (each for each in as_checked(recorder.history) if isinstance(each.action, Expiry))
        recorded.append(expiry.invoked_at)

    assert recorded[0] > 1_000
    assert recorded[1] < 10


async def unanswered():
    raise OutcomeUnknown("no answer")


def test_a_saved_schedule_can_be_read_by_people(tmp_path):
    schedule.save([FaultStep(1.5, Break.KILL, FaultTarget.LEADER, 2.0)], tmp_path / "schedule.json")

    (step,) = json.loads((tmp_path / "schedule.json").read_text(encoding="utf-8"))
    assert (step["at"], step["fault"], step["target"], step["seconds"]) == (1.5, "kill", "leader", 2.0)


@pytest.mark.parametrize(("units", "code", "said"), [(10, 0, "linearizable: 2 operations"), (9, 1, "NOT LINEARIZABLE")])
def test_a_saved_history_is_judged_by_a_command_whose_exit_code_says_whether_it_is_right(tmp_path, units, code, said):
    t = HistoryBuilder()
    t.add(1.0, 2.0, GetProduct("bread"), Done(t.product(units)), by="auditor")
    storage.save(t.history, tmp_path / "history.jsonl")

    command = [sys.executable, "-m", "chaos", "check", str(tmp_path / "history.jsonl")]
    judged = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60, check=False)

    assert judged.returncode == code, judged.stderr
    assert said in judged.stdout
