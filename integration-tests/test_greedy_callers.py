"""Fifty greedy customers, who never wait, and a polite one: she waits for one place, and they for each other.

Run with `-s` it shows her times, alone and among the others. The figures of a quiet machine: docs/PERFORMANCE.md.
"""

import asyncio
import os
import statistics
import sys
import time

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.identity.folder import IdentityFile
from quitanda_clients.connecting import Transport
from quitanda_testing.greedy_callers import OK, Greed, GreedyCustomer, greedy_callers

CUSTOMERS = 50
IN_FLIGHT = 10
"""Calls that each greedy customer keeps under way."""
AT_ONCE = 10
"""Customers who are registered at the same time."""
CALLS_ALONE, CALLS_AMONG = 20, 50
PAUSE_SECONDS = 0.15
SHORTER = 2
"""By so many times the polite customer's median is shorter than the greedy ones' mean; on most machines by more."""
LONGER = 3
"""Her longest call takes less than so many times their mean."""


async def greedy_customers(cluster, shop, product, folder, *, certificates):
    """Register the greedy customers; each has an order of her own."""
    customers = []
    for _ in range(CUSTOMERS // AT_ONCE):
        customers += await asyncio.gather(*(_greedy_customer(shop, product) for _ in range(AT_ONCE)))
    found = []
    for customer_id, order_id in customers:
        certificate = ""
        if certificates:
            file = folder / f"{customer_id}.pem"
            file.write_bytes(cluster.callers.certificate_of_customer(customer_id))
            certificate = os.fspath(file)
        token = cluster.callers.token_of(customer_id)
        found.append(GreedyCustomer(customer_id, order_id, product.product_id, token, certificate))
    return tuple(found)


async def _greedy_customer(shop, product):
    customer = await shop.customer()
    order = await customer.create_order([ItemQuantity(product.product_id, 1)])
    return customer.customer_id, order.document.order_id


async def ask_politely(customer, product, order_id, calls):
    """Make one call after the other, a write and a read in turn; give the seconds of each, ascending."""
    seconds = []
    for number in range(calls):
        begun = time.monotonic()
        if number % 2:
            await customer.get_order(order_id)
        else:
            await customer.set_order_item(order_id, product.product_id, 1 + number % 5)
        seconds.append(time.monotonic() - begun)
        await asyncio.sleep(PAUSE_SECONDS)
    return sorted(seconds)


def described(seconds):
    """Write the median and the 99th percentile, in milliseconds."""
    median, late = statistics.median(seconds), seconds[int(0.99 * len(seconds))]
    return f"median {1000 * median:.0f} ms, 99 % within {1000 * late:.0f} ms"


@pytest.mark.alone
async def test_a_polite_customer_waits_far_shorter_than_fifty_greedy_ones_wait_for_each_other(
    cluster, shop, transport, tmp_path
):
    product = await shop.product(quantity=1_000_000)
    polite = await shop.customer(transport)
    order_id = (await polite.create_order([ItemQuantity(product.product_id, 1)])).document.order_id
    over_mqtt, secure = transport is Transport.MQTT, cluster.callers.secure
    greed = Greed(
        await greedy_customers(cluster, shop, product, tmp_path, certificates=over_mqtt and secure),
        IN_FLIGHT,
        () if over_mqtt else tuple(map(cluster.address, cluster.client_portals)),
        cluster.address(cluster.broker) if over_mqtt else "",
        os.fspath(cluster.callers.file(IdentityFile.CA)) if secure else "",
    )

    alone = await ask_politely(polite, product, order_id, CALLS_ALONE)
    async with greedy_callers(greed) as ended:
        begun = time.monotonic()
        among = await ask_politely(polite, product, order_id, CALLS_AMONG)
        took = time.monotonic() - begun

    answered = ended[OK] / took
    greedy_mean = CUSTOMERS * IN_FLIGHT / answered  # Little's law
    lines = (
        f"alone, over {transport}: {described(alone)}",
        f"among {CUSTOMERS} customers with {IN_FLIGHT} calls in flight each: {described(among)}",
        f"the greedy ones: {answered:.0f} answers a second, {1000 * greedy_mean:.0f} ms on average; {dict(ended)}",
    )
    sys.stdout.write("\n".join(("", *lines, "")))
    assert statistics.median(among) * SHORTER < greedy_mean
    assert among[-1] < max(greedy_mean, 1.0) * LONGER
