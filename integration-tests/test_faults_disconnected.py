"""A process loses its network and lives on, alone; or two replicas are missing at once, however they went."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from quitanda.errors import OutcomeUnknown, Unavailable
from quitanda_clients.connecting import Transport
from quitanda_clients.results import Consistency
from quitanda_clients.retry import ATTEMPT_SHARE
from quitanda_testing.cluster.cluster import Fault
from quitanda_testing.cluster.fault_targets import EVERY_KIND, victim
from quitanda_testing.workload.clients import until_answered
from quitanda_testing.workload.traffic import traffic

TIMEOUT = 5.0
"""Seconds for a call in all; a client leaves a silent portal after a part of it."""

MOVED_ON_SECONDS = 2 * TIMEOUT * ATTEMPT_SHARE + 2.0
"""The longest wait of a client over gRPC: for a silent portal, or for one that waits for a silent replica; or both."""

IMPATIENT = 1.5
"""Seconds for a call of those who are to notice that nobody answers."""

LATE_SECONDS = 1.0
"""By how much a call may miss its deadline on a busy machine."""


@pytest.mark.needs(Fault.DISCONNECTION)
@pytest.mark.parametrize("kind", EVERY_KIND)
async def test_a_process_without_a_network_is_done_without_and_taken_back(healthy_cluster, kind):
    async with traffic(healthy_cluster, timeout=TIMEOUT) as busy:
        # over MQTT, a request may have gone to the portal that is not there any more: it is repeated
        grpc_clients = busy.over(Transport.GRPC)
        name = await victim(healthy_cluster, kind)
        life = healthy_cluster.instance_id(name)
        since = time.monotonic()
        await healthy_cluster.disconnect(name)
        await busy.goes_on(clients=grpc_clients)
        pause = busy.longest_pause(since, grpc_clients)
        await healthy_cluster.reconnect(name)
        await healthy_cluster.wait_until_ready(*healthy_cluster.everything)
        await busy.goes_on()

        assert healthy_cluster.instance_id(name) == life
        assert pause < MOVED_ON_SECONDS
        assert [worker.times.unanswered for worker in grpc_clients if worker.times.unanswered] == []
        assert await busy.violations() == ()


class Absence:
    """A way in which a replica is missing, and comes back."""

    def __init__(self, cluster, way):
        self._cluster = cluster
        self._way = way

    async def begins(self, name):
        match self._way:
            case "shut down":
                await self._cluster.shut_down(name)
            case "frozen":
                self._cluster.pause(name)
            case "disconnected":
                await self._cluster.disconnect(name)

    async def ends(self, name):
        match self._way:
            case "shut down":
                await self._cluster.restart(name, wait=False)
            case "frozen":
                self._cluster.resume(name)
            case "disconnected":
                await self._cluster.reconnect(name)


@pytest.mark.parametrize(
    ("way", "survivor"),
    [
        ("shut down", "follower"),
        ("frozen", "leader"),
        pytest.param("disconnected", "leader", marks=pytest.mark.needs(Fault.DISCONNECTION)),
        pytest.param("disconnected", "follower", marks=pytest.mark.needs(Fault.DISCONNECTION)),
    ],
)
async def test_while_two_replicas_are_missing_calls_are_refused_in_time_and_service_comes_back_by_itself(
    healthy_cluster, shop, way, survivor
):
    absence = Absence(healthy_cluster, way)
    product = await shop.product(0)
    alive = await victim(healthy_cluster, survivor)
    missing = [name for name in healthy_cluster.replicas if name != alive]
    async with traffic(healthy_cluster, timeout=IMPATIENT, grpc=2, mqtt=1) as busy, AsyncExitStack() as stack:
        portal = healthy_cluster.admin_portals[0]
        admin = await stack.enter_async_context(healthy_cluster.callers.admin_client(portal, timeout=IMPATIENT))
        await asyncio.gather(*(absence.begins(name) for name in missing))
        await busy.everybody_waits()
        request_id = shop.new_id("request")
        refusals = [
            await ending(admin.get_product(product.product_id, consistency=consistency)) for consistency in Consistency
        ]
        write, seconds = await ending(admin.adjust_stock(product.product_id, 1, request_id=request_id))

        assert all(isinstance(error, Unavailable) for error, _ in refusals)
        assert isinstance(write, Unavailable | OutcomeUnknown)
        assert max(seconds, *(seconds for _, seconds in refusals)) < IMPATIENT + LATE_SECONDS

        await asyncio.gather(*(absence.ends(name) for name in missing))
        await busy.goes_on()
        await until_answered(lambda: admin.adjust_stock(product.product_id, 1, request_id=request_id))

        assert await shop.stock(product.product_id) == 1
        assert busy.overtime < LATE_SECONDS
        assert await busy.violations() == ()


async def ending(call):
    """Give how a call ended (its error, or None) and after how many seconds."""
    begun = time.monotonic()
    try:
        await call
    except (Unavailable, OutcomeUnknown) as error:
        return error, time.monotonic() - begun
    return None, time.monotonic() - begun
