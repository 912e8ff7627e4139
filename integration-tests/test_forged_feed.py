"""Somebody else publishes on the change feed: no portal believes it, and each says so loudly."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from quitanda.identity.folder import IdentityFolder
from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, encode_feed
from quitanda.mqtt.topics import FEED_TOPIC
from quitanda_clients.results import Consistency
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.kinds import identities_wanted
from quitanda_testing.raw_mqtt import raw_client
from quitanda_testing.scraping import cache_serves, figure

FORGED = "quitanda_cache_forged_messages_total"
CONTRADICTIONS = "quitanda_cache_contradictions_total"
HEARD_SECONDS = 10.0
KEY = "the feed key of one test"
HUGE_TERM = b'{"term":99999999999999999999999,"revision":1,"previous_revision":1,"changes":[]}'


class Forger:
    """Hears the feed, and publishes on its topic.

    Where the broker asks for certificates, these are those of a portal and of a replica: it takes two to lie.
    """

    def __init__(self, hearing, publishing):
        self._hearing = hearing
        self._publishing = publishing

    async def heartbeat(self):
        """Wait for the leader's next heartbeat: where the feed is now."""
        async with asyncio.timeout(HEARD_SECONDS):
            async for message in self._hearing.messages:
                fields = json.loads(message.payload)
                if fields.get("changes") == [] and fields["term"] < HIGH:
                    return FeedMessage(fields["term"], fields["revision"], fields["previous_revision"], ())
        raise AssertionError("the broker ended the connection")

    async def publish(self, payload):
        await self._publishing.publish(FEED_TOPIC, payload, qos=1)


HIGH = 10**9


def own_key():
    """Give the setting by which a cluster in the open mode has the key of this test; the others make their own."""
    return {} if identities_wanted() else {"QUITANDA_FEED_KEY": KEY}


def key_of(cluster):
    if not cluster.callers.secure:
        return FeedKey.derive(KEY)
    return FeedKey.derive(IdentityFolder(cluster.identities.folder(cluster.replicas[0])).feed_key())


@asynccontextmanager
async def forger(cluster):
    portal, replica = cluster.client_portals[0], cluster.replicas[0]
    async with raw_client(cluster, portal) as hearing, raw_client(cluster, replica) as publishing:
        await hearing.subscribe(FEED_TOPIC)
        yield Forger(hearing, publishing)


def forgery(heartbeat, product):
    """Claim that the entry after all others made the product free, in the version that the next change gets."""
    forged = replace(product, price=0, name="Forged", version=product.version + 1)
    change = FeedChange.put(forged)
    position = heartbeat.revision
    return encode_feed(FeedMessage(heartbeat.term, position + 1, position, (change,)))


@pytest.fixture
async def readers(shop):
    return await readers_of(shop)


async def readers_of(shop):
    """A reader at each of the four portals, by the portal's name."""
    customer = await shop.customer()
    cluster = shop.cluster
    return {
        **{portal: await shop.admin(portal) for portal in cluster.admin_portals},
        **{portal: await shop.client(customer.customer_id, portal=portal) for portal in cluster.client_portals},
    }


async def everywhere(readers, product_id, consistency, min_revision=0):
    """Read through all portals at once; gives the different documents that were seen, by name and price."""
    answers = await asyncio.gather(
        *(
            reader.get_product(product_id, consistency=consistency, min_revision=min_revision)
            for reader in readers.values()
        )
    )
    return {(answer.document.name, answer.document.price) for answer in answers}


async def figures(cluster, readers, sample):
    return {portal: await figure(cluster, portal, sample) for portal in readers}


async def warm(cluster, readers, product_id):
    """Wait until every portal answers from its memory."""
    for portal, reader in readers.items():
        await cache_serves(cluster, portal, reader, product_id)


async def test_a_forged_change_and_a_huge_term_change_no_answer_and_every_portal_says_so_loudly(cluster, shop, readers):
    product = await shop.product(price=250)
    admin = await shop.admin()
    await warm(cluster, readers, product.product_id)
    before = await figures(cluster, readers, FORGED)
    untrue = await figures(cluster, readers, CONTRADICTIONS)
    async with forger(cluster) as somebody:
        unsealed = forgery(await somebody.heartbeat(), product)
        sent = [unsealed, FeedKey.derive("a key of somebody else").seal(unsealed), HUGE_TERM]
        for payload in sent:
            await somebody.publish(payload)

    async def all_heard():
        now = await figures(cluster, readers, FORGED)
        return all(now[portal] == before[portal] + len(sent) for portal in readers)

    await wait_until(all_heard, "every portal to count the three forgeries", HEARD_SECONDS)
    true = {(product.name, 250)}
    assert await everywhere(readers, product.product_id, Consistency.CACHED) == true
    assert await everywhere(readers, product.product_id, Consistency.LINEARIZABLE) == true
    updated = await admin.update_product(product.product_id, price=300)
    assert updated.document.version == product.version + 1
    true = {(product.name, 300)}
    assert await everywhere(readers, product.product_id, Consistency.LINEARIZABLE) == true
    assert await everywhere(readers, product.product_id, Consistency.CACHED, updated.revision) == true
    await warm(cluster, readers, product.product_id)
    assert await figures(cluster, readers, CONTRADICTIONS) == untrue
    for portal in readers:
        lines = [json.loads(line) for line in cluster.log(portal) if '"feed_message_forged"' in line]
        assert {line["level"] for line in lines} == {"error"}, portal
        assert all("QUITANDA_FEED_KEY" in line["next_step"] for line in lines)


async def test_who_has_the_feeds_key_cannot_make_a_default_read_false_and_portals_find_back(new_cluster, shops):
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(new_cluster(**own_key()))
        await cluster.start()
        key = key_of(cluster)
        shop = await stack.enter_async_context(shops(cluster))
        somebody = await stack.enter_async_context(forger(cluster))
        readers = await readers_of(shop)
        product = await shop.product(price=250)
        admin = await shop.admin()
        await warm(cluster, readers, product.product_id)
        await somebody.publish(key.seal(forgery(await somebody.heartbeat(), product)))

        async def taken_in():
            return await everywhere(readers, product.product_id, Consistency.CACHED) == {("Forged", 0)}

        await wait_until(taken_in, "every portal to take the forgery in", HEARD_SECONDS)
        updated = await admin.update_product(product.product_id, price=300)
        assert updated.document.version == product.version + 1, "the forgery has the version of the honest update"
        true = {(product.name, 300)}
        for _ in range(20):
            assert await everywhere(readers, product.product_id, Consistency.LINEARIZABLE) == true
        assert await everywhere(readers, product.product_id, Consistency.CACHED, updated.revision) == true

        found_out = await figures(cluster, readers, CONTRADICTIONS)
        heartbeat = await somebody.heartbeat()
        await somebody.publish(key.seal(encode_feed(replace(heartbeat, term=HIGH))))
        await somebody.publish(key.seal(encode_feed(FeedMessage(HIGH, HIGH, HIGH, ()))))

        async def all_found_out():
            now = await figures(cluster, readers, CONTRADICTIONS)
            return all(now[portal] > found_out[portal] for portal in readers)

        await wait_until(all_found_out, "every portal to ask the leader about the term by itself", HEARD_SECONDS)
        await warm(cluster, readers, product.product_id)
        assert await everywhere(readers, product.product_id, Consistency.LINEARIZABLE) == true
