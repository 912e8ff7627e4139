"""Health checks are told the truth also after a look that failed."""

import asyncio

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
