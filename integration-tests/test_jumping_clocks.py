"""The replicas' wall clocks jump and stand still: orders expire by the state's clock, each once, and soon."""

import asyncio
import time
from contextlib import AsyncExitStack
from random import Random

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.outcomes import Reason
from quitanda.errors import Rejected
from quitanda_clients.results import Consistency
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.process_cluster import ProcessCluster
from quitanda_testing.cluster.wall_clocks import WallClocks
from quitanda_testing.preloaded import compiler

REPLICAS = ("replica1", "replica2", "replica3")
ROUNDS = 12
ORDERS_PER_ROUND = 6
UNITS = 1_000
JUMP_SECONDS = 6.0
"""A clock is set at most so far ahead or behind."""
HOLD_MS = (300, 2_500)
ROUND_SECONDS = 2.0
LATE_SECONDS_MAX = 10.0
"""How late an order may be once the clocks are right again, by the state's clock, which may be ahead by a jump."""


@pytest.fixture
async def clocks(tmp_path):
    folder = tmp_path / "clocks"
    folder.mkdir()
    clocks = WallClocks(folder, REPLICAS)
    yield clocks
    clocks.close()


def now_ms():
    return time.time_ns() // 1_000_000


def set_clocks(clocks, chance, leader):
    """Set the leader's clock, and those of whoever leads next: ahead, behind, right, or standing."""
    for name in REPLICAS:
        if name == leader and chance.random() < 0.3:
            clocks.stop(name)
        else:
            clocks.set_ahead(name, chance.choice((0.0, chance.uniform(-JUMP_SECONDS, JUMP_SECONDS))))


async def hold(ana, product_id, chance):
    """Order a unit for a time; give the order and whether it was placed, or None where the time had passed already."""
    order = (await ana.create_order([ItemQuantity(product_id, 1)])).document
    try:
        held = (await ana.set_order_deadline(order.order_id, now_ms() + chance.randint(*HOLD_MS))).document
        placed = chance.random() < 0.3
        return (await ana.place_order(order.order_id)).document if placed else held
    except Rejected as error:
        if error.refused.reason not in {Reason.INVALID_ARGUMENT, Reason.ORDER_STATE}:
            raise
        return None


@pytest.mark.skipif(compiler() is None, reason="the jumping clock needs a C compiler (set CC)")
@pytest.mark.processes_only(reason="the jumping clock is preloaded into processes of its own")
@pytest.mark.timeout(300)
async def test_whatever_the_leaders_clocks_show_orders_expire_once_by_the_states_clock_and_soon(
    tmp_path, clocks, record_property
):
    chance = Random(14)
    cluster = ProcessCluster.on_free_ports(tmp_path / "data", settings=clocks.environment())
    async with AsyncExitStack() as ending:
        ending.callback(cluster.close)
        await ending.enter_async_context(cluster)
        admin = await ending.enter_async_context(cluster.callers.admin_client())
        await admin.raise_level()
        await admin.create_customer("ana", "Ana")
        await admin.create_product("pen", "Pen", 100, UNITS)
        ana = await ending.enter_async_context(cluster.callers.shop_client("ana"))
        held = []
        for number in range(ROUNDS):
            leader = await cluster.wait_for_leader()
            set_clocks(clocks, chance, leader)
            begun = time.monotonic()
            held += [order for _ in range(ORDERS_PER_ROUND) if (order := await hold(ana, "pen", chance))]
            if number % 4 == 3:
                cluster.kill(leader)
                await cluster.restart(leader)
            await asyncio.sleep(max(0.0, begun + ROUND_SECONDS - time.monotonic()))
        for name in REPLICAS:
            assert clocks.reads(name) > 0
            clocks.set_ahead(name, 0.0)

        async def nothing_is_due():
            return not [each for each in (await ana.list_orders()).documents if each.expires_at_ms]

        await wait_until(nothing_is_due, "the last order to expire", JUMP_SECONDS + LATE_SECONDS_MAX)
        await cluster.wait_until_replicas_agree()
        found = [(await ana.get_order(each.order_id, include_closed=True)).document for each in held]
        live = len((await ana.list_orders()).documents)
        stock = (await admin.get_product("pen", consistency=Consistency.LINEARIZABLE)).document.quantity

    assert stock + live == UNITS
    assert {(before.state, after.state) for before, after in zip(held, found, strict=True)} == {
        ("open", "expired"),
        ("placed", "placed"),
    }
    expired = sorted((each for each in found if each.state == "expired"), key=lambda order: order.version)
    times = [order.state_since_ms for order in expired]
    assert times == sorted(times)  # the state's clock never went back
    late_ms = [order.state_since_ms - order.expires_at_ms for order in expired]
    assert min(late_ms) >= 0
    assert max(late_ms) <= (2 * JUMP_SECONDS + LATE_SECONDS_MAX) * 1_000
    record_property("orders_expired", len(expired))
    record_property("late_ms_max", max(late_ms))
