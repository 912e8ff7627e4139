"""The level is raised when every replica runs this version; one of the version before does no harm afterwards."""

import pytest

from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from versions.clients_at_work import clients_at_work
from versions.mixed_cluster import (
    MixedCluster,
    change,
    ends_by_itself,
    lead,
    levels,
    raise_level,
    raise_level_once_all_answer,
    swap_portals,
    verify,
    wait_for_level,
)

pytestmark = [
    pytest.mark.processes_only(reason="containers have test_rolling_containers.py"),
    pytest.mark.timeout(300),
]


async def test_the_level_is_raised_only_when_every_replica_supports_it_and_then_older_replicas_stop(
    mixed_cluster, before, now
):
    async with mixed_cluster() as cluster:
        await swap_portals(cluster, now, before)
        async with clients_at_work(cluster, seed=23) as clients:
            await change(cluster, now, "replica1")
            await change(cluster, now, "replica3")
            await lead(cluster, "replica1")
            refused = await raise_level(cluster)
            assert (refused.refusal["reason"], refused.refusal["facts"]["replica"]) == (
                "LEVEL_NOT_SUPPORTED",
                "replica2",
            )
            assert await levels(cluster) == {0, FIRST_LEVEL}

            await change(cluster, now, "replica2")
            raised = await raise_level_once_all_answer(cluster)
            assert raised.answer == {"level": SUPPORTED_LEVEL}
            await clients.go_on()
            await verify(cluster)
            await wait_for_level(cluster, SUPPORTED_LEVEL)

            await cluster.restart_as(before, "replica3", wait=False)
            assert "counters" in await ends_by_itself(cluster, "replica3")
            await clients.go_on()

            cluster.erase("replica3")
            await cluster.restart_as(before, "replica3", wait=False)
            await ends_by_itself(cluster, "replica3")
            await clients.go_on()

            cluster.erase("replica3")
            await cluster.restart_as(now, "replica3")
            await clients.go_on()


async def test_a_replica_of_the_version_before_that_applies_the_raise_from_the_log_is_stopped(before, now, tmp_path):
    cluster = MixedCluster(tmp_path / "data", now)
    try:
        await cluster.start()
        await wait_for_level(
            cluster, SUPPORTED_LEVEL
        )  # a new cluster is raised by its leader, before it holds anything
        async with clients_at_work(cluster, seed=29) as clients:
            await clients.go_on()

            cluster.kill("replica2")
            cluster.erase("replica2")
            await cluster.restart_as(before, "replica2", wait=False)
            assert "differs" in await ends_by_itself(cluster, "replica2")
            await clients.go_on()

            cluster.erase("replica2")
            await cluster.restart_as(now, "replica2")
    finally:
        await cluster.stop()
        cluster.close()
