"""The act in which the leader dies while everybody orders, and the verdict on what is left."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from quitanda_clients.connecting import Transport
from quitanda_local.demo.ledger import count, differences
from quitanda_local.demo.stage import Stage
from quitanda_local.demo.traffic import Customer

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


async def lose_the_leader(stage: Stage) -> list[Customer]:
    """Let customers order, kill the leader half-way, start it again; return the customers with their diaries."""
    stage.narrator.act("Twelve customers order at the same time; half-way the leader is killed")
    goods = sorted(stage.ledger.units().keys() - {"broa"})[:GOODS]
    async with AsyncExitStack() as clients:
        buyers = await _buyers(stage, clients, goods)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for buyer in buyers:
                group.create_task(buyer.shop_until(stop))
            try:
                await _kill_and_restart(stage, buyers)
            finally:
                stop.set()
    stage.narrator.shown("a leader can be killed at any time: orders go on in a moment, and it comes back by itself")
    return buyers


async def _buyers(stage: Stage, clients: AsyncExitStack, goods: Sequence[str]) -> list[Customer]:
    doors = ((Transport.GRPC, 1), (Transport.GRPC, 2), (Transport.MQTT, 1))
    customer_ids = sorted(stage.customer_ids - {"ana"})[:BUYERS]
    buyers = []
    for number, customer_id in enumerate(customer_ids):
        transport, portal = doors[number % len(doors)]
        client = await clients.enter_async_context(stage.shop_client(customer_id, transport, portal))
        buyers.append(Customer(client, goods, seed=number))
    return buyers


async def _kill_and_restart(stage: Stage, buyers: Sequence[Customer]) -> None:
    await asyncio.sleep(CALM_SECONDS)
    answered = _answers(buyers)
    stage.check(
        all(buyer.diary.answered_at for buyer in buyers),
        f"{answered} requests were answered in {CALM_SECONDS:g} s",
        [len(buyer.diary.answered_at) for buyer in buyers],
    )
    leader = await stage.cluster.wait_for_leader()
    stage.cluster.kill(leader)
    killed_at = time.monotonic()
    stage.narrator.say(f"{leader}, the leader, is killed (kill -9)")
    successor = await stage.cluster.wait_for_leader(excluding=[leader])
    stage.narrator.say(f"{successor} leads after {time.monotonic() - killed_at:.1f} s")
    await asyncio.sleep(AFTER_DEATH_SECONDS)
    pauses = [buyer.diary.longest_pause(killed_at) for buyer in buyers]
    stage.check(
        all(buyer.diary.answered_at[-1] > killed_at for buyer in buyers) and max(pauses) < PAUSE_SECONDS_MAX,
        f"every customer's orders went on; the longest wait for an answer was {max(pauses):.1f} s",
        pauses,
    )
    await stage.cluster.restart(leader)
    status = await stage.cluster.status(successor)
    if status is not None:
        await stage.cluster.wait_for_revision(status.revision, [leader])
    stage.check(status is not None, f"{leader} is back and has caught up while orders went on")
    await asyncio.sleep(AFTER_RETURN_SECONDS)
    repeated = sum(buyer.diary.repeated for buyer in buyers)
    stage.narrator.say(
        f"{_answers(buyers)} requests were answered in all; {repeated} had to be sent again, with the same id"
    )


def _answers(buyers: Sequence[Customer]) -> int:
    return sum(len(buyer.diary.answered_at) for buyer in buyers)


async def verdict(stage: Stage, buyers: Sequence[Customer]) -> None:
    """Count everything through the portals, and compare it with the books, the diaries and the replicas."""
    stage.narrator.act("What is left is counted")
    async with AsyncExitStack() as clients:
        admin = await clients.enter_async_context(stage.admin_client())
        shops = [
            await clients.enter_async_context(stage.shop_client(customer_id, Transport.GRPC, 1 + number % 2))
            for number, customer_id in enumerate(sorted(stage.customer_ids))
        ]
        counted = await count(admin, shops)
    promised: dict[str, Order] = {}
    for buyer in buyers:
        promised |= buyer.diary.orders
    held = sum(counted.held.values())
    stage.check(min(counted.on_hand.values()) >= 0, "no product was oversold")
    wrong = differences(stage.ledger.units(), counted.units())
    stage.check(
        not wrong,
        f"for each of {len(counted.on_hand)} products, units on hand and in orders ({held}) are what was put in",
        wrong,
    )
    stage.check(
        counted.orders == promised,
        f"each of the {len(promised)} orders that were acknowledged is there as it was acknowledged, and no other",
        f"{len(counted.orders)} orders are there",
    )
    digest = await stage.cluster.wait_until_replicas_agree()
    stage.check(
        bool(digest.value),
        f"the three replicas hold the same state: digest {digest.value[:16]}... at revision {digest.revision}",
    )
    stage.narrator.shown("no unit was sold twice or lost, no acknowledged order was lost, the replicas are identical")
