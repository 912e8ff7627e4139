"""Fifty greedy customers, who never wait, and a polite one: she is answered nevertheless."""

import asyncio
import itertools
import os
import time
from contextlib import AsyncExitStack

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.identity.holders import HolderKind
from quitanda.identity.folder import IdentityFile
from quitanda_clients.connecting import Transport
from quitanda_testing.greedy_callers import Greed, GreedyCustomer, greedy_callers

CUSTOMERS = 50
POLITE_CALLS = int(os.environ.get("POLITE_CALLS", "60"))
PAUSE_SECONDS = 0.15
IN_FLIGHT = [int(n) for n in os.environ.get("IN_FLIGHT", "10").split(",")]


async def open_accounts(shop, product):
    customers = []
    for _ in range(CUSTOMERS // 10):
        customers += await asyncio.gather(*(shop.customer() for _ in range(10)))
    orders = await asyncio.gather(
        *(customer.create_order([ItemQuantity(product.product_id, 1)]) for customer in customers)
    )
    return [(customer.customer_id, order.document.order_id) for customer, order in zip(customers, orders, strict=True)]


async def ask_politely(customer, product, order_id, calls):
    """Make one call after the other, a write and a read in turn, and give the seconds of each."""
    seconds = []
    for number in range(calls):
        begun = time.monotonic()
        if number % 2:
            await customer.get_order(order_id)
        else:
            await customer.set_order_item(order_id, product.product_id, 1 + number % 5)
        seconds.append(time.monotonic() - begun)
        await asyncio.sleep(PAUSE_SECONDS)
    return sorted(1000 * each for each in seconds)


def show(name, ms):
    print(f"{name}: median {ms[len(ms) // 2]:.0f} p90 {ms[int(len(ms)*.9)]:.0f} p99 {ms[int(len(ms) * 0.99)]:.0f} max {ms[-1]:.0f}")


@pytest.mark.parametrize("in_flight", IN_FLIGHT)
async def test_greedy(cluster, shop, transport, tmp_path, in_flight):
    product = await shop.product(quantity=1_000_000)
    accounts = await open_accounts(shop, product)
    callers = cluster.callers
    polite = await shop.customer(transport)
    order_id = (await polite.create_order([ItemQuantity(product.product_id, 1)])).document.order_id
    customers = []
    for customer_id, greedy_order in accounts:
        certificate = ""
        customers.append(GreedyCustomer(customer_id, greedy_order, product.product_id, callers.token_of(customer_id), certificate))
    alone = await ask_politely(polite, product, order_id, 30)
    show(f"{transport} alone", alone)
    mqtt = transport is Transport.MQTT
    if mqtt and callers.secure:
        from dataclasses import replace
        for n, customer in enumerate(customers):
            file = tmp_path / f"{customer.customer_id}.pem"
            file.write_bytes(callers.certificate_of_customer(customer.customer_id))
            customers[n] = replace(customer, certificate=os.fspath(file))
    greed = Greed(
        tuple(customers), in_flight,
        () if mqtt else tuple(cluster.address(name) for name in cluster.client_portals),
        cluster.address(cluster.broker) if mqtt else "",
        os.fspath(callers.file(IdentityFile.CA)) if callers.secure else "",
    )
    begun = time.monotonic()
    async with greedy_callers(greed) as ended:
        begun = time.monotonic()
        among = await ask_politely(polite, product, order_id, POLITE_CALLS)
        took = time.monotonic() - begun
    show(f"{transport} {in_flight} among", among)
    print(f"{ended} {ended.total() / took:.0f}/s OK {ended['OK']/took:.0f}/s")
