import asyncio
import time
from contextlib import asynccontextmanager
from math import inf

import pytest
from prometheus_client import CollectorRegistry

from quitanda.cache import CachedReader, ReaderOptions, ReadResult, open_reader
from quitanda.cache.coherence import CoherentCache
from quitanda.cache.metrics import CacheCounters, ContradictionLog
from quitanda.cache.probe import FreshnessProbe
from quitanda.cache.reader import AGE_CLOCK, age_clock
from quitanda.cluster_client import Absent, Found, ReadAnswer, Unchanged
from quitanda.codec.documents import document_digest, encode_document
from quitanda.domain.model import Customer, Kind
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.errors import Rejected, Unavailable
from quitanda.mqtt.feed_message import FeedChange, FeedMessage
from quitanda.runtime.addresses import Address

ANA, BIA = (Kind.CUSTOMER, "ana"), (Kind.CUSTOMER, "bia")


class Truth:
    """Replicas that answer at once: documents and a revision, which tests change."""

    def __init__(self):
        self.revision = 0
        self.term = 1
        self.documents = {}
        self.reads = []
        self.refusal = None
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()

    def write(self, name, text):
        self.revision += 1
        document = Customer(name, text, (), self.revision)
        self.documents[Kind.CUSTOMER, name] = document
        return document

    def restart_with_another_history(self):
        self.revision = 0
        self.documents = {}

    async def read(self, reads, timeout):
        assert timeout > 0
        self.reads.append(tuple(reads))
        if self.down:
            raise Unavailable("down")
        revision, results = self.revision, tuple(map(self._result, reads))
        await self.gate.wait()
        return ReadAnswer(revision, results, self.term)

    def _result(self, get):
        if self.refusal is not None:
            return self.refusal
        document = self.documents.get((get.kind, get.document_id))
        digest = b"" if document is None else document_digest(encode_document(document))
        if (get.known_version, get.known_digest) == (0 if document is None else document.version, digest):
            return Unchanged()
        return Absent() if document is None else Found(document)


class Portal:
    """A reader with its parts in a test's hands, and a clock that a test turns."""

    def __init__(self):
        self.truth = Truth()
        self.now = 10.0
        self.cache = CoherentCache(100, 1.0)
        self.counters = CacheCounters.register(None)
        self.probe = FreshnessProbe(
            self.truth.read, self.cache, ContradictionLog(self.counters.contradiction), 1.0, self.clock
        )
        self.reader = CachedReader(self.truth.read, self.cache, self.probe, self.counters, self.clock)

    def clock(self):
        return self.now

    def hear(self, *documents, previous=None):
        revision = self.truth.revision
        changes = tuple(FeedChange.put(document) for document in documents)
        self.cache.receive(FeedMessage(1, revision, revision if previous is None else previous, changes), self.now)

    def linearizable(self, *keys):
        return self.reader.get(keys, 5)

    async def cached(self, *keys, least=0):
        return self.reader.serve(keys, least) or await self.linearizable(*keys)

    def counted(self, name):
        return getattr(self.counters, name)._value.get()


@pytest.fixture
def portal():
    return Portal()


async def test_a_linearizable_read_always_asks_and_names_the_version_that_is_held(portal):
    first = portal.truth.write("ana", "Ana")

    assert await portal.linearizable(ANA, BIA) == ReadResult(1, (first, None))
    assert await portal.linearizable(ANA, BIA) == ReadResult(1, (first, None))
    assert [[get.known_version for get in reads] for reads in portal.truth.reads] == [[None, None], [1, 0]]
    assert (portal.counted("miss"), portal.counted("unchanged")) == (2, 2)


async def test_after_a_write_is_acknowledged_no_linearizable_read_is_older(portal):
    portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.linearizable(ANA)
    second = portal.truth.write("ana", "Anna")

    assert await portal.linearizable(ANA) == ReadResult(2, (second,))


async def test_a_cached_read_is_answered_from_memory_while_that_is_proved_fresh(portal):
    first = portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.cached(ANA)
    portal.truth.write("ana", "Anna")
    asked = len(portal.truth.reads)

    assert await portal.cached(ANA) == ReadResult(1, (first,))
    assert len(portal.truth.reads) == asked
    assert portal.counted("hit") == 1


async def test_a_cached_read_that_memory_may_not_answer_asks_the_leader(portal):
    portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.cached(ANA)
    second = portal.truth.write("ana", "Anna")
    portal.now += 1.1

    assert await portal.cached(ANA) == ReadResult(2, (second,))
    assert portal.counted("bypass") == 1


async def test_a_cached_read_is_never_older_than_the_session_has_seen(portal):
    portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.cached(ANA)
    second = portal.truth.write("ana", "Anna")

    assert await portal.cached(ANA, least=2) == ReadResult(2, (second,))


async def test_without_a_feed_every_read_asks(portal):
    first = portal.truth.write("ana", "Ana")
    for _ in range(3):
        assert await portal.cached(ANA) == ReadResult(1, (first,))

    assert len(portal.truth.reads) == 3


async def test_what_an_own_write_told_spares_the_document(portal):
    written = portal.truth.write("ana", "Ana")
    portal.reader.record_write(written, 1)
    portal.reader.record_write(BIA, 1)

    assert await portal.linearizable(ANA, BIA) == ReadResult(1, (written, None))
    assert portal.counted("unchanged") == 2


async def test_a_fill_in_flight_does_not_undo_what_the_feed_brought_meanwhile(portal):
    portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.cached(ANA)
    portal.truth.gate.clear()
    slow = asyncio.create_task(portal.linearizable(ANA))
    await asyncio.sleep(0)
    second = portal.truth.write("ana", "Anna")
    portal.hear(second, previous=1)
    portal.truth.gate.set()
    await slow

    assert await portal.cached(ANA, least=2) == ReadResult(2, (second,))


async def test_a_refused_key_is_raised(portal):
    portal.truth.refusal = invalid("customer_id", Problem.ALPHABET)

    with pytest.raises(Rejected) as caught:
        await portal.linearizable(ANA)
    assert isinstance(caught.value.refused, Refused)


async def test_replicas_with_another_history_are_asked_again_without_what_is_held(portal):
    portal.truth.write("ana", "Ana")
    portal.truth.write("ana", "Anna")
    await portal.linearizable(ANA)
    portal.truth.restart_with_another_history()
    other = portal.truth.write("ana", "Outra")

    assert await portal.linearizable(ANA) == ReadResult(1, (other,))
    assert portal.counted("contradiction") == 1


def forge(portal, name, revision, version):
    """Announce under the feed's own key what never was."""
    document = Customer(name, "Forged", (), version)
    portal.cache.receive(FeedMessage(1, revision, revision - 1, (FeedChange.put(document),)), portal.now)
    return document


async def test_a_forged_document_in_the_version_of_the_next_update_is_never_shown_by_a_default_read(portal):
    portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.linearizable(ANA)
    forged = forge(portal, "ana", revision=2, version=2)
    assert await portal.cached(ANA) == ReadResult(2, (forged,)), "the forgery was taken in"
    true = portal.truth.write("ana", "Anna")

    for read in (portal.linearizable, portal.cached, portal.linearizable):
        assert await read(ANA) == ReadResult(2, (true,))
    assert portal.counted("contradiction") == 1


async def test_an_invented_absence_is_never_shown_by_a_default_read(portal):
    true = portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.linearizable(ANA)
    portal.cache.receive(FeedMessage(1, 1, 0, ()), portal.now)
    portal.cache.receive(FeedMessage(1, 2, 1, (FeedChange.delete(*ANA),)), portal.now)
    assert await portal.cached(ANA) == ReadResult(2, (None,)), "the forgery was taken in"
    portal.truth.write("bia", "Bia")

    assert await portal.linearizable(ANA) == ReadResult(2, (true,))
    assert await portal.cached(ANA) == ReadResult(2, (true,))


async def test_a_portal_that_heard_of_a_term_that_never_was_finds_back_by_asking_the_leader(portal):
    first = portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.linearizable(ANA)
    portal.cache.receive(FeedMessage(10**15, 1, 1, ()), portal.now)
    async with probing(portal):
        portal.probe.doubt()
        await until(lambda: portal.counted("contradiction") == 1)

    portal.hear()
    assert await portal.cached(ANA) == ReadResult(1, (first,))
    portal.now += 0.1
    portal.hear()
    await portal.cached(ANA)
    assert portal.counted("hit") == 1


async def test_the_probe_asks_once_for_a_doubt_though_the_feed_is_silent(portal):
    portal.probe.doubt()
    async with probing(portal):
        await until(lambda: len(portal.truth.reads) == 1)

    assert portal.truth.reads == [()]


@asynccontextmanager
async def probing(portal):
    task = asyncio.create_task(portal.probe.run())
    try:
        yield
    finally:
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the fakes have no events for this
            await asyncio.sleep(0.01)


async def test_the_probe_asks_nothing_without_demand(portal):
    portal.hear()
    async with probing(portal):
        for _ in range(10):
            await asyncio.sleep(0)

    assert portal.truth.reads == []


async def test_the_probe_renews_the_proof_while_cached_reads_are_wanted(portal):
    portal.truth.write("ana", "Ana")
    portal.hear()
    await portal.cached(ANA)
    portal.now += 0.9
    async with probing(portal):
        await until(lambda: () in portal.truth.reads)
        portal.now += 0.9
        portal.hear()

        assert (await portal.cached(ANA)).revision == 1
    assert portal.counted("hit") == 1


async def test_the_probe_goes_on_after_a_failure(portal):
    portal.truth.down = True
    portal.hear()
    portal.probe.demand()
    async with probing(portal):
        await until(lambda: len(portal.truth.reads) >= 1)
        portal.truth.down = False
        await until(lambda: len(portal.truth.reads) >= 2)


async def test_a_reader_with_a_real_feed_answers_from_memory_and_shows_the_feeds_age(broker):
    truth, registry = Truth(), CollectorRegistry()
    first = truth.write("ana", "Ana")
    options = ReaderOptions(staleness=5.0, broker=Address(broker.host, broker.port), feed_key=broker.feed_key)
    async with open_reader(truth.read, options, registry=registry) as reader:
        silent = registry.get_sample_value("quitanda_cache_feed_age_seconds"), reader.feed_alive()
        asked = -1
        async with asyncio.timeout(10):
            while len(truth.reads) != asked:
                await broker.publish(FeedMessage(1, 1, 1, ()))
                asked = len(truth.reads)
                answer = reader.serve([ANA]) or await reader.get([ANA], 5)
                await asyncio.sleep(0.02)
        assert reader.feed_alive()

    assert answer == ReadResult(1, (first,))
    assert silent == (inf, False)
    assert registry.get_sample_value("quitanda_cache_feed_age_seconds") < options.staleness


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="another system, whose clocks are others")
def test_ages_are_judged_by_a_clock_that_goes_on_while_the_machine_is_suspended():
    # the usual one stands still then: an answer of before the pause would pass for fresh after it
    assert AGE_CLOCK == time.CLOCK_BOOTTIME
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= age_clock() <= time.clock_gettime(time.CLOCK_BOOTTIME)
