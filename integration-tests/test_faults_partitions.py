"""Links between the replicas are cut, both ways or one way: service goes on, nothing is lost, nothing old is shown."""

import time

import pytest

from quitanda_testing.cluster.cluster import Fault
from quitanda_testing.cluster.fault_targets import followers
from quitanda_testing.workload.traffic import traffic

MOVED_SECONDS = 8.0
"""The longest that anybody may wait for an answer while links are cut and joined: some elections."""

ELECTIONS = 3
"""The most that a cut, and its mending, may cost: whoever hears less than the others must not disturb them."""

CUT_SECONDS = 3.0
"""For how long at least: leaders are deposed, and connections given up, in less."""


async def leader_alone(cluster, leader, _follower, _other):
    await cluster.partition(leader)


async def leader_and_a_follower_do_not_hear_each_other(cluster, leader, follower, _other):
    await cluster.cut(leader, follower)
    await cluster.cut(follower, leader)


async def a_follower_does_not_hear_the_leader(cluster, leader, follower, _other):
    await cluster.cut(follower, leader)


async def the_leader_does_not_hear_a_follower(cluster, leader, follower, _other):
    await cluster.cut(leader, follower)


async def the_leader_is_heard_and_hears_nobody(cluster, leader, follower, other):
    await cluster.cut(leader, follower, other)


async def the_leader_hears_and_nobody_hears_it(cluster, leader, follower, other):
    await cluster.cut(follower, leader)
    await cluster.cut(other, leader)


async def a_follower_hears_and_nobody_hears_it(cluster, leader, follower, other):
    await cluster.cut(leader, follower)
    await cluster.cut(other, follower)


async def a_follower_is_heard_and_hears_nobody(cluster, leader, follower, other):
    await cluster.cut(follower, leader, other)


BOTH_WAYS = [leader_alone]
ONE_WAY = [
    leader_and_a_follower_do_not_hear_each_other,
    a_follower_does_not_hear_the_leader,
    the_leader_does_not_hear_a_follower,
    the_leader_is_heard_and_hears_nobody,
    the_leader_hears_and_nobody_hears_it,
    a_follower_hears_and_nobody_hears_it,
    a_follower_is_heard_and_hears_nobody,
]
CUTS = [*BOTH_WAYS, *(pytest.param(cut, marks=pytest.mark.needs(Fault.ONE_WAY_CUT)) for cut in ONE_WAY)]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
async def test_whichever_link_is_cut_service_goes_on_and_no_read_is_stale(healthy_cluster, cut):
    async with traffic(healthy_cluster, grpc=4, mqtt=1, clerks=2, one_portal_each=True) as busy:
        leader = await healthy_cluster.wait_for_leader()
        follower, other = await followers(healthy_cluster)
        term = (await healthy_cluster.status(leader)).term
        since = time.monotonic()
        await cut(healthy_cluster, leader, follower, other)
        await busy.goes_on_for(CUT_SECONDS)
        await healthy_cluster.heal()
        await busy.goes_on()

        leader = await healthy_cluster.wait_for_leader()
        assert (await healthy_cluster.status(leader)).term - term <= ELECTIONS
        assert busy.longest_pause(since) < MOVED_SECONDS
        assert busy.unanswered == []
        assert await busy.violations() == ()
