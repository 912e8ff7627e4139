"""Slow and lossy networks: calls take longer, and are repeated; none has its effect twice."""

import time

import pytest

from quitanda_testing.cluster.cluster import Fault
from quitanda_testing.cluster.fault_targets import EVERY_KIND, victim
from quitanda_testing.workload.traffic import traffic

pytestmark = pytest.mark.needs(Fault.BAD_NETWORK)

LOSS = 0.1
"""A line that is as bad as this carries a tenth of what it carried."""

KILOBITS_PER_SECOND = 512
ANSWERS = 6
SLOW_SECONDS = 12.0
"""The longest that anybody may wait for an answer: a packet that is lost several times takes TCP some seconds."""


@pytest.mark.parametrize("kind", EVERY_KIND)
async def test_over_a_slow_and_lossy_line_of_one_process_calls_are_answered_and_take_effect_once(healthy_cluster, kind):
    async with traffic(healthy_cluster, timeout=10.0, grpc=2, mqtt=2) as busy:
        name = await victim(healthy_cluster, kind)
        since = time.monotonic()
        await healthy_cluster.worsen_network(name, loss=LOSS, kilobits_per_second=KILOBITS_PER_SECOND)
        await busy.goes_on(ANSWERS)
        await healthy_cluster.worsen_network(name)
        await busy.goes_on()

        assert busy.longest_pause(since) < SLOW_SECONDS
        assert await busy.violations() == ()


async def test_with_every_line_slow_and_lossy_service_goes_on_and_nothing_is_lost_or_doubled(healthy_cluster):
    async with traffic(healthy_cluster, timeout=10.0, grpc=2, mqtt=1) as busy:
        since = time.monotonic()
        for name in healthy_cluster.everything:
            await healthy_cluster.worsen_network(name, loss=LOSS / 2, kilobits_per_second=4 * KILOBITS_PER_SECOND)
        await busy.goes_on(ANSWERS)
        for name in healthy_cluster.everything:
            await healthy_cluster.worsen_network(name)
        await busy.goes_on()

        assert busy.longest_pause(since) < SLOW_SECONDS
        assert await busy.violations() == ()
