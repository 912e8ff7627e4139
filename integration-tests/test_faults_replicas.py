"""Replicas end, in order or not, one or all; what was acknowledged is there once, and the others go on."""

import time

import pytest

from quitanda_testing.cluster.process_health import start_again
from quitanda_testing.workload.traffic import traffic

HANDED_OVER_SECONDS = 2.0
"""The longest that anybody may wait for an answer while a replica ends in order."""

ELECTED_SECONDS = 8.0
"""The longest that anybody may wait while a new leader is elected."""

LAST_LINES = 15
IMPATIENT = 1.0
"""Seconds for a call of clients that are to notice that nobody answers."""

LATE_SECONDS = 1.0
"""By how much a call may miss its deadline on a busy machine."""


async def member(cluster, role):
    """Name the leader, or one of the followers."""
    leader = await cluster.wait_for_leader()
    return leader if role == "leader" else next(name for name in cluster.replicas if name != leader)


@pytest.mark.alone
@pytest.mark.parametrize("role", ["follower", "leader"])
async def test_no_call_fails_while_a_replica_is_shut_down_and_started_again(healthy_cluster, role):
    async with traffic(healthy_cluster) as busy:
        replica = await member(healthy_cluster, role)
        since = time.monotonic()
        ended_by_itself = await healthy_cluster.shut_down(replica)
        last_words = "".join(healthy_cluster.log(replica)[-LAST_LINES:])
        await busy.goes_on()
        pause = busy.longest_pause(since)
        await healthy_cluster.restart(replica)
        leader = await healthy_cluster.wait_for_leader()
        await healthy_cluster.wait_for_revision((await healthy_cluster.status(leader)).revision, [replica])

        assert ended_by_itself
        assert ('"handed_over": true' in last_words) == (role == "leader")
        assert pause < HANDED_OVER_SECONDS
        assert busy.unanswered == []
        assert await busy.violations() == ()


@pytest.mark.alone
@pytest.mark.parametrize("role", ["follower", "leader"])
async def test_no_call_fails_while_a_replica_is_killed_and_started_again(healthy_cluster, role):
    async with traffic(healthy_cluster) as busy:
        replica = await member(healthy_cluster, role)
        since = time.monotonic()
        healthy_cluster.kill(replica)
        successor = await healthy_cluster.wait_for_leader(excluding=[replica])
        await busy.goes_on()
        pause = busy.longest_pause(since)
        await healthy_cluster.restart(replica)
        await healthy_cluster.wait_for_revision((await healthy_cluster.status(successor)).revision, [replica])

        assert pause < ELECTED_SECONDS
        assert busy.unanswered == []
        assert await busy.violations() == ()


@pytest.mark.parametrize("order", ["the old leader first", "the old leader last"])
async def test_acknowledged_writes_survive_the_kill_of_all_replicas_at_once_and_unknown_ones_count_once(
    healthy_cluster, order
):
    async with traffic(healthy_cluster, timeout=IMPATIENT) as busy:
        leader = await healthy_cluster.wait_for_leader()
        followers = [name for name in healthy_cluster.replicas if name != leader]
        await healthy_cluster.crash(leader, *followers)
        await busy.everybody_waits()
        first, second, third = [leader, *followers] if order == "the old leader first" else [*followers, leader]
        await healthy_cluster.restart(first, wait=False)
        await healthy_cluster.restart(second, wait=False)
        await busy.goes_on()
        await healthy_cluster.restart(third)
        await healthy_cluster.wait_until_ready(*healthy_cluster.replicas)

        assert await busy.violations() == ()
        assert busy.overtime < LATE_SECONDS


async def test_acknowledged_writes_survive_the_kill_of_every_process_at_once(healthy_cluster):
    async with traffic(healthy_cluster, timeout=IMPATIENT) as busy:
        await healthy_cluster.crash(*healthy_cluster.everything)
        await busy.everybody_waits()
        await start_again(healthy_cluster, *healthy_cluster.everything)
        await busy.goes_on()

        assert await busy.violations() == ()
        assert busy.overtime < LATE_SECONDS


async def test_a_follower_whose_disk_was_erased_catches_up_and_is_as_good_as_any(healthy_cluster):
    async with traffic(healthy_cluster) as busy:
        replica = await member(healthy_cluster, "follower")
        healthy_cluster.kill(replica)
        healthy_cluster.erase(replica)
        await healthy_cluster.restart(replica)
        revision = (await healthy_cluster.status(await healthy_cluster.wait_for_leader())).revision
        await healthy_cluster.wait_for_revision(revision, [replica])

        assert busy.unanswered == []

        # Where another one is missing, nothing is acknowledged without the one that was erased.
        leader = await healthy_cluster.wait_for_leader()
        other = next(name for name in healthy_cluster.replicas if name not in {replica, leader})
        healthy_cluster.kill(other)
        await busy.goes_on()

        assert await busy.violations() == ()
        assert busy.unanswered == []
    await healthy_cluster.restart(other)
    agreed = await healthy_cluster.wait_until_replicas_agree()

    assert (await healthy_cluster.digests())[replica] == agreed
