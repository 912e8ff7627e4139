"""The single cases behind the model test, each a fact by its name."""

from dataclasses import replace

import pytest

from quitanda.cache.coherence import CacheMiss, CoherentCache, ReadResult
from quitanda.cache.feed_cursor import FeedStep
from quitanda.domain.model import Credential, Customer, Kind
from quitanda.mqtt.feed_message import FeedChange, FeedMessage

CREDENTIAL = Credential("a" * 12, "clerk", "", "Bia", 1, 0, 0, 5, "1" * 64)
KEY = (Kind.CREDENTIAL, CREDENTIAL.credential_id)
ANA, BIA = (Kind.CUSTOMER, "ana"), (Kind.CUSTOMER, "bia")


def ana(version):
    return Customer("ana", f"Ana {version}", (), version)


def put(document):
    return FeedChange.put(document)


class Portal:
    """A cache at a feed position, with a clock that a test turns."""

    def __init__(self, position=10):
        self.cache = CoherentCache(max_entries=10, staleness=1.0)
        self.now = 50.0
        self.beat(position)

    def beat(self, revision, term=1, previous=None):
        return self.cache.receive(FeedMessage(term, revision, revision if previous is None else previous, ()), self.now)

    def hear(self, revision, *changes, previous, term=1):
        return self.cache.receive(FeedMessage(term, revision, previous, changes), self.now)

    def read(self, revision, *documents, keys=(ANA,)):
        self.now += 0.001
        self.cache.complete(self.cache.begin(keys, self.now), documents, revision)

    def ask(self, *keys, least=0):
        return self.cache.serve(keys or (ANA,), least, self.now)


@pytest.fixture
def portal():
    return Portal()


def test_what_was_read_is_served_from_memory(portal):
    portal.read(10, ana(1))

    assert portal.ask() == ReadResult(10, (ana(1),))


def test_an_absence_is_remembered_too(portal):
    portal.read(10, None)

    assert portal.ask() == ReadResult(10, (None,))


def test_a_credential_that_changed_is_asked_for_again_and_one_that_was_revoked_is_known_to_be_gone(portal):
    portal.read(10, CREDENTIAL, keys=(KEY,))
    assert portal.ask(KEY).documents == (CREDENTIAL,)
    rotated = replace(CREDENTIAL, generation=2, version=12)

    portal.hear(12, put(rotated), previous=10)

    assert portal.ask(KEY) is CacheMiss.MISS
    portal.read(12, rotated, keys=(KEY,))
    assert portal.ask(KEY).documents == (rotated,)
    portal.hear(14, FeedChange.delete(*KEY), previous=12)
    assert portal.ask(KEY) == ReadResult(14, (None,))


def test_a_read_that_began_before_a_credential_changed_is_not_kept(portal):
    fill = portal.cache.begin((KEY,), portal.now)
    portal.hear(12, put(replace(CREDENTIAL, generation=2, version=12)), previous=10)

    portal.cache.complete(fill, (CREDENTIAL,), 11)

    assert portal.ask(KEY) is CacheMiss.MISS


def test_a_change_replaces_what_is_held(portal):
    portal.read(10, ana(1))
    portal.hear(11, put(ana(2)), previous=10)

    assert portal.ask() == ReadResult(11, (ana(2),))


def test_a_creation_replaces_an_absence_and_a_deletion_makes_one(portal):
    portal.read(10, None)
    portal.hear(11, put(ana(2)), previous=10)
    portal.hear(12, FeedChange.delete(*ANA), previous=11)

    assert portal.ask() == ReadResult(12, (None,))


def test_of_two_changes_in_one_entry_the_last_one_counts(portal):
    portal.read(10, ana(1))
    portal.hear(11, put(ana(2)), put(ana(3)), previous=10)

    assert portal.ask() == ReadResult(11, (ana(3),))


def test_the_feed_does_not_fill_what_is_not_held(portal):
    portal.hear(11, put(ana(2)), previous=10)

    assert portal.ask() is CacheMiss.MISS


def test_a_slow_fill_never_overwrites_a_newer_event(portal):
    portal.read(10, ana(1))
    slow = portal.cache.begin([ANA], portal.now)
    portal.hear(11, put(ana(2)), previous=10)
    portal.cache.complete(slow, [ana(1)], 10)

    assert portal.ask() == ReadResult(11, (ana(2),))


def test_a_fill_older_than_the_position_is_not_kept(portal):
    slow = portal.cache.begin([ANA], portal.now)
    portal.hear(11, put(ana(2)), previous=10)
    portal.cache.complete(slow, [ana(1)], 10)

    assert portal.ask() is CacheMiss.MISS


def test_a_fill_ahead_of_the_feed_is_not_set_back_by_older_events(portal):
    portal.read(12, ana(3))
    portal.hear(11, put(ana(2)), previous=10)

    assert portal.ask() == ReadResult(12, (ana(3),))


def test_a_gap_forgets_everything(portal):
    portal.read(10, ana(1))

    assert portal.hear(13, put(Customer("bia", "Bia", (), 9)), previous=12) is FeedStep.GAP
    assert portal.ask() is CacheMiss.MISS


def test_changes_too_large_to_announce_are_a_gap(portal):
    portal.read(10, ana(1))

    assert portal.cache.receive(FeedMessage(1, 11, 10, None), portal.now) is FeedStep.GAP
    assert portal.ask() is CacheMiss.MISS


def test_a_fill_that_began_before_a_gap_is_not_kept(portal):
    early = portal.cache.begin([ANA], portal.now)
    portal.hear(13, previous=12)
    portal.cache.complete(early, [ana(1)], 13)

    assert portal.ask() is CacheMiss.MISS


def test_something_unreadable_is_a_gap_and_the_feed_goes_on_with_the_next_message(portal):
    portal.read(10, ana(1))
    portal.cache.lose_position()
    assert portal.ask() is CacheMiss.MISS
    portal.hear(11, put(ana(2)), previous=10)
    portal.read(11, ana(2))

    assert portal.ask() == ReadResult(11, (ana(2),))


def test_messages_of_an_old_leader_are_ignored(portal):
    portal.read(10, ana(1))
    portal.hear(12, put(ana(3)), previous=10, term=2)

    assert portal.hear(13, put(ana(4)), previous=12, term=1) is FeedStep.OLD
    assert portal.ask() == ReadResult(12, (ana(3),))


def test_an_old_leader_does_not_make_the_feed_look_alive(portal):
    portal.beat(10, term=2)
    portal.read(10, ana(1))
    portal.now += 1.5
    portal.beat(10, term=1)
    portal.read(10, ana(1))

    assert portal.ask() is CacheMiss.BYPASS


def test_a_new_leader_that_is_behind_does_not_move_the_position_back(portal):
    portal.read(10, ana(1))

    assert portal.beat(8, term=2) is FeedStep.OLD
    assert portal.cache.position == 10


def test_a_message_that_comes_twice_changes_nothing(portal):
    portal.read(10, ana(1))
    portal.hear(11, put(ana(2)), previous=10)
    portal.read(12, ana(3))

    assert portal.hear(11, put(ana(2)), previous=10) is FeedStep.OLD
    assert portal.ask() == ReadResult(12, (ana(3),))


def test_a_silent_feed_switches_memory_off(portal):
    portal.read(10, ana(1))
    portal.now += 1.01
    portal.read(10, keys=())

    assert portal.ask() is CacheMiss.BYPASS


def test_without_a_recent_proof_memory_does_not_answer(portal):
    portal.read(10, ana(1))
    portal.now += 1.01
    portal.beat(10)

    assert portal.ask() is CacheMiss.BYPASS


def test_a_feed_that_lags_behind_the_proof_is_not_fresh_enough_however_often_it_beats(portal):
    portal.read(10, ana(1))
    portal.now += 0.9
    portal.read(15, None, keys=(BIA,))
    portal.now += 0.2
    portal.beat(10)

    assert portal.ask() is CacheMiss.BYPASS


def test_an_older_proof_serves_while_the_feed_is_a_little_behind_the_newest(portal):
    portal.read(10, ana(1))
    portal.now += 0.5
    portal.read(15, None, keys=(BIA,))

    assert portal.ask() == ReadResult(10, (ana(1),))


def test_memory_never_answers_below_what_the_session_has_seen(portal):
    portal.read(10, ana(1))

    assert portal.ask(least=11) is CacheMiss.BYPASS
    portal.beat(11, previous=10)
    assert portal.ask(least=11) == ReadResult(11, (ana(1),))


def test_documents_that_reach_different_snapshots_are_not_answered_together(portal):
    portal.read(10, ana(1))
    portal.read(12, None, keys=(BIA,))

    assert portal.ask(ANA, BIA) is CacheMiss.BYPASS
    assert portal.ask(BIA) == ReadResult(12, (None,))
    portal.beat(12, previous=10)
    assert portal.ask(ANA, BIA) == ReadResult(12, (ana(1), None))


def test_an_own_write_is_served_only_after_the_feed_or_a_read_confirmed_it(portal):
    portal.cache.record_write(ANA, ana(2), 11)
    portal.read(10, keys=())
    assert portal.ask() is CacheMiss.MISS
    portal.hear(11, put(ana(3)), previous=10)

    assert portal.ask() == ReadResult(11, (ana(3),))


def test_an_own_write_takes_the_place_of_what_it_made_old(portal):
    portal.read(10, ana(1))
    portal.cache.record_write(ANA, ana(2), 11)

    assert portal.cache.begin([ANA], portal.now).held[0].document == ana(2)
    assert portal.ask() is CacheMiss.MISS


def test_the_outcome_of_a_repeated_request_does_not_replace_newer_knowledge(portal):
    portal.read(10, ana(5))
    portal.cache.record_write(ANA, ana(1), 3)

    assert portal.ask() == ReadResult(10, (ana(5),))


def test_of_two_own_writes_in_one_entry_the_higher_version_is_the_later(portal):
    portal.cache.record_write(ANA, ana(3), 11)
    portal.cache.record_write(ANA, ana(2), 11)

    assert portal.cache.begin([ANA], portal.now).held[0].document == ana(3)


def test_a_write_and_a_deletion_in_one_entry_leave_nothing_held(portal):
    portal.cache.record_write(ANA, ana(3), 11)
    portal.cache.record_write(ANA, None, 11)

    assert portal.cache.begin([ANA], portal.now).held == (None,)


def test_an_answer_below_what_was_known_before_means_other_replicas_and_forgets_everything(portal):
    portal.read(10, ana(1))
    fill = portal.cache.begin([ANA], portal.now)

    assert portal.cache.contradicts(fill, 3, 1)
    assert portal.cache.position is None
    assert portal.ask() is CacheMiss.MISS
    assert portal.beat(3, term=1) is FeedStep.GAP
    portal.read(3, ana(1))
    assert portal.ask() == ReadResult(3, (ana(1),))


def test_a_read_that_began_before_everything_was_forgotten_proves_nothing_any_more(portal):
    old = portal.cache.begin([], portal.now)
    portal.cache.contradicts(portal.cache.begin([], portal.now), 3, 1)
    portal.cache.complete(old, [], 1)

    assert portal.cache.proof_due_in(portal.now) == 0
