"""One trace shows a change from the command line to the leader's rules and to every portal's cache."""

import asyncio
import json
import os
import sys

import pytest
from span_collector import SpanCollector

from quitanda.runtime import tracing
from quitanda_clients.connecting import Transport
from quitanda_local.waiting import wait_until

SECONDS_MAX = 60
SENT_OFTEN = {"OTEL_BSP_SCHEDULE_DELAY": "200"}
"""Milliseconds after which spans are sent, so that the test does not wait for the library's five seconds."""
ANSWER = "set_order_item"

pytestmark = pytest.mark.processes_only(reason="the collector is in the process of the test")


@pytest.fixture(scope="module")
def collector():
    with SpanCollector() as collector:
        yield collector


async def set_an_item(cluster, client, order_id, product_id, transport, environment):
    """Run the command as people do; give the request id."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quitanda_clients.shop", "--customer", client.customer_id, "--json"),
        *("--transport", transport, "order", "set", order_id, product_id, "3"),
        env=os.environ
        | environment
        | {
            "QUITANDA_CLIENT_PORTALS": ",".join(cluster.address(portal) for portal in cluster.client_portals),
            "QUITANDA_MQTT": cluster.address(cluster.broker),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS_MAX):
        output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    return json.loads(output)


def path_to(span, spans):
    """Give the names of the spans from the root to this one."""
    by_id = {each.span_id: each for each in spans}
    path = []
    while span is not None:
        path.insert(0, span.name)
        span = by_id.get(span.parent_id)
    return path


async def the_trace(collector, portals):
    """Wait until one trace of the command has a span from the cache of each portal; give its spans."""

    def whole():
        for spans in collector.traces().values():
            if any(span.service == "quitanda-client" for span in spans):
                if {span.instance for span in spans if span.name == "update_cache"} >= portals:
                    return spans
        return None

    async with asyncio.timeout(SECONDS_MAX):
        while (spans := whole()) is None:
            await asyncio.sleep(0.05)
    return spans


async def test_a_change_is_one_trace_from_the_command_line_to_the_leaders_rules_and_to_every_portals_cache(
    new_cluster, shops, transport
):
    with SpanCollector() as collector:
        traced = SENT_OFTEN | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address}
        async with new_cluster(**traced) as cluster, shops(cluster) as shop:
            await cluster.start()
            client, product = await shop.customer(Transport.GRPC), await shop.product()
            order_id = (await client.create_order()).document.order_id
            leader = await cluster.leader()
            answer = await set_an_item(cluster, client, order_id, product.product_id, transport, traced)
            portals = {*cluster.client_portals, *cluster.admin_portals}
            spans = await the_trace(collector, portals)
            assert await cluster.leader() == leader

    calls = ["set_order_item", "attempt", "set_order_item", "execute", "execute"]
    assert {tuple(path_to(span, spans)) for span in spans} == {
        *(tuple(calls[:length]) for length in range(1, len(calls) + 1)),
        (*calls, "replicate"),
        (*calls, "apply"),
        (*calls, "apply", "announce"),
        (*calls, "apply", "announce", "update_cache"),
    }
    print(answer, *spans, sep="\n")
