"""One trace shows a change from the command line to the leader's rules and to every portal's cache."""

import asyncio
import json
import os
import socket
import sys
import time

import pytest
from span_collector import SpanCollector

from quitanda_clients.connecting import Transport

SECONDS_MAX = 60
SENT_OFTEN = {"OTEL_BSP_SCHEDULE_DELAY": "200"}
"""Milliseconds after which spans are sent, so that the test does not wait for the library's five seconds."""
CALLS = ("set_order_item", "attempt", "set_order_item", "execute", "execute")
"""From the command line to the leader: each span is inside the one before it."""
PATHS = {
    *(CALLS[:length] for length in range(1, len(CALLS) + 1)),
    (*CALLS, "replicate"),
    (*CALLS, "apply"),
    (*CALLS, "apply", "announce"),
    (*CALLS, "apply", "announce", "update_cache"),
}
CERTIFICATE = ("set_order_item", "attempt", "issue_certificate")
"""What a program does first that speaks MQTT, where the broker knows its clients by certificates."""
CHANGES_WHILE_DOWN = 20
CHANGES_SECONDS_MAX = 10.0
"""Twenty changes, one after the other, take a fifth of a second on an idle machine."""

pytestmark = pytest.mark.processes_only(reason="the collector is in the process of the test")


async def set_an_item(cluster, customer_id, order_id, product_id, quantity, transport, environment):
    """Run the command as people do; give its answer."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quitanda_clients.shop", "--customer", customer_id, "--json"),
        *("--transport", transport, "order", "set", order_id, product_id, str(quantity)),
        env=os.environ | environment | cluster.callers.environment(customer_id),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS_MAX):
        output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    return json.loads(output)


def path_to(span, by_id):
    """Give the names of the spans from the root to this one."""
    names = []
    while span is not None:
        names.insert(0, span.name)
        span = by_id.get(span.parent_id)
    return tuple(names)


async def the_trace(collector, request_id, portals, expected):
    """Wait until the trace of the request has each of these hops and the caches of all portals; give its spans."""
    spans, paths = [], set()
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while paths != expected or {span.instance for span in spans if span.name == "update_cache"} != portals:
                await asyncio.sleep(0.05)
                spans = collector.trace_of(request_id)
                by_id = {span.span_id: span for span in spans}
                paths = {path_to(span, by_id) for span in spans}
    except TimeoutError:
        raise AssertionError(f"the trace has {sorted(paths)}; missing: {sorted(expected - paths)}") from None
    return spans


def cluster_names(cluster):
    return {*cluster.replicas, *cluster.client_portals}


def trace_ids_logged(cluster, name, event, request_id):
    """Give the traces that the lines of this event about the request name."""
    lines = [json.loads(line) for line in cluster.log(name) if line.startswith("{")]
    return {line.get("trace_id") for line in lines if line["event"] == event and line.get("request_id") == request_id}


async def test_a_change_is_one_trace_from_the_command_line_to_the_leaders_rules_and_to_every_portals_cache(
    new_cluster, shops
):
    with SpanCollector() as collector:
        traced = SENT_OFTEN | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address}
        async with new_cluster(**traced) as cluster, shops(cluster) as shop:
            await cluster.start()
            client, product = await shop.customer(), await shop.product()
            order_id = (await client.create_order()).document.order_id
            for quantity, transport in enumerate(Transport, 1):
                answer = await set_an_item(
                    cluster, client.customer_id, order_id, product.product_id, quantity, transport, traced
                )
                request_id, revision = answer["request_id"], answer["revision"]
                portals = {*cluster.client_portals, *cluster.admin_portals}
                certified = cluster.callers.secure and transport is Transport.MQTT
                spans = await the_trace(collector, request_id, portals, PATHS | ({CERTIFICATE} if certified else set()))
                assert {span.trace_id for span in spans} == {spans[0].trace_id}
                assert {span.service for span in spans} == {
                    *("quitanda-client", "quitanda-client-portal", "quitanda-admin-portal", "quitanda-replica")
                }
                facts = {(span.service, span.name): span.attributes for span in spans}
                served = facts["quitanda-client-portal", "set_order_item"]
                assert (served["quitanda.transport"], served["quitanda.reason"]) == (transport, "OK")
                assert served["quitanda.request_id"] == request_id
                assert facts["quitanda-replica", "apply"]["quitanda.log_index"] == revision
                assert facts["quitanda-admin-portal", "update_cache"]["quitanda.revision"] == revision
                for name, event in (("set_order_item", "request"), ("apply", "command")):
                    processes = {span.instance for span in spans if span.name == name} & cluster_names(cluster)
                    ids = [trace_ids_logged(cluster, process, event, request_id) for process in processes]
                    assert set.union(*ids) == {spans[0].trace_id}


async def test_commands_that_share_a_log_entry_stay_in_their_own_traces(new_cluster, shops):
    with SpanCollector() as collector:
        traced = SENT_OFTEN | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address}
        async with new_cluster(**traced) as cluster, shops(cluster) as shop:
            await cluster.start()
            clients = [await shop.customer(portal=cluster.client_portals[0]) for _ in range(8)]
            answers = await asyncio.gather(*(client.create_order() for client in clients for _ in range(4)))
            request_ids = {answer.request_id for answer in answers}
            applied = await applied_with(collector, request_ids)

    assert len(set(applied.values())) == len(answers), "each request has a trace of its own"
    assert len({answer.revision for answer in answers}) < len(answers), "no two shared an entry: nothing was shown"


async def applied_with(collector, request_ids):
    """Wait until each request has a trace in which the rules were applied once; give request id -> trace."""
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            await asyncio.sleep(0.05)
            by_request = {request_id: collector.trace_of(request_id) for request_id in request_ids}
            if all(sum(span.name == "apply" for span in spans) == 1 for spans in by_request.values()):
                return {request_id: spans[0].trace_id for request_id, spans in by_request.items()}


@pytest.mark.parametrize("answers", [False, True], ids=["nobody listens", "it never answers"])
async def test_a_collector_that_is_down_stops_and_slows_nothing(new_cluster, shops, answers):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        if not answers:
            listening.close()
        traced = SENT_OFTEN | {"OTEL_EXPORTER_OTLP_ENDPOINT": address}
        async with new_cluster(**traced) as cluster, shops(cluster) as shop:
            await cluster.start()
            client, product = await shop.customer(), await shop.product()
            order_id = (await client.create_order()).document.order_id
            begun = time.monotonic()
            for quantity in range(1, CHANGES_WHILE_DOWN + 1):
                await client.set_order_item(order_id, product.product_id, quantity)
            assert time.monotonic() - begun < CHANGES_SECONDS_MAX
            await set_an_item(cluster, client.customer_id, order_id, product.product_id, 3, Transport.GRPC, traced)
            assert (await client.get_order(order_id)).document.items[0].quantity == 3
            await cluster.wait_until_replicas_agree()
            killed = await cluster.stop()
    assert killed == (), "the last spans must not hold up an orderly end"
