"""A watch goes on, whatever portals do, and a list that is followed begins anew only where it must."""

import asyncio
from contextlib import aclosing

import pytest
from fake_portals import FakePortal, FakeShop

from quitanda.codec.watches import WatchedChange, WatchedChanges
from quitanda.domain.model import Kind, Product
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import NotOffered, Rejected, Unavailable
from quitanda_clients.client import AdminClient
from quitanda_clients.results import Listing
from quitanda_clients.watching import FollowedProducts, follow_products, read_parts, watch_on

SECONDS = 60.0
GONE = Rejected(refused(Reason.REVISION_GONE, "after_revision", oldest=7))
LOST = Unavailable("the portal is gone")


def product(product_id, quantity=1):
    return Product(product_id, product_id, "", 100, quantity, (), 1)


def changed(revision, *products):
    return WatchedChanges(revision, tuple(WatchedChange(Kind.PRODUCT, each.product_id, each) for each in products))


def deleted(revision, product_id):
    return WatchedChanges(revision, (WatchedChange(Kind.PRODUCT, product_id, None),))


class Script:
    """What one watch after the other tells, and how it ends; `begun` keeps after which revisions they began."""

    def __init__(self, *watches):
        self.watches = list(watches)
        self.begun = []
        self.complaints = []

    async def begin(self, after):
        self.begun.append(after)
        for each in self.watches.pop(0) if self.watches else [None]:
            if each is None:  # silence
                await asyncio.Event().wait()
            if isinstance(each, Exception):
                raise each
            yield each

    def watch(self, after=None):
        return aclosing(watch_on(self.begin, after, self.complaints.append))


async def heard(stream, count):
    async with asyncio.timeout(SECONDS):
        return [await anext(stream) for _ in range(count)]


async def test_a_watch_that_is_lost_begins_again_after_the_last_revision_that_was_told():
    script = Script([WatchedChanges(5), changed(9, product("tea")), LOST], [WatchedChanges(9)])
    async with script.watch() as watch:
        told = await heard(watch, 3)

    assert told == [WatchedChanges(5), changed(9, product("tea")), WatchedChanges(9)]
    assert (script.begun, script.complaints) == ([None, 9], [])


async def test_a_watch_that_the_portal_ends_begins_again_and_a_revision_to_begin_with_is_named():
    script = Script([WatchedChanges(5)], [WatchedChanges(5)])
    async with script.watch(after=4) as watch:
        await heard(watch, 2)

    assert script.begun == [4, 5]


async def test_while_no_portal_answers_the_caller_is_told_each_time():
    script = Script([LOST], [LOST], [WatchedChanges(5)])
    async with script.watch() as watch:
        await heard(watch, 1)

    assert script.complaints == [LOST, LOST]


async def test_a_portal_that_hangs_is_left():
    script = Script([WatchedChanges(5), None], [WatchedChanges(5)])
    async with aclosing(watch_on(script.begin, None, script.complaints.append, silence_seconds_max=0.05)) as watch:
        await heard(watch, 2)

    assert script.begun == [None, 5]


@pytest.mark.parametrize("end", [GONE, NotOffered("an old portal")])
async def test_what_no_other_portal_can_mend_is_raised(end):
    async with Script([WatchedChanges(5), end]).watch() as watch:
        with pytest.raises(type(end)):
            await heard(watch, 2)


class Shelf:
    """Lists the products of a shop, at most so many, at the revision that they have."""

    def __init__(self, *products, revision=10, limit=1_000):
        self.products = {each.product_id: each for each in products}
        self.revision = revision
        self.limit = limit
        self.listed = 0

    async def fetch(self):
        self.listed += 1
        listed = sorted(self.products.values(), key=lambda each: each.product_id)
        return Listing(tuple(listed[: self.limit]), self.revision, len(listed) > self.limit)

    def follow(self, script):
        return aclosing(follow_products(self.fetch, script.begin, script.complaints.append))


async def test_the_list_is_followed_by_its_changes_from_its_revision_on():
    tea, pen = product("tea"), product("pen")
    script = Script(
        [WatchedChanges(10), changed(12, product("tea", 2)), changed(13, product("cup")), deleted(15, "pen")]
    )
    async with Shelf(tea, pen).follow(script) as followed:
        listed, silent, dearer, new, gone = await heard(followed, 5)

    assert script.begun == [10]
    assert listed == FollowedProducts({"pen": pen, "tea": tea}, 10, (pen, tea))
    assert silent == FollowedProducts({"pen": pen, "tea": tea}, 10)
    assert dearer == FollowedProducts({"pen": pen, "tea": product("tea", 2)}, 12, (product("tea", 2),))
    assert (list(new.products), new.changed) == (["cup", "pen", "tea"], (product("cup"),))
    assert (list(gone.products), gone.gone, gone.revision) == (["cup", "tea"], ("pen",), 15)


async def test_what_is_told_again_is_no_change():
    script = Script([changed(12, product("tea")), deleted(13, "cup")])
    async with Shelf(product("tea")).follow(script) as followed:
        _, *again = await heard(followed, 3)

    assert [(each.changed, each.gone) for each in again] == [((), ()), ((), ())]


async def test_where_the_revision_is_gone_the_list_begins_anew_and_tells_what_changed_meanwhile():
    shelf = Shelf(product("pen"), product("tea"))
    script = Script([GONE], [WatchedChanges(20)])
    async with shelf.follow(script) as followed:
        await heard(followed, 1)
        del shelf.products["pen"]
        shelf.products["tea"], shelf.revision = product("tea", 2), 20
        (anew,) = await heard(followed, 1)
        await heard(followed, 1)

    assert anew == FollowedProducts({"tea": product("tea", 2)}, 20, (product("tea", 2),), ("pen",))
    assert script.begun == [10, 20]


@pytest.mark.parametrize(
    ("told", "anew"),
    [
        (changed(12, product("b", 2)), False),
        (changed(12, product("x", 2)), False),
        (deleted(12, "x"), False),
        (changed(12, product("a2")), True),
        (deleted(12, "a"), True),
    ],
)
async def test_of_a_list_with_more_products_only_what_moves_its_end_lets_it_begin_anew(told, anew):
    shelf = Shelf(*map(product, "abcx"), limit=2)
    async with shelf.follow(Script([told])) as followed:
        await heard(followed, 2)

    assert shelf.listed == (2 if anew else 1)


async def test_products_are_followed_over_grpc_from_one_portal_to_the_next():
    shop = FakeShop()
    shop.products["tea"] = product("tea")
    portals = [FakePortal(shop), FakePortal(shop)]
    for portal in portals:
        await portal.start()
    async with (
        AdminClient([each.address for each in portals], timeout=5.0) as client,
        aclosing(client.follow_products()) as followed,
    ):
        listed, _ = await heard(followed, 2)
        await portals[0].stop()
        shop.products["tea"] = product("tea", 7)
        async with asyncio.timeout(SECONDS):
            while not (told := await anext(followed)).changed:
                pass
    await portals[1].stop()

    assert (listed.changed, told.changed) == ((product("tea"),), (product("tea", 7),))
    assert [request.HasField("after_revision") for request in portals[1].requests("Watch")] == [True]


async def results(*replies):
    for after, revision, ends in replies:
        yield {"after_revision": after, "changes": [], "ends": ends}, revision


async def test_replies_over_mqtt_are_read_until_the_one_that_ends_the_watch():
    parts = [part.revision async for part in read_parts(results((5, 5, False), (5, 9, False), (9, 9, True)), 5)]

    assert parts == [5, 9, 9]


async def test_a_reply_over_mqtt_that_is_lost_is_missed_and_one_that_comes_twice_is_not():
    parts = read_parts(results((5, 5, False), (5, 9, False), (5, 9, False), (12, 15, False)), 5)
    assert [part.revision for part in await heard(parts, 3)] == [5, 9, 9]

    with pytest.raises(Unavailable, match="lost"):
        await heard(parts, 1)
