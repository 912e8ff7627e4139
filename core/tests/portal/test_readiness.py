"""Health checks are told the truth also after a look that failed."""

import asyncio

from fake_cluster import DirectReader, FakeCluster
from known_callers import let_in, raise_to_highest_level

from quitanda.domain.model import CallerRole
from quitanda.portal.readiness import PortalReadiness

TIMEOUT = 30


class Cluster:
    """Is ready as told; the second look fails."""

    def __init__(self):
        self.looks = 0

    async def ready(self):
        self.looks += 1
        if self.looks == 2:
            raise ZeroDivisionError("a defect")
        return self.looks == 1


class Feed:
    def feed_alive(self):
        return False


class Health:
    def __init__(self):
        self.told = []
        self.changed = asyncio.Event()

    async def set_ready(self, *, ready):
        self.told.append(ready)
        self.changed.set()

    async def set_feed(self, *, alive):
        pass


async def test_a_look_that_fails_does_not_leave_health_checks_with_what_was_true_before():
    health = Health()
    readiness = PortalReadiness(Cluster(), Feed(), health)
    await readiness.start()
    async with asyncio.timeout(TIMEOUT):
        while health.told[-1:] != [False]:
            health.changed.clear()
            await health.changed.wait()
    await readiness.stop(1.0)

    assert health.told == [True, False]


async def test_where_callers_must_be_known_a_portal_is_ready_when_the_shop_knows_one():
    cluster, health = FakeCluster(), Health()
    raise_to_highest_level(cluster)
    readiness = PortalReadiness(cluster, DirectReader(cluster), health, needs_credential=True)
    await readiness.start()
    async with asyncio.timeout(TIMEOUT):
        await health.changed.wait()
        assert health.told == [False]
        let_in(cluster, CallerRole.ADMIN)
        health.changed.clear()
        await health.changed.wait()
    await readiness.stop(1.0)

    assert health.told == [False, True]
