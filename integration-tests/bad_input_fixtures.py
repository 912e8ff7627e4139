"""What bad input must not do: end a process, leave a trace of an exception in a log, change a document."""

import re
from contextlib import asynccontextmanager

import pytest

from quitanda_testing.cluster.process_health import FORGERY_ALARM, instance_ids

TRACES = re.compile(r"Traceback|unexpected_exception|_unexpectedly|\"level\": ?\"(error|critical)\"")


@pytest.fixture
async def unharmed(cluster):
    """Every process goes on as it was, and none of them logs an exception or an error."""
    before = instance_ids(cluster)
    written = {name: len(cluster.log(name)) for name in cluster.everything}
    yield
    assert instance_ids(cluster) == before
    await cluster.wait_until_ready(*cluster.everything)
    new_lines = [(name, line) for name in cluster.everything for line in cluster.log(name)[written[name] :]]
    assert [(name, line) for name, line in new_lines if TRACES.search(line) and FORGERY_ALARM not in line] == []


@pytest.fixture
def state_unchanged(cluster):
    """Whoever enters `async with state_unchanged():` leaves every replica with the digest that it had."""

    @asynccontextmanager
    async def unchanged():
        before = await cluster.wait_until_replicas_agree()
        yield
        assert (await cluster.wait_until_replicas_agree()).value == before.value

    return unchanged


@pytest.fixture
def documents_unchanged(cluster):
    """The same for refusals that are decided in the log, which is remembered: only documents are compared."""

    @asynccontextmanager
    async def unchanged(*clients):
        before = await _documents(cluster, clients)
        yield
        assert await _documents(cluster, clients) == before

    return unchanged


async def _documents(cluster, clients):
    async with cluster.callers.admin_client() as admin:
        customers, products = await admin.list_customers(), await admin.list_products()
    orders = [(await client.list_orders()).documents for client in clients]
    return customers.documents, products.documents, orders
