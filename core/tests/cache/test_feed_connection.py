import asyncio
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from quitanda.cache.coherence import CoherentCache, ReadResult
from quitanda.cache.feed import FeedReceiver, feed_connection
from quitanda.cache.metrics import CacheCounters
from quitanda.domain.model import Customer, Kind
from quitanda.mqtt.feed_message import FeedChange, FeedMessage
from quitanda.runtime.addresses import Address

ANA = (Kind.CUSTOMER, "ana")


def beat(revision, previous=None, term=1):
    return FeedMessage(term, revision, revision if previous is None else previous, ())


class Following:
    """A cache that follows the feed."""

    def __init__(self, clock, key):
        self.clock = clock
        self.registry = CollectorRegistry()
        self.cache = CoherentCache(max_entries=10, staleness=30.0)
        self.counters = CacheCounters.register(self.registry)
        self.doubts = 0
        self.receiver = FeedReceiver(self.cache, key, self.counters, clock, doubt=self.doubt)

    def doubt(self):
        self.doubts += 1

    def count(self, name):
        return self.registry.get_sample_value(f"quitanda_cache_{name}_total")

    async def reaches(self, broker, revision, *messages):
        """Publish until the subscriber is connected and has heard."""
        for _ in range(200):
            await broker.publish(*messages)
            if self.cache.position == revision:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"position {self.cache.position}, not {revision}")


@pytest.fixture
def follow(clock, broker):
    @asynccontextmanager
    async def follow(address):
        following = Following(clock, broker.feed_key)
        connection = feed_connection(address, "test", following.receiver)
        task = asyncio.create_task(connection.run())
        try:
            yield following
        finally:
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    return follow


async def test_what_the_leader_announces_arrives(broker, follow):
    async with follow(Address(broker.host, broker.port)) as following:
        await following.reaches(broker, 10, beat(10))
        following.cache.complete(following.cache.begin([ANA], following.clock()), [None], 10)
        ana = Customer("ana", "Ana", (("note", '{"é":1.50}'),), 7)
        await broker.publish(FeedMessage(1, 11, 10, (FeedChange.put(ana),)))
        await broker.eventually(lambda: following.cache.position == 11, "the change")

        assert following.cache.serve([ANA], 11, following.clock()) == ReadResult(11, (ana,))


async def test_a_broker_that_was_away_is_found_again_and_what_was_missed_is_a_gap(broker, follow):
    async with follow(Address(broker.host, broker.port)) as following:
        await following.reaches(broker, 10, beat(10))
        following.cache.complete(following.cache.begin([ANA], following.clock()), [None], 10)
        broker.stop()
        await broker.start()
        await following.reaches(broker, 12, beat(12))

        assert len(following.cache) == 0
        assert following.count("gaps") == 2


async def test_nothing_missed_while_the_broker_was_away_is_no_gap(broker, follow):
    async with follow(Address(broker.host, broker.port)) as following:
        await following.reaches(broker, 10, beat(10))
        following.cache.complete(following.cache.begin([ANA], following.clock()), [None], 10)
        broker.stop()
        await broker.start()
        await following.reaches(broker, 12, beat(12, previous=10))

        assert len(following.cache) == 1


async def test_a_broker_that_is_not_there_yet_disturbs_nobody(broker, follow):
    async def hang_up(_reader, writer):
        attempts.append(writer)
        writer.close()
        await writer.wait_closed()

    attempts = []
    broker.stop()
    async with follow(Address(broker.host, broker.port)) as following:
        async with await asyncio.start_server(hang_up, broker.host, broker.port):
            await broker.eventually(lambda: len(attempts) >= 1, "an attempt in vain")
        assert not following.cache.feed_alive(following.clock())
        await broker.start()
        await following.reaches(broker, 10, beat(10))

        assert following.cache.feed_alive(following.clock())


async def test_an_authentic_message_that_cannot_be_read_is_counted_and_a_gap(broker, follow):
    async with follow(Address(broker.host, broker.port)) as following:
        await following.reaches(broker, 10, beat(10))
        following.cache.complete(following.cache.begin([ANA], following.clock()), [None], 10)
        await broker.publish(*map(broker.feed_key.seal, (b"{\xff}", b'{"term":1}', b"{[}")))
        await broker.eventually(lambda: following.count("malformed_messages") == 3, "three unreadable messages")
        assert len(following.cache) == 0
        await following.reaches(broker, 11, beat(11, previous=10))
