"""A watch over MQTT ends by itself, and its replies are never larger than a broker carries."""

import asyncio
import json
from contextlib import aclosing
from itertools import pairwise

import pytest
from fake_cluster import DirectReader, FakeCluster, FakeFeed
from known_callers import let_in, raise_to_highest_level
from prometheus_client import CollectorRegistry

from quitanda.domain.commands import CreateCustomer, CreateProduct, UpdateProduct
from quitanda.domain.model import CallerRole
from quitanda.mqtt.topics import request_topic
from quitanda.operations import PortalKind
from quitanda.portal.callers import Authenticator
from quitanda.portal.ids import IdGenerator
from quitanda.portal.mqtt_requests import REPLY_BYTES_MAX, MqttRequestHandler, parse_request
from quitanda.portal.mqtt_watches import MqttWatches
from quitanda.portal.operations import PortalOperations
from quitanda.portal.watches import Watches
from quitanda.runtime import metrics
from quitanda.runtime.access_log import AccessLog

TIMEOUT = 5.0


class Portal:
    """A client portal's watches over MQTT, before a cluster in memory; one request is answered for `seconds`."""

    def __init__(self, seconds, *, proved=False):
        self.cluster = FakeCluster()
        raise_to_highest_level(self.cluster)
        for customer_id in ("ana", "bia"):
            self.cluster.does(CreateCustomer(customer_id, customer_id))
        reader = DirectReader(self.cluster)
        authenticator = Authenticator(reader) if proved else None
        operations = PortalOperations(PortalKind.CLIENT, self.cluster, reader, authenticator)
        log = AccessLog(metrics.RequestMetrics(CollectorRegistry()), metrics.MQTT)
        handler = MqttRequestHandler(operations, IdGenerator(), log, authenticator)
        self.feed = FakeFeed(self.cluster, reader, bytes_max=8_000_000)
        watches = Watches(operations, self.cluster, reader, TIMEOUT, authenticator)
        self.watches = MqttWatches(handler, watches, seconds)

    def watch(self, **fields):
        payload = json.dumps({"reply_to": "s1", "request_id": "w1", **fields}).encode()
        return aclosing(self.watches.replies(parse_request(request_topic("ana", "watch"), payload), TIMEOUT))


async def heard(replies):
    reply = await asyncio.wait_for(anext(replies), TIMEOUT)
    assert len(reply) < REPLY_BYTES_MAX
    return json.loads(reply)


async def test_the_last_reply_says_that_the_watch_ends_and_tells_what_it_has_to():
    portal = Portal(seconds=0.2)
    async with portal.watch(kinds=["product"]) as replies:
        first = await heard(replies)
        await asyncio.sleep(0.2)
        tea = portal.cluster.does(CreateProduct("tea", "Tea", price=1, quantity=1))
        revision = portal.feed.changed(tea)
        last = await heard(replies)
        with pytest.raises(StopAsyncIteration):
            await heard(replies)

    assert (first["result"]["ends"], last["result"]["ends"], last["revision"]) == (False, True, revision)
    assert [change["product"]["product_id"] for change in last["result"]["changes"]] == ["tea"]


async def test_many_changes_are_told_in_several_replies_of_which_the_last_alone_has_their_revision():
    portal = Portal(seconds=60.0)
    begin = portal.cluster.revision
    for number in range(400):
        made = portal.cluster.does(CreateProduct(f"p{number}", "P", price=1, quantity=1, description="é" * 2_000))
        portal.feed.changed(made)
    told = []
    async with portal.watch(kinds=["product"], after_revision=begin) as replies:
        while not told or told[-1]["revision"] < portal.cluster.revision:
            told.append(await heard(replies))

    positions = [(each["result"]["after_revision"], each["revision"]) for each in told]
    assert [change["product"]["product_id"] for each in told for change in each["result"]["changes"]] == [
        f"p{number}" for number in range(400)
    ]
    assert all(after <= before for (_, before), (after, _) in pairwise(positions))
    assert len(told) > 4


async def test_a_change_of_what_nobody_can_read_ends_the_watch_and_not_the_portal():
    portal = Portal(seconds=60.0)
    async with portal.watch(kinds=["product"]) as replies:
        await heard(replies)
        tea = portal.cluster.does(CreateProduct("tea", "Tea", price=1, quantity=1))
        portal.feed.changed(tea)
        (entry,) = portal.feed.recent.after(0)
        object.__setattr__(entry, "payload", b"{}")
        portal.cluster.does(UpdateProduct("tea", price=2))

        assert (await heard(replies))["error"]["reason"] == "REVISION_GONE"


async def test_where_callers_prove_who_they_are_only_the_customer_and_staff_watch_on_her_topic():
    portal = Portal(seconds=60.0, proved=True)
    tokens = {
        "hers": let_in(portal.cluster, CallerRole.CUSTOMER, "ana").text(),
        "another customer's": let_in(portal.cluster, CallerRole.CUSTOMER, "bia").text(),
        "of staff": let_in(portal.cluster, CallerRole.READ_ONLY).text(),
        "for metrics": let_in(portal.cluster, CallerRole.METRICS).text(),
        "none": "",
    }
    told = {}
    for name, token in tokens.items():
        async with portal.watch(kinds=["order"], token=token) as replies:
            told[name] = (await heard(replies)).get("error", {}).get("reason")

    assert told == {
        "hers": None,
        "another customer's": "FORBIDDEN",
        "of staff": None,
        "for metrics": "FORBIDDEN",
        "none": "UNAUTHENTICATED",
    }
