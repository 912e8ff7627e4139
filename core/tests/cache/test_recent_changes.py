"""What a portal remembers of the feed for who watches: everything since a revision, within a bound."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.cache.feed_cursor import FeedCursor
from quitanda.cache.recent_changes import RecentChanges
from quitanda.domain.model import Product
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, encode_feed


def tea(version):
    return Product("tea", "Tea", "", 250, 10, (), version)


class Remembered:
    """Recent changes, and a feed whose every message arrives unless a test loses it."""

    def __init__(self, bytes_max=1_000_000):
        self.recent = RecentChanges(bytes_max)
        self.cursor = FeedCursor()

    def hear(self, message, history=0):
        keys = [(change.kind, change.document_id) for change in message.changes or ()]
        self.recent.take(message, self.cursor.advance(message, 0.0), keys, encode_feed(message), history)

    def told(self, revision, previous, history=0):
        self.hear(FeedMessage(1, revision, previous, (FeedChange.put(tea(revision)),)), history)

    def after(self, revision):
        return [entry.revision for entry in self.recent.after(revision)]


@pytest.fixture
def remembered():
    return Remembered()


def test_before_the_feed_is_heard_nothing_is_known(remembered):
    assert remembered.recent.since is None


def test_a_heartbeat_says_that_nothing_changed_since_the_last_change(remembered):
    remembered.hear(FeedMessage(1, 20, 12, ()))

    assert (remembered.recent.since, remembered.recent.position, remembered.after(12)) == (12, 20, [])


def test_every_change_since_is_given_in_order_with_what_it_changed(remembered):
    remembered.hear(FeedMessage(1, 20, 12, ()))
    remembered.told(21, 12)
    remembered.told(25, 21)

    assert (remembered.after(12), remembered.after(20), remembered.after(21)) == ([21, 25], [21, 25], [25])
    (entry,) = remembered.recent.after(21)
    assert [change.document for change in entry.changes()] == [tea(25)]


def test_the_first_change_that_is_heard_is_known_with_the_silence_before_it(remembered):
    remembered.told(25, 21)

    assert (remembered.recent.since, remembered.after(21)) == (21, [25])


def test_after_a_gap_only_what_follows_it_is_known(remembered):
    remembered.told(21, 12)
    remembered.told(30, 28)

    assert (remembered.recent.since, remembered.after(28)) == (28, [30])


def test_changes_that_are_too_large_to_be_announced_are_a_gap(remembered):
    remembered.told(21, 12)
    remembered.hear(FeedMessage(1, 30, 21, None))

    assert (remembered.recent.since, remembered.recent.position, remembered.after(30)) == (30, 30, [])


def test_a_message_that_comes_twice_or_late_changes_nothing(remembered):
    remembered.told(21, 12)
    remembered.told(22, 21)
    remembered.told(22, 21)
    remembered.told(21, 12)

    assert remembered.after(12) == [21, 22]


def test_another_history_begins_anew_even_where_its_revisions_follow(remembered):
    remembered.told(21, 12)
    remembered.told(22, 21, history=1)

    assert (remembered.recent.history, remembered.recent.since, remembered.after(21)) == (1, 21, [22])


async def test_who_waits_is_woken_by_a_change_and_not_by_a_heartbeat(remembered):
    remembered.told(21, 12)
    waiting = asyncio.create_task(remembered.recent.wait(60.0))
    await asyncio.sleep(0)
    remembered.hear(FeedMessage(1, 30, 21, ()))
    await asyncio.sleep(0)
    assert not waiting.done()

    remembered.told(31, 21)

    await asyncio.wait_for(waiting, 5.0)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(2_000, 20_000))
def test_within_any_bound_nothing_after_since_is_missing(steps, bytes_max):
    remembered = Remembered(bytes_max)
    revisions = [100]
    for step in steps:
        revisions.append(revisions[-1] + step)
    for previous, revision in pairwise(revisions):
        remembered.told(revision, previous)

    since = remembered.recent.since
    assert remembered.after(since) == [revision for revision in revisions[1:] if revision > since]
    sizes = [entry.size for entry in remembered.recent.after(since)]
    assert sum(sizes) <= bytes_max
