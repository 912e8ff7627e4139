"""What a topic tells its streams, from sources that a test holds in its hand."""

import asyncio

import pytest

from quitanda.codec.watches import WatchedChange, WatchedChanges
from quitanda.domain.model import Kind, Product
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import Rejected, Unavailable
from quitanda_clients.i18n.languages import Language
from quitanda_web.live.events import AT, LiveEvent, plain_event
from quitanda_web.live.sources import EVENT_CHANGES_MAX, WAITING_CHANGES_MAX, gathered
from quitanda_web.live.topic import REMEMBERED_BYTES_MAX, LiveCaller, LiveTopic

ANA, BIA = LiveCaller("ana", "1"), LiveCaller("bia", "2")
SECONDS = 5.0


class HeldSource:
    """A source whose events, errors and troubles a test gives; `asked` keeps for whom and after which revision."""

    def __init__(self):
        self.asked = []
        self.given = asyncio.Queue()

    async def events(self, caller, after, on_unavailable):
        self.asked.append((caller.customer_id, after))
        while True:
            given = await self.given.get()
            if isinstance(given, Unavailable):
                on_unavailable(given)
            elif isinstance(given, Exception):
                raise given
            else:
                yield given


@pytest.fixture
def source():
    return HeldSource()


@pytest.fixture
async def topic(source):
    topic = LiveTopic("products", source.events, lambda: None, linger_seconds=0.01)
    yield topic
    topic.stop()


def changed(revision, since, size=10):
    written = f"{revision} ".encode().ljust(size, b".")
    return LiveEvent("changed", revision, since, dict.fromkeys(Language, written))


async def heard(subscription):
    async with asyncio.timeout(SECONDS):
        written = await subscription.next(SECONDS)
    if written is None:
        return None
    text = written.decode()
    return text.partition("\n")[0].removeprefix("event: ") if text.startswith("event") else int(text.split()[0])


async def test_a_stream_hears_what_comes_after_the_revision_that_its_page_shows(topic, source):
    first = topic.follow(ANA, Language.ENGLISH, 5)
    source.given.put_nowait(plain_event(AT, 5))
    source.given.put_nowait(changed(7, 5))
    source.given.put_nowait(changed(9, 7))
    assert [await heard(first) for _ in range(3)] == ["at", 7, 9]

    assert [await heard(topic.follow(BIA, Language.ENGLISH, 7)) for _ in range(1)] == [9]
    assert await heard(topic.follow(BIA, Language.ENGLISH, 9)) == "at"
    assert await heard(topic.follow(BIA, Language.ENGLISH, None)) == "at"
    assert await heard(topic.follow(BIA, Language.ENGLISH, 4)) == "gone"
    assert source.asked == [("ana", 5)]


async def test_an_event_of_which_the_other_half_was_told_later_is_told_whole_to_who_missed_both(topic, source):
    first = topic.follow(ANA, Language.ENGLISH, 5)
    for event in (plain_event(AT, 5), changed(5, 5), changed(8, 5)):
        source.given.put_nowait(event)
    assert [await heard(first) for _ in range(3)] == ["at", 5, 8]

    again = topic.follow(BIA, Language.ENGLISH, 5)

    assert [await heard(again) for _ in range(2)] == [5, 8]


async def test_what_is_too_much_to_remember_is_forgotten_and_who_missed_it_fetches_the_page(topic, source):
    first = topic.follow(ANA, Language.ENGLISH, 5)
    half = REMEMBERED_BYTES_MAX // 4  # in each of two languages
    for event in (plain_event(AT, 5), changed(5, 5, half), changed(6, 5, half), changed(7, 6, half)):
        source.given.put_nowait(event)
    assert [await heard(first) for _ in range(4)] == ["at", 5, 6, 7]

    assert await heard(topic.follow(BIA, Language.ENGLISH, 5)) == "gone"
    assert await heard(topic.follow(BIA, Language.ENGLISH, 6)) == 7


async def test_a_refused_lender_ends_and_another_one_lends_from_where_the_first_one_was(topic, source):
    first, second = topic.follow(ANA, Language.ENGLISH, 5), topic.follow(BIA, Language.ENGLISH, 5)
    for event in (plain_event(AT, 5), changed(7, 5), Rejected(refused(Reason.CREDENTIAL_REVOKED, "token"))):
        source.given.put_nowait(event)

    assert [await heard(first) for _ in range(4)] == ["at", 7, "ended", None]
    source.given.put_nowait(plain_event(AT, 7))
    source.given.put_nowait(changed(8, 7))
    assert [await heard(second) for _ in range(3)] == ["at", 7, 8]
    assert source.asked == [("ana", 5), ("bia", 7)]


async def test_streams_are_told_once_that_no_portal_answers_and_that_one_does_again(topic, source):
    stream = topic.follow(ANA, Language.ENGLISH, 5)
    for event in (plain_event(AT, 5), Unavailable(), Unavailable(), plain_event(AT, 5), plain_event(AT, 6)):
        source.given.put_nowait(event)

    assert [await heard(stream) for _ in range(3)] == ["at", "lost", "at"]
    assert (await stream.next(0.01)).startswith(b"event: at\nid: 6\n")


async def test_a_source_that_begins_anew_lets_the_pages_be_fetched_again(topic, source):
    stream = topic.follow(ANA, Language.ENGLISH, 5)
    for event in (plain_event(AT, 5), Rejected(refused(Reason.REVISION_GONE, "after_revision")), plain_event(AT, 90)):
        source.given.put_nowait(event)

    assert [await heard(stream) for _ in range(3)] == ["at", "gone", "at"]
    assert source.asked == [("ana", 5), ("ana", None)]


async def test_a_topic_that_nobody_follows_ends_and_whoever_comes_back_in_time_keeps_it(source):
    ended = asyncio.Event()
    topic = LiveTopic("products", source.events, ended.set, linger_seconds=0.05)
    topic.follow(ANA, Language.ENGLISH, 5).close()
    topic.follow(BIA, Language.ENGLISH, 5).close()

    async with asyncio.timeout(SECONDS):
        await ended.wait()
    assert source.asked in ([], [("ana", 5)])


async def told_by(parts):
    return [(part.revision, len(part.changes)) async for part in gathered(parts)]


def products(count, first=0):
    return tuple(
        WatchedChange(Kind.PRODUCT, f"p{n}", Product(f"p{n}", "P", "", n, 1, (), n + 1))
        for n in range(first, first + count)
    )


async def test_many_changes_are_told_in_parts_of_which_the_last_one_has_the_revision():
    async def parts():
        yield WatchedChanges(5)
        await asyncio.sleep(0)
        yield WatchedChanges(7, products(EVENT_CHANGES_MAX + 1))

    told = await told_by(parts())

    assert told[-2:] == [(5, EVENT_CHANGES_MAX), (7, 1)]


async def test_changes_that_come_while_others_are_told_are_told_together_and_of_each_document_the_last():
    come = asyncio.Event()

    async def parts():
        yield WatchedChanges(5)
        await come.wait()
        for revision in range(6, 50):
            yield WatchedChanges(revision, products(1))
        yield WatchedChanges(50, products(1, first=1))

    together = gathered(parts())
    assert (await anext(together)).revision == 5
    come.set()
    part = await anext(together)
    await together.aclose()

    assert (part.revision, len(part.changes)) == (50, 2)


async def test_more_changes_than_may_wait_are_not_told_one_by_one():
    async def parts():
        yield WatchedChanges(5)
        yield WatchedChanges(6, products(WAITING_CHANGES_MAX + 1))

    with pytest.raises(Rejected) as rejected:
        await told_by(parts())

    assert rejected.value.refused.reason is Reason.REVISION_GONE
