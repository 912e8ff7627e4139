"""The simulation runs clean, replays exactly, and notices each repair that is left out."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from pysyncobj import syncobj

from simulation import campaign, directed, sweeps
from simulation.scenario import ScenarioImpossible
from simulation.variants import BY_NAME, HARDENED
from simulation.world import SimulatedWorld, simulate

pytestmark = pytest.mark.processes_only(reason="nothing in it is a cluster")

RANDOM_SEEDS = range(150)
"""What each run of the tests plays; `make simulate` plays as many as one likes."""
SWEPT_STEPS = 60
STORIES_SEEDS = range(4)

CAUGHT_BY_SEEDS = {
    "everything": range(60),
    "learner_gate": range(100),
    "append_filter": range(150),
    "election_permission": range(40, 110),
}
"""Seeds of which some fail without the repair."""
CAUGHT_BY_SCHEDULES = {
    "commit_cap": ("long conflict", range(3)),
    "newer_snapshots_only": ("late snapshot", range(15, 22)),
    "synced_writes": ("power cut", range(3)),
    "term_in_replies": ("stale reply", range(3)),
    "single_votes": ("doubled vote", range(3)),
    "learner_replies": ("blank reply", range(3)),
    "back_off": ("long conflict", range(1)),
    "confirmed_reads": ("stale read", range(3)),
    "own_term_reads": ("early read", range(6)),
    "whole_reads": ("slow reader", range(6)),
    "own_entry_answers": ("replaced entry", range(6)),
    "voters_keep_the_leader": ("leader with a blank", range(1)),
    "pre_votes_in_time": ("late answer", range(8)),
    "cluster_id": ("stale disk", range(3)),
    "own_term_commits": ("older entry", range(3)),
}
"""The schedule that is about the repair, and seeds of which some fail without it."""
CAUGHT_BY_SWEEPS = {
    "careful_compaction": ("interrupted installation", 0),
    "durable_first": ("dying follower", 2),
    "resumed_installation": ("interrupted installation", 0),
    "applied_with_effects": ("dying leader", 0),
    "election_permission": ("forgotten vote", 0),
}
"""The scenario, and the seed, with which a crash at one of the steps fails without the repair."""


def violations(schedule, seeds, variant=HARDENED):
    """Play a schedule with all seeds that it can be arranged with, of which there must be some."""
    found = []
    played = 0
    for seed in seeds:
        with suppress(ScenarioImpossible):
            found += directed.play(schedule, seed, variant).violations
            played += 1
    assert played, "the schedule cannot be arranged any more"
    return found


@pytest.mark.timeout(400)  # some ten seconds on a machine that has nothing else to do
def test_random_runs_keep_every_guarantee():
    results = campaign.run(RANDOM_SEEDS)

    assert [(report.seed, str(report.violations[0])) for report in results.failed] == []
    assert results.runs == len(RANDOM_SEEDS)
    missing = [words for name, words in campaign.TABLE if not results.counts[name]]
    assert missing == [], "the runs do not meet what they are for"


@pytest.mark.parametrize("name", directed.SCHEDULES)
def test_schedules_made_by_hand_keep_every_guarantee(name):
    assert violations(name, STORIES_SEEDS) == []


@pytest.mark.parametrize("name", sweeps.SWEEPS)
def test_a_crash_at_any_step_of_a_story_keeps_every_guarantee(name):
    crashes = 0
    for steps in range(SWEPT_STEPS):
        report = sweeps.sweep(name, steps)
        assert report.violations == (), f"crash at step {steps}"
        crashes += report.counts["crashes inside"] + report.counts["kills"] + report.counts["stalls"]
    assert crashes >= SWEPT_STEPS / 2, "the scenario has too few steps"


def test_every_repair_is_needed_by_some_test():
    caught = CAUGHT_BY_SEEDS.keys() | CAUGHT_BY_SCHEDULES.keys() | CAUGHT_BY_SWEEPS.keys()

    assert caught == BY_NAME.keys()


@pytest.mark.parametrize("name", CAUGHT_BY_SEEDS)
def test_random_runs_fail_without_the_repair(name):
    # in processes of its own, as the published library leaves files open when it is stopped
    assert campaign.run(CAUGHT_BY_SEEDS[name], name, stop_at_first=True).failed


@pytest.mark.parametrize("name", CAUGHT_BY_SCHEDULES)
def test_the_schedule_made_for_it_fails_without_the_repair(name):
    schedule, seeds = CAUGHT_BY_SCHEDULES[name]

    assert violations(schedule, seeds, BY_NAME[name]) != []


@pytest.mark.parametrize("name", CAUGHT_BY_SWEEPS)
def test_a_crash_at_some_step_fails_without_the_repair(name):
    scenario, seed = CAUGHT_BY_SWEEPS[name]
    reports = (sweeps.sweep(scenario, steps, seed, BY_NAME[name]) for steps in range(SWEPT_STEPS))

    assert any(report.violations for report in reports)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_replays_exactly_in_another_process(hash_seed):
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[1])}
    played = subprocess.run(
        [sys.executable, "-m", "simulation", "--seeds", "4", "--trace"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert f"trace {simulate(4).digest}," in played.stdout.splitlines()[-1]


def test_different_seeds_play_differently():
    assert len({simulate(seed).digest for seed in range(4)}) == 4


def test_the_library_has_its_own_time_and_chance_again_behind_a_run():
    real = syncobj.monotonicTime, syncobj.random

    with SimulatedWorld(0, HARDENED).simulated():
        assert (syncobj.monotonicTime, syncobj.random) != real
    assert (syncobj.monotonicTime, syncobj.random) == real
