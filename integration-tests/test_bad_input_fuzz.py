"""Arbitrary bytes, JSON and messages for a limited time: every request is answered with a reason of the contract.

What is found is found again: Hypothesis prints the example, and each draws from a seed of its own.
"""

import asyncio
import json
import time
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from quitanda.domain.outcomes import Reason
from quitanda.mqtt.topics import FEED_TOPIC, request_topic
from quitanda.operations import PortalKind, document_operations_of
from quitanda.v1 import admin_portal_pb2, client_portal_pb2
from quitanda_testing.raw_grpc import offered, raw_portal
from quitanda_testing.raw_mqtt import raw_customer, verdict

pytest_plugins = ("bad_input_fixtures",)
pytestmark = pytest.mark.usefixtures("unharmed")

SECONDS = 4.0
AT_ONCE = 40
FOR_OPERATORS = {"TransferLeadership", "BackupCluster", "VerifyCluster"}
"""Would move the leader or read whole disks again and again."""
EXPECTED = {*Reason, "OK"} - {Reason.INTERNAL}
OPERATIONS = tuple(document_operations_of(PortalKind.CLIENT))
SERVICES = [
    service
    for file in (admin_portal_pb2.DESCRIPTOR, client_portal_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
]


def with_reply_to(request, proof, reply_to):
    return json.dumps({**request, **proof, "reply_to": reply_to})


def _varint(number):
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


texts = st.text(max_size=70) | st.sampled_from(["", "ana", "a/b", "\x00", "x" * 65, "NaN", "1", "null", "cached"])
numbers = st.integers() | st.floats() | st.sampled_from([2**63, -(2**63) - 1, 10**400, 0.5])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
field_names = texts | st.sampled_from(
    (
        "order_id",
        "product_id",
        "quantity",
        "items",
        "extra",
        "expected_version",
        "page_size",
        "page_token",
        "consistency",
    )
)
json_requests_drawn = st.tuples(st.sampled_from(OPERATIONS) | texts, st.dictionaries(field_names, values, max_size=6))

varints = st.integers(0, 2**64 - 1).map(_varint)
contents = st.binary(max_size=40) | texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
fields = st.one_of(
    st.tuples(st.integers(0, 12), varints).map(lambda pair: _varint(pair[0] << 3) + pair[1]),
    st.tuples(st.integers(0, 12), contents).map(
        lambda pair: _varint(pair[0] << 3 | 2) + _varint(len(pair[1])) + pair[1]
    ),
    st.binary(max_size=10),
)
messages = st.lists(fields, max_size=8).map(b"".join)


def draw(strategy, count):
    """Draw some values; without shrinking, since what runs is a system with a memory."""
    drawn = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(value):
        drawn.append(value)

    keep()
    return drawn


async def test_arbitrary_json_over_mqtt_is_answered_with_a_reason(cluster, shop):
    customer = await shop.customer()
    until = time.monotonic() + SECONDS
    async with raw_customer(cluster, customer.customer_id) as client:
        while time.monotonic() < until:
            requests = [
                (operation, request)
                for operation, request in draw(json_requests_drawn, AT_ONCE)
                if operation and not set("+#/\0") & set(operation) and operation.isprintable()
            ]
            replies = await client.ask_all(
                (operation, partial(with_reply_to, request, client.proof)) for operation, request in requests
            )
            strange = [
                (request, verdict(reply))
                for request, reply in zip(requests, replies, strict=True)
                if verdict(reply)[0] not in EXPECTED
                or (verdict(reply)[0] == Reason.INVALID_ARGUMENT and not all(verdict(reply)[1:]))
            ]
            assert strange == []


async def test_arbitrary_bytes_on_topics_harm_nobody(cluster, shop):
    customer = await shop.customer()
    until = time.monotonic() + SECONDS / 2
    topics = [FEED_TOPIC, *(request_topic(customer.customer_id, operation) for operation in OPERATIONS)]
    async with raw_customer(cluster, customer.customer_id) as client:
        while time.monotonic() < until:
            payloads = draw(st.binary(max_size=300) | values.map(json.dumps), AT_ONCE)
            await asyncio.gather(
                *(client.publish(topics[index % len(topics)], data) for index, data in enumerate(payloads))
            )
            assert await client.orders() == []


async def test_arbitrary_messages_over_grpc_are_answered_with_a_reason(cluster):
    until = time.monotonic() + SECONDS
    async with (
        raw_portal(cluster, cluster.admin_portals[0], SERVICES[0].full_name) as first,
        raw_portal(cluster, cluster.client_portals[0], SERVICES[1].full_name) as second,
    ):
        methods = [
            (portal, method.name)
            for portal, service in zip((first, second), SERVICES, strict=True)
            for method in offered(cluster, service)
            if method.name not in FOR_OPERATORS
        ]
        while time.monotonic() < until:
            drawn = draw(st.tuples(st.sampled_from(range(len(methods))), messages), AT_ONCE)
            calls = [(*methods[index], data) for index, data in drawn]
            told = await asyncio.gather(*(portal.call(name, data) for portal, name, data in calls))
            strange = [
                (name, data, answer.verdict, answer.message)
                for (_, name, data), answer in zip(calls, told, strict=True)
                if answer.verdict[0] not in EXPECTED
                or (answer.reason == Reason.INVALID_ARGUMENT and not (answer.field or answer.problem))
            ]
            assert strange == []
