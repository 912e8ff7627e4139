"""The act in which the leader dies while everybody orders, and the verdict on what is left."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from quitanda_clients.connecting import Transport
from quitanda_local.demo.context import DemoContext
from quitanda_local.demo.inventory_audit import count, differences
from quitanda_local.demo.traffic import Buyer

if TYPE_CHECKING:
    from quitanda.domain.model import Order

BUYERS: Final = 12
"""Customers who order at the same time: a third through each client portal over gRPC, a third over MQTT."""
CALM_SECONDS: Final = 2.0
AFTER_DEATH_SECONDS: Final = 3.0
AFTER_RETURN_SECONDS: Final = 1.0
PAUSE_SECONDS_MAX: Final = 8.0
"""The longest that any customer may have waited for an answer; a second or two is what it takes."""
GOODS: Final = 150
"""Products that the buyers choose from: few enough to meet at the shelf."""


async def lose_the_leader(context: DemoContext) -> list[Buyer]:
    """Let customers order, kill the leader half-way, start it again; return the customers with their diaries."""
    context.reporter.act("Twelve customers order at the same time; half-way the leader is killed")
    goods = sorted(context.audit.units().keys() - {"broa"})[:GOODS]
    async with AsyncExitStack() as clients:
        buyers = await _buyers(context, clients, goods)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for buyer in buyers:
                group.create_task(buyer.shop_until(stop))
            try:
                await _kill_and_restart(context, buyers)
            finally:
                stop.set()
    context.reporter.shown("a leader can be killed at any time: orders go on in a moment, and it comes back by itself")
    return buyers


async def _buyers(context: DemoContext, clients: AsyncExitStack, goods: Sequence[str]) -> list[Buyer]:
    endpoints = ((Transport.GRPC, 1), (Transport.GRPC, 2), (Transport.MQTT, 1))
    customer_ids = sorted(context.customer_ids - {"ana"})[:BUYERS]
    buyers = []
    for number, customer_id in enumerate(customer_ids):
        transport, portal = endpoints[number % len(endpoints)]
        client = await clients.enter_async_context(context.shop_client(customer_id, transport, portal))
        buyers.append(Buyer(client, goods, seed=number))
    return buyers


async def _kill_and_restart(context: DemoContext, buyers: Sequence[Buyer]) -> None:
    await asyncio.sleep(CALM_SECONDS)
    answered = _answers(buyers)
    context.check(
        all(buyer.log.answered_at for buyer in buyers),
        f"{answered} requests were answered in {CALM_SECONDS:g} s",
        [len(buyer.log.answered_at) for buyer in buyers],
    )
    leader = await context.cluster.wait_for_leader()
    context.cluster.kill(leader)
    killed_at = time.monotonic()
    context.reporter.say(f"{leader}, the leader, is killed (kill -9)")
    successor = await context.cluster.wait_for_leader(excluding=[leader])
    context.reporter.say(f"{successor} leads after {time.monotonic() - killed_at:.1f} s")
    await asyncio.sleep(AFTER_DEATH_SECONDS)
    pauses = [buyer.log.longest_pause(killed_at) for buyer in buyers]
    context.check(
        all(buyer.log.answered_at[-1] > killed_at for buyer in buyers) and max(pauses) < PAUSE_SECONDS_MAX,
        f"every customer's orders went on; the longest wait for an answer was {max(pauses):.1f} s",
        pauses,
    )
    await context.cluster.restart(leader)
    status = await context.cluster.status(successor)
    if status is not None:
        await context.cluster.wait_for_revision(status.revision, [leader])
    context.check(status is not None, f"{leader} is back and has caught up while orders went on")
    await asyncio.sleep(AFTER_RETURN_SECONDS)
    repeated = sum(buyer.log.repeated for buyer in buyers)
    context.reporter.say(
        f"{_answers(buyers)} requests were answered in all; {repeated} had to be sent again, with the same id"
    )


def _answers(buyers: Sequence[Buyer]) -> int:
    return sum(len(buyer.log.answered_at) for buyer in buyers)


async def verdict(context: DemoContext, buyers: Sequence[Buyer]) -> None:
    """Count everything through the portals, and compare it with the books, the diaries and the replicas."""
    context.reporter.act("What is left is counted")
    async with AsyncExitStack() as clients:
        admin = await clients.enter_async_context(context.admin_client())
        shops = [
            await clients.enter_async_context(context.shop_client(customer_id, Transport.GRPC, 1 + number % 2))
            for number, customer_id in enumerate(sorted(context.customer_ids))
        ]
        counted = await count(admin, shops)
    promised: dict[str, Order] = {}
    for buyer in buyers:
        promised |= buyer.log.orders
    held = sum(counted.held.values())
    context.check(min(counted.on_hand.values()) >= 0, "no product was oversold")
    wrong = differences(context.audit.units(), counted.units())
    context.check(
        not wrong,
        f"for each of {len(counted.on_hand)} products, units on hand and in orders ({held}) are what was put in",
        wrong,
    )
    context.check(
        counted.orders == promised,
        f"each of the {len(promised)} orders that were acknowledged is there as it was acknowledged, and no other",
        f"{len(counted.orders)} orders are there",
    )
    digest = await context.cluster.wait_until_replicas_agree()
    context.check(
        bool(digest.value),
        f"the three replicas hold the same state: digest {digest.value[:16]}... at revision {digest.revision}",
    )
    context.reporter.shown("no unit was sold twice or lost, no acknowledged order was lost, the replicas are identical")
