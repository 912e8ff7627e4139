"""What callers who watch are told: everything that is theirs after a revision, or that it is gone."""

import asyncio
from contextlib import aclosing

import pytest
from fake_cluster import DirectReader, FakeCluster, FakeFeed
from known_callers import let_in, raise_to_highest_level

from quitanda.codec.watches import WatchDocuments, WatchedChange, WatchedChanges
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    RevokeCredential,
    UpdateProduct,
)
from quitanda.domain.model import CallerRole, Kind
from quitanda.errors import Overloaded, Rejected, Unavailable
from quitanda.operations import PortalKind
from quitanda.portal.callers import Authenticator
from quitanda.portal.operations import PortalOperations
from quitanda.portal.watches import (
    CALLER_WATCHES_MAX,
    FEED_SILENCE_SECONDS_MAX,
    HEARTBEAT_SECONDS,
    Watcher,
    Watches,
)

TIMEOUT = 5.0
PRODUCTS, ORDERS, BOTH = (Kind.PRODUCT,), (Kind.ORDER,), (Kind.PRODUCT, Kind.ORDER)


class Shop:
    """A cluster in memory and a portal of each kind before it, which hear everything that a test tells the feed."""

    def __init__(self, *, proved=False, bytes_max=1_000_000, level=True):
        self.cluster = FakeCluster(demands_principals=proved)
        if level:
            raise_to_highest_level(self.cluster)
        for customer_id in ("ana", "bia"):
            self.cluster.does(CreateCustomer(customer_id, customer_id))
        self.tea = self.cluster.does(CreateProduct("tea", "Tea", price=250, quantity=100))
        self.reader = DirectReader(self.cluster)
        self.feed = FakeFeed(self.cluster, self.reader, bytes_max)
        self.now_ms = 1_000
        self.authenticator = Authenticator(self.reader, now_ms=lambda: self.now_ms) if proved else None
        self.of = {portal: self._watches(portal) for portal in PortalKind}

    def _watches(self, portal):
        operations = PortalOperations(portal, self.cluster, self.reader, self.authenticator)
        return Watches(operations, self.cluster, self.reader, TIMEOUT, self.authenticator)

    def staff(self, kinds, after=None, caller=None):
        watcher = Watcher(WatchDocuments(kinds, "", after), caller)
        return aclosing(self.of[PortalKind.ADMIN].watch(watcher, TIMEOUT))

    def customer(self, kinds, after=None, customer_id="ana", caller=None):
        watcher = Watcher(WatchDocuments(kinds, customer_id, after), caller)
        return aclosing(self.of[PortalKind.CLIENT].watch(watcher, TIMEOUT))

    def does(self, command, *gone, scope=""):
        """Let a command take effect, and tell it; `gone` are keys that it removed from what the feed shows."""
        document = self.cluster.does(command, scope)
        return document, self.feed.changed(*(gone or (document,)))

    def order(self, order_id, customer_id="ana"):
        return self.does(CreateOrder(customer_id, order_id, 1, (ItemQuantity("tea", 1),)), scope=customer_id)

    def cancel(self, order_id, customer_id="ana"):
        _, revision = self.does(CancelOrder(customer_id, order_id), (Kind.ORDER, order_id), scope=customer_id)
        return revision


@pytest.fixture
def shop():
    return Shop()


async def told(watch):
    return await asyncio.wait_for(anext(watch), TIMEOUT)


async def refused(watch):
    """Hear a watch to its end; give the reason."""
    with pytest.raises(Rejected) as ended:
        await asyncio.wait_for(anext(each async for each in watch if False), TIMEOUT)
    return ended.value.refused.reason.value


def change(document, kind=Kind.PRODUCT):
    return WatchedChange(kind, document.product_id if kind is Kind.PRODUCT else document.order_id, document)


async def test_a_watch_from_now_on_begins_with_the_present_revision_and_tells_what_changes_then(shop):
    async with shop.staff(PRODUCTS) as watch:
        assert await told(watch) == WatchedChanges(shop.cluster.revision)
        cheaper, revision = shop.does(UpdateProduct("tea", price=200))

        assert await told(watch) == WatchedChanges(revision, (change(cheaper),))


async def test_a_watch_after_a_revision_tells_what_changed_since(shop):
    first = shop.cluster.revision
    _, second = shop.does(UpdateProduct("tea", price=200))
    pen, third = shop.does(CreateProduct("pen", "Pen", price=1, quantity=1))

    async with shop.staff(PRODUCTS, after=first) as watch:
        assert await told(watch) == WatchedChanges(first)
        assert (await told(watch)).revision == third
    async with shop.staff(PRODUCTS, after=second) as watch:
        assert [await told(watch), await told(watch)] == [
            WatchedChanges(second),
            WatchedChanges(third, (change(pen),)),
        ]


async def test_changes_of_one_document_that_are_told_together_are_told_as_the_last_of_them(shop):
    first = shop.cluster.revision
    shop.does(UpdateProduct("tea", price=200))
    newest, last = shop.does(UpdateProduct("tea", price=190))

    async with shop.staff(PRODUCTS, after=first) as watch:
        assert [await told(watch), await told(watch)] == [
            WatchedChanges(first),
            WatchedChanges(last, (change(newest),)),
        ]


async def test_a_product_that_is_deleted_is_told_by_its_id(shop):
    async with shop.staff(PRODUCTS) as watch:
        await told(watch)
        shop.does(DeleteProduct("tea"), (Kind.PRODUCT, "tea"))

        assert (await told(watch)).changes == (WatchedChange(Kind.PRODUCT, "tea", None),)


async def test_who_watches_one_kind_is_not_told_of_the_other(shop):
    async with shop.staff(ORDERS) as watch:
        await told(watch)
        shop.does(UpdateProduct("tea", price=200))
        order, revision = shop.order("order-1")

        assert await told(watch) == WatchedChanges(revision, (change(order, Kind.ORDER),))


async def test_staff_are_told_of_every_order_and_a_customer_of_her_own_alone(shop):
    async with shop.staff(ORDERS) as staff, shop.customer(ORDERS) as ana:
        assert [(await told(staff)).changes, (await told(ana)).changes] == [(), ()]
        of_bia, _ = shop.order("order-1", "bia")
        of_ana, _ = shop.order("order-2", "ana")

        heard = (*(await told(staff)).changes,)
        while len(heard) < 2:
            heard += (await told(staff)).changes
        assert heard == (change(of_bia, Kind.ORDER), change(of_ana, Kind.ORDER))
        assert (await told(ana)).changes == (change(of_ana, Kind.ORDER),)


async def test_an_order_that_is_closed_is_told_as_it_was_closed_to_its_customer_and_to_nobody_else(shop):
    shop.order("order-1", "bia")
    shop.order("order-2", "ana")
    begin = shop.cluster.revision
    shop.cancel("order-1", "bia")
    shop.cancel("order-2", "ana")

    async with shop.customer(ORDERS, after=begin) as ana:
        await told(ana)
        (closed,) = (await told(ana)).changes
    assert (closed.document_id, closed.document.state) == ("order-2", "cancelled")


async def test_a_watch_from_before_a_customer_of_the_same_id_was_deleted_is_refused(shop):
    shop.order("order-1")
    begin = shop.cluster.revision
    shop.order("order-2")
    gone = ((Kind.CUSTOMER, "ana"), (Kind.ORDER, "order-1"), (Kind.ORDER, "order-2"))
    _, deleted = shop.does(DeleteCustomer("ana", cascade=True), *gone)
    shop.does(CreateCustomer("ana", "Another Ana"))
    own, _ = shop.order("order-3")

    async with shop.customer(ORDERS, after=begin) as of_both:
        assert await refused(of_both) == "REVISION_GONE"
    async with shop.customer(ORDERS, after=deleted) as ana:
        await told(ana)
        assert (await told(ana)).changes == (change(own, Kind.ORDER),)


async def test_a_closed_order_is_read_once_however_many_watch(shop):
    shop.order("order-1")
    begin = shop.cluster.revision
    shop.cancel("order-1")
    async with shop.customer(ORDERS, after=begin) as one, shop.customer(ORDERS, after=begin) as other:
        for watch in (one, other):
            await told(watch)
        reads = len(shop.cluster.reads)
        await asyncio.gather(told(one), told(other))

    assert len(shop.cluster.reads) == reads + 1


async def test_where_a_cancelled_order_is_not_kept_staff_hear_its_id_and_customers_begin_anew():
    shop = Shop(level=False)
    shop.order("order-1", "bia")
    begin = shop.cluster.revision
    shop.cancel("order-1", "bia")

    async with shop.staff(ORDERS, after=begin) as staff:
        await told(staff)
        assert (await told(staff)).changes == (WatchedChange(Kind.ORDER, "order-1", None),)
    async with shop.customer(ORDERS, after=begin) as ana:
        assert await refused(ana) == "REVISION_GONE"


async def test_a_silent_watch_says_up_to_where_everything_was_told(shop):
    async with shop.staff(ORDERS) as watch:
        await told(watch)
        shop.does(UpdateProduct("tea", price=200))
        shop.feed.beat()

        assert await told(watch) == WatchedChanges(shop.cluster.revision)


async def test_a_revision_that_the_portal_does_not_remember_is_refused_with_the_oldest_that_it_does(shop):
    shop.does(UpdateProduct("tea", price=200))
    async with shop.staff(PRODUCTS, after=1) as watch:
        await told(watch)
        with pytest.raises(Rejected) as ended:
            await told(watch)

    assert ended.value.refused.field == "after_revision"
    assert ended.value.details == {"oldest": str(shop.feed.recent.since)}


async def test_a_revision_that_the_cluster_never_had_is_refused(shop):
    async with shop.staff(PRODUCTS, after=shop.cluster.revision + 1) as watch:
        assert await refused(watch) == "REVISION_GONE"


async def test_a_gap_of_the_feed_ends_the_watches_that_missed_something_and_no_other(shop):
    async with shop.staff(PRODUCTS) as watch:
        await told(watch)
        shop.cluster.does(UpdateProduct("tea", price=200))
        shop.feed.lose_one()
        _, after_the_gap = shop.does(UpdateProduct("tea", price=190))

        assert await refused(watch) == "REVISION_GONE"
    async with shop.staff(PRODUCTS, after=after_the_gap - 1) as watch:
        await told(watch)
        assert (await told(watch)).revision == after_the_gap


async def test_who_reads_too_slowly_is_told_to_begin_anew_and_the_portal_remembers_no_more_than_its_bound():
    shop = Shop(bytes_max=5_000)
    async with shop.staff(PRODUCTS) as watch:
        await told(watch)
        for _ in range(50):
            shop.does(AdjustStock("tea", 1))

        assert await refused(watch) == "REVISION_GONE"
    sizes = [entry.size for entry in shop.feed.recent.after(0)]
    assert sum(sizes) <= 5_000


async def test_a_watch_of_another_history_ends(shop):
    async with shop.staff(PRODUCTS) as watch:
        await told(watch)
        shop.feed.recent.history += 1

        assert await refused(watch) == "REVISION_GONE"


async def test_a_portal_that_does_not_hear_the_feed_ends_its_watches(shop):
    async with shop.staff(PRODUCTS) as watch:
        await told(watch)
        shop.reader.hears_the_feed = False

        with pytest.raises(Unavailable, match="silent"):
            await asyncio.wait_for(anext(watch), 2 * FEED_SILENCE_SECONDS_MAX)


async def test_a_portal_without_a_feed_watches_nothing(shop):
    shop.reader.recent = None
    async with shop.staff(PRODUCTS) as watch:
        with pytest.raises(Unavailable):
            await told(watch)


async def test_a_portal_that_stops_ends_its_watches_at_once(shop):
    async with shop.staff(PRODUCTS) as watch:
        await told(watch)
        waiting = asyncio.create_task(anext(watch))
        await asyncio.sleep(0)
        shop.of[PortalKind.ADMIN].stop()

        with pytest.raises(Unavailable, match="stops"):
            await asyncio.wait_for(waiting, HEARTBEAT_SECONDS / 2)


async def test_a_customer_who_is_not_registered_watches_nothing(shop):
    async with shop.customer(ORDERS, customer_id="eva") as watch:
        assert await refused(watch) == "CUSTOMER_NOT_FOUND"


async def test_the_watch_of_a_customer_who_is_deleted_ends(shop):
    async with shop.customer(PRODUCTS) as watch:
        await told(watch)
        shop.does(DeleteCustomer("ana"), (Kind.CUSTOMER, "ana"))

        assert await refused(watch) == "CUSTOMER_NOT_FOUND"


@pytest.fixture
async def proved():
    """A shop whose callers prove who they are, a token of a clerk, and who has shown it."""
    shop = Shop(proved=True)
    token = let_in(shop.cluster, CallerRole.CLERK, expires_at_ms=5_000)
    caller = await shop.authenticator.authenticate(token.text(), "here", TIMEOUT)
    return shop, token, caller


async def test_the_watch_of_a_credential_that_is_revoked_ends(proved):
    shop, token, caller = proved
    async with shop.staff(PRODUCTS, caller=caller) as watch:
        await told(watch)
        shop.does(RevokeCredential(token.credential_id), (Kind.CREDENTIAL, token.credential_id))

        assert await refused(watch) == "UNAUTHENTICATED"


async def test_the_watch_of_a_credential_that_expires_ends(proved):
    shop, _, caller = proved
    async with shop.staff(PRODUCTS, caller=caller) as watch:
        await told(watch)
        shop.now_ms = 5_000

        assert await refused(watch) == "UNAUTHENTICATED"


async def test_where_callers_prove_who_they_are_nobody_else_watches():
    async with Shop(proved=True).staff(PRODUCTS) as watch:
        assert await refused(watch) == "UNAUTHENTICATED"


async def test_one_caller_holds_so_many_watches_and_gives_the_place_of_an_ended_one_back(shop):
    watches = [shop.customer(PRODUCTS) for _ in range(CALLER_WATCHES_MAX)]
    for each in watches:
        await told(await each.__aenter__())
    async with shop.customer(PRODUCTS) as one_more:
        with pytest.raises(Overloaded) as refusal:
            await told(one_more)
    assert (refusal.value.limit, refusal.value.retry_after > 0) == ("watches", True)
    async with shop.customer(PRODUCTS, customer_id="bia") as of_another:
        await told(of_another)
    for each in watches:
        await each.__aexit__(None, None, None)

    async with shop.customer(PRODUCTS) as afterwards:
        await told(afterwards)
