"""The same in containers: images of the version before, made from its own files, beside those of this version."""

import pytest

from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda_local.waiting import wait_until
from versions.clients_at_work import clients_at_work
from versions.mixed_cluster import change, lead, raise_level_once_all_answer, swap_portals, verify, wait_for_level

UP = ("replica2", "replica3", "replica1")
BACK = ("replica2", "replica1", "replica3")
ENDS_SECONDS = 60.0

pytestmark = [pytest.mark.containers_only, pytest.mark.timeout(900)]


@pytest.fixture
def cluster(images_before, now):
    from versions.mixed_containers import MixedContainerCluster  # noqa: PLC0415 - most runs have no Docker

    cluster = MixedContainerCluster(images_before, now)
    yield cluster
    cluster.close()


async def test_no_client_is_told_a_wrong_thing_while_containers_go_to_this_version_back_and_forth_again(
    cluster, images_before, now
):
    await cluster.start()
    await swap_portals(cluster, images_before, now)
    async with clients_at_work(cluster, seed=37) as clients:
        for version, turn in ((now, UP), (images_before, BACK), (now, UP)):
            for name in turn:
                await change(cluster, version, name)
                await lead(cluster, name)
                await clients.go_on()
                await verify(cluster)
            await swap_portals(cluster, now, images_before)
        await wait_for_level(cluster, FIRST_LEVEL)

        raised = await raise_level_once_all_answer(cluster)
        assert raised.answer == {"level": SUPPORTED_LEVEL}
        await cluster.restart_as(images_before, "replica1", wait=False)

        async def refused():
            return any("counters" in line for line in cluster.log("replica1"))

        await wait_until(refused, "the version before to refuse its disk", ENDS_SECONDS)
        await clients.go_on()
        await cluster.restart_as(now, "replica1")
        await clients.go_on()
        await verify(cluster)
    assert await cluster.stop() == ()
