"""What strangers publish on the feed moves nothing; what holders of its key lie about is found out by the leader."""

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from quitanda.cache.coherence import CoherentCache, ReadResult
from quitanda.cache.feed import REPORT_SECONDS, FeedReceiver
from quitanda.cache.metrics import CacheCounters
from quitanda.domain.model import Customer, Kind
from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, encode_feed

ANA = (Kind.CUSTOMER, "ana")
KEY = FeedKey.derive("a feed key of the tests")
STRANGERS_KEY = FeedKey.derive("a key of somebody else")
HUGE_TERM = b'{"term":99999999999999999999999,"revision":1,"previous_revision":1,"changes":[]}'


def ana(version, name="Ana"):
    return Customer("ana", name, (), version)


def changed(revision, document, *, previous, term=1):
    return FeedMessage(term, revision, previous, (FeedChange.put(document),))


def beat(revision, term=1, previous=None):
    return FeedMessage(term, revision, revision if previous is None else previous, ())


class Portal:
    """A cache that holds Ana at revision 10, what reaches it, and a clock that a test turns."""

    def __init__(self):
        self.now = 50.0
        self.doubts = 0
        self.registry = CollectorRegistry()
        self.cache = CoherentCache(max_entries=10, staleness=1.0)
        counters = CacheCounters.register(self.registry)
        self.receiver = FeedReceiver(self.cache, KEY, counters, lambda: self.now, doubt=self.doubt)
        self.hear(beat(10))
        self.read(10, ana(7))

    def doubt(self):
        self.doubts += 1

    def hear(self, message, key=KEY):
        self.receiver.receive(key.seal(encode_feed(message)))

    def read(self, revision, *documents):
        self.now += 0.001
        self.cache.complete(self.cache.begin([ANA], self.now), documents, revision)

    def ask(self):
        return self.cache.serve([ANA], 0, self.now)

    def counted(self, name):
        return self.registry.get_sample_value(f"quitanda_cache_{name}_total")


@pytest.fixture
def portal():
    return Portal()


def forgeries():
    forged = changed(11, ana(8, "Eva"), previous=10)
    return {
        "unsealed change": encode_feed(forged),
        "change under another key": STRANGERS_KEY.seal(encode_feed(forged)),
        "huge term": HUGE_TERM,
        "heartbeat of a later term": encode_feed(beat(10, term=2)),
        "gap": encode_feed(beat(99)),
        "an authentic message, changed": KEY.seal(encode_feed(beat(11, previous=10))).replace(b"11", b"12", 1),
        "nothing": b"",
        "noise": b"\xff\x00{",
    }


@pytest.mark.parametrize("forgery", forgeries())
def test_what_does_not_verify_moves_nothing_and_is_counted(portal, forgery):
    with capture_logs() as logs:
        portal.receiver.receive(forgeries()[forgery])

    assert portal.ask() == ReadResult(10, (ana(7),))
    assert (portal.counted("forged_messages"), portal.counted("gaps"), portal.doubts) == (1, 1, 0)
    (line,) = logs
    assert (line["event"], line["log_level"], line["messages_dropped"]) == ("feed_message_forged", "error", 1)
    assert "QUITANDA_FEED_KEY" in line["next_step"]

    portal.hear(changed(11, ana(8), previous=10))
    portal.read(11, ana(8))
    assert portal.ask() == ReadResult(11, (ana(8),))


def test_a_flood_of_forgeries_is_one_line_in_ten_seconds_and_every_one_is_counted(portal):
    with capture_logs() as logs:
        for _ in range(100):
            portal.receiver.receive(HUGE_TERM)
            portal.now += REPORT_SECONDS / 50

    assert [line["messages_dropped"] for line in logs] == [1, 50]
    assert portal.counted("forged_messages") == 100


@pytest.mark.parametrize(
    "fields",
    [
        b'"term":99999999999999999999999,"revision":11,"previous_revision":10',
        b'"term":1,"revision":9223372036854775808,"previous_revision":10',
        b'"term":-1,"revision":11,"previous_revision":10',
        b'"term":1,"revision":true,"previous_revision":1',
        b'"term":1,"revision":11.0,"previous_revision":10',
        b'"term":1,"revision":11,"previous_revision":12',
        b'"term":1e3,"revision":11,"previous_revision":10',
    ],
)
def test_numbers_that_cannot_be_are_malformed_and_never_adopted_though_the_key_is_right(portal, fields):
    portal.receiver.receive(KEY.seal(b"{" + fields + b',"changes":[]}'))

    assert (portal.cache.position, portal.counted("malformed_messages")) == (None, 1)
    portal.hear(beat(11))
    portal.read(11, ana(7))
    assert portal.ask() == ReadResult(11, (ana(7),))


def test_an_old_message_that_comes_again_changes_nothing(portal):
    old = [changed(11, ana(8), previous=10), beat(11), changed(12, ana(9), previous=11)]
    for message in old:
        portal.hear(message)
    portal.read(12, ana(9))
    for message in old:
        portal.hear(message)

    assert portal.ask() == ReadResult(12, (ana(9),))
    assert portal.counted("gaps") == 1


def test_an_old_heartbeat_that_comes_again_does_not_make_old_data_look_fresh(portal):
    portal.now += 0.9
    portal.hear(beat(10))
    portal.now += 0.2

    assert portal.cache.feed_alive(portal.now)
    assert not isinstance(portal.ask(), ReadResult)


def test_messages_of_an_earlier_time_tell_a_new_portal_nothing_that_is_not_so():
    portal = Portal()
    portal.cache = CoherentCache(max_entries=10, staleness=1.0)
    portal.receiver = FeedReceiver(
        portal.cache, KEY, CacheCounters.register(None), lambda: portal.now, doubt=portal.doubt
    )
    portal.hear(beat(4))
    portal.read(12, ana(9))
    portal.hear(changed(5, ana(3), previous=4))
    portal.read(12, ana(9))

    assert portal.ask() == ReadResult(12, (ana(9),))


@pytest.mark.parametrize("lie", [beat(10, term=10**12), beat(10**12)])
def test_a_portal_that_was_misled_doubts_once_the_leader_goes_on_below_what_it_heard(portal, lie):
    portal.hear(lie)
    portal.now += 1.1
    portal.hear(beat(11))
    assert portal.doubts == 1

    assert portal.cache.contradicts(portal.cache.begin((), portal.now), 11, 1)
    portal.hear(beat(11))
    portal.read(11, ana(7))
    assert portal.ask() == ReadResult(11, (ana(7),))


def test_an_answer_that_does_not_tell_its_term_contradicts_no_term(portal):
    assert not portal.cache.contradicts(portal.cache.begin((), portal.now), 10, 0)


def test_a_forgery_under_the_key_is_refuted_by_the_document_of_the_same_version(portal):
    portal.hear(changed(11, ana(8, "Eva"), previous=10))
    fill = portal.cache.begin([ANA], portal.now)

    assert portal.cache.refutes(fill, [ana(8)], 13)
    assert portal.cache.position is None


def test_a_forgery_under_the_key_is_refuted_by_what_a_snapshot_within_its_reach_shows(portal):
    portal.hear(changed(11, ana(8, "Eva"), previous=10))
    portal.hear(beat(14, previous=11))

    assert portal.cache.refutes(portal.cache.begin([ANA], portal.now), [ana(9)], 12)


def test_an_invented_absence_is_refuted_likewise(portal):
    portal.hear(FeedMessage(1, 11, 10, (FeedChange.delete(*ANA),)))

    assert portal.cache.refutes(portal.cache.begin([ANA], portal.now), [ana(7)], 11)


def test_a_document_that_was_changed_after_what_is_known_refutes_nothing(portal):
    assert not portal.cache.refutes(portal.cache.begin([ANA], portal.now), [ana(8)], 11)


@pytest.mark.parametrize(("document_id", "malformed"), [(b"ana", 1), (b"bob", 0)])
def test_a_document_that_cannot_be_read_matters_only_where_it_is_held(portal, document_id, malformed):
    portal.read(10, ana(7))
    change = b'{"kind":"customer","id":"%s","version":8,"document":{"no":"customer"}}' % document_id
    portal.receiver.receive(KEY.seal(b'{"term":1,"revision":11,"previous_revision":10,"changes":[%s]}' % change))

    assert portal.counted("malformed_messages") == malformed
    assert portal.cache.position == (None if malformed else 11)
