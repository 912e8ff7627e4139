"""Clocks stand still while a disk is lost and a link is cut: nobody stands unasked, nothing acknowledged is lost."""

import json
import sys
from pathlib import Path

import pytest
from rounds_command import PromiseBroken
from stalled_clocks.campaign import StalledClocksCampaign
from stalled_clocks.election_invariants import (
    LEADS,
    LEARNER_BEGINS,
    LEARNER_ENDS,
    ElectionInvariants,
    ReportedStatus,
    compare_logs,
)

from quitanda.v1.admin_portal_pb2 import REPLICA_ROLE_CANDIDATE, REPLICA_ROLE_FOLLOWER, REPLICA_ROLE_LEADER
from quitanda_testing.preloaded import compiler

IMPATIENT_REPLICA = Path(__file__).with_name("stalled_clocks") / "impatient_replica.py"
ROUNDS = 3
ROUNDS_UNTIL_NOTICED = 60

real_clocks = pytest.mark.skipif(compiler() is None, reason="the stalling clock needs a C compiler (set CC)")
processes_only = pytest.mark.processes_only(reason="the stalling clock is preloaded into processes of its own")


@real_clocks
@processes_only
@pytest.mark.timeout(300)
async def test_with_clocks_that_stand_still_nobody_stands_unasked_and_nothing_acknowledged_is_lost(tmp_path):
    figures = await StalledClocksCampaign(tmp_path, seed=4).run(ROUNDS)

    assert figures.rounds == ROUNDS
    assert figures.nobody_willing > 0
    assert figures.stalls > ROUNDS
    assert figures.acknowledged > ROUNDS


@real_clocks
@processes_only
@pytest.mark.timeout(900)
async def test_the_campaign_notices_replicas_that_stand_because_the_clock_says_so(tmp_path):
    campaign = StalledClocksCampaign(tmp_path, seed=4, replica=(sys.executable, str(IMPATIENT_REPLICA)))

    with pytest.raises(PromiseBroken, match=r"without a past|nobody was willing|two replicas led|may not vote"):
        await campaign.run(ROUNDS_UNTIL_NOTICED)


class ReplicaStatements:
    """Tells the checker what replicas say of themselves; each is asked after all before were heard, unless told."""

    def __init__(self):
        self.invariants = ElectionInvariants()

    def say(self, name, term, role=REPLICA_ROLE_FOLLOWER, *, blank=False, asked_after=None):
        self.invariants.hear(
            ReportedStatus(name, role, term, blank, self.invariants.heard if asked_after is None else asked_after)
        )

    def log(self, name, *lines):
        self.invariants.read_log(name, [json.dumps(line) for line in lines])


def leads(term):
    return {"event": LEADS, "term": term}


@pytest.fixture
def replicas():
    return ReplicaStatements()


@pytest.mark.parametrize("role", [REPLICA_ROLE_CANDIDATE, REPLICA_ROLE_LEADER])
def test_a_replica_without_a_past_that_stands_or_leads_is_noticed(replicas, role):
    with pytest.raises(PromiseBroken, match="without a past"):
        replicas.say("replica1", 3, role, blank=True)


def test_a_leadership_too_short_to_be_seen_is_noticed_in_the_log(replicas):
    learner, voter = {"event": LEARNER_BEGINS}, {"event": LEARNER_ENDS, "index": 5}
    lives = [learner, voter, leads(2), learner]
    replicas.log("replica2", *lives)

    with pytest.raises(PromiseBroken, match="without a past led term 3"):
        replicas.log("replica2", *lives, leads(3))


def test_two_leaders_of_one_term_are_noticed(replicas):
    replicas.say("replica1", 3, REPLICA_ROLE_LEADER)
    replicas.log("replica2", {"event": LEARNER_ENDS, "index": 5})

    with pytest.raises(PromiseBroken, match="two replicas led term 3"):
        replicas.log("replica3", leads(3))


def test_a_term_that_nobody_was_willing_to_is_noticed_once_the_third_is_known_to_be_still_blank(replicas):
    replicas.invariants.nobody_is_willing("replica3", 5)
    replicas.say("replica1", 6, REPLICA_ROLE_CANDIDATE)
    replicas.say("replica3", 0, blank=True, asked_after=0)

    with pytest.raises(PromiseBroken, match="nobody was willing after term 5"):
        replicas.say("replica3", 0, blank=True)


def test_a_term_that_begins_when_the_third_replica_counts_is_right(replicas):
    replicas.invariants.nobody_is_willing("replica3", 5)
    replicas.say("replica1", 6, REPLICA_ROLE_CANDIDATE)
    replicas.say("replica3", 6)
    replicas.say("replica3", 6, blank=False)


def test_logs_that_differ_where_all_have_applied_are_noticed():
    logs = {"replica1": {1: (0, b""), 2: (1, b"a")}, "replica2": {2: (1, b"a"), 3: (1, b"b")}}
    compare_logs(logs, 2)
    logs["replica2"][2] = (2, b"a")

    with pytest.raises(PromiseBroken, match="differ at entry 2"):
        compare_logs(logs, 2)
