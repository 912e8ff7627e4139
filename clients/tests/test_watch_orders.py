"""`order list --watch`: which changes of orders are shown, once each, and how a script follows them."""

import asyncio
import json
from dataclasses import replace

import pytest

from quitanda.codec.queries import FindOrders
from quitanda.codec.watches import WatchedChange, WatchedChanges
from quitanda.domain.model import Kind, Order, OrderItem
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import Rejected, Unavailable
from quitanda_clients.blocking import blocking
from quitanda_clients.cli.options import OutputFormat
from quitanda_clients.cli.output import make_output
from quitanda_clients.commands.watch_orders import REMEMBERED_MAX, OrderNews, print_order_changes
from quitanda_clients.connecting import connect_admin
from quitanda_clients.results import Listing

PENS = OrderItem("caneta", "Caneta", 250, 4)
OPEN = Order("o1", "ana", 1_000, (PENS,), 1)
PLACED = replace(OPEN, state="placed", version=2)


def changed(revision, *orders):
    return WatchedChanges(revision, tuple(WatchedChange(Kind.ORDER, each.order_id, each) for each in orders))


class ScriptedShop:
    """Stands for the client: what each list and each watch gives; the last watch ends with Unavailable."""

    def __init__(self, lists, watches):
        self.lists, self.watches, self.queries, self.begun = list(lists), list(watches), [], []

    async def find_orders(self, query, limit):
        self.queries.append((query, limit))
        listed = self.lists.pop(0)
        if isinstance(listed, Exception):
            raise listed
        return listed

    async def watch(self, kinds, *, after_revision, on_unavailable):
        assert kinds == (Kind.ORDER,)
        self.begun.append(after_revision)
        for part in self.watches.pop(0):
            if isinstance(part, Unavailable):
                on_unavailable(part)
            elif isinstance(part, Exception):
                raise part
            else:
                yield part


GONE = Rejected(refused(Reason.REVISION_GONE, "after_revision", oldest=7))
FORBIDDEN = Rejected(refused(Reason.FORBIDDEN))


async def shown(capsys, shop, query=None, form=OutputFormat.TABLE):
    """Follow until the watch ends with FORBIDDEN; give what stdout and stderr have."""
    with pytest.raises(Rejected) as rejected:
        await print_order_changes(
            shop, make_output(form), query or FindOrders(), 100, as_json=form is OutputFormat.JSON
        )
    assert rejected.value is FORBIDDEN
    out, err = capsys.readouterr()
    return out.splitlines(), err.splitlines()


async def test_the_newest_order_comes_last_and_each_change_is_told_once(capsys):
    newer = replace(OPEN, order_id="o2", version=1)
    shop = ScriptedShop(
        [Listing((newer, OPEN), 10, truncated=False)],
        [[changed(10, OPEN), changed(12, PLACED), changed(13, PLACED), FORBIDDEN]],
    )
    out, err = await shown(capsys, shop)

    assert out == [
        "10  o1  open  1 product  10.00  ana",
        "10  o2  open  1 product  10.00  ana",
        "12  o1  placed  1 product  10.00  ana",
    ]
    assert (err, shop.begun, shop.queries) == ([], [10], [(FindOrders(newest_first=True), 100)])


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (FindOrders(), True),
        (FindOrders(states=("placed",)), True),
        (FindOrders(states=("open", "fulfilled")), False),
        (FindOrders(customer_id="ana", product_id="caneta"), True),
        (FindOrders(customer_id="bia"), False),
        (FindOrders(product_id="tinta"), False),
        (FindOrders(created_from_ms=1_000, created_before_ms=1_001), True),
        (FindOrders(created_from_ms=1_001), False),
        (FindOrders(created_before_ms=1_000), False),
    ],
    ids=str,
)
async def test_a_change_is_told_where_the_order_is_as_asked_for_then(capsys, query, told):
    shop = ScriptedShop([Listing((), 10, truncated=False)], [[changed(12, PLACED), FORBIDDEN]])
    out, _ = await shown(capsys, shop, query)

    assert bool(out) == told


async def test_where_changes_are_forgotten_the_list_is_shown_again_without_what_was_shown(capsys):
    shop = ScriptedShop(
        [Listing((OPEN,), 10, truncated=False), Listing((PLACED,), 30, truncated=False)],
        [[GONE], [FORBIDDEN]],
    )
    out, err = await shown(capsys, shop)

    assert [line.split()[:3] for line in out] == [["10", "o1", "open"], ["30", "o1", "placed"]]
    assert err == ["The portal does not remember all changes since; listing again."]
    assert shop.begun == [10, 30]


async def test_while_no_portal_answers_that_is_said_once_and_that_one_answers_again(capsys):
    lost = Unavailable("nobody there")
    shop = ScriptedShop([lost, lost, Listing((), 10, truncated=False)], [[lost, lost, WatchedChanges(10), FORBIDDEN]])
    _, err = await shown(capsys, shop)

    assert err == ["Not available: nobody there. Still trying.", "Available again."] * 2


async def test_programs_get_an_object_for_each_change_and_for_each_order_that_is_gone(capsys):
    deletion = WatchedChanges(14, (WatchedChange(Kind.ORDER, "o1", None), WatchedChange(Kind.ORDER, "never", None)))
    shop = ScriptedShop([Listing((OPEN,), 10, truncated=False)], [[deletion, FORBIDDEN]])
    out, _ = await shown(capsys, shop, form=OutputFormat.JSON)
    first, last = map(json.loads, out)

    assert (first["revision"], first["order"]["order_id"], first["order"]["customer_id"]) == (10, "o1", "ana")
    assert last == {"revision": 14, "order_id": "o1", "deleted": True}


async def test_spreadsheets_get_one_header_and_a_row_for_each_change(capsys):
    shop = ScriptedShop([Listing((OPEN,), 10, truncated=False)], [[changed(12, PLACED), FORBIDDEN]])
    (header, first, second), _ = await shown(capsys, shop, form=OutputFormat.CSV)

    assert header.split(",")[:5] == ["revision", "order_id", "customer_id", "created", "state"]
    assert header.endswith(",deleted")
    assert (first.split(",")[:3], second.split(",")[4]) == (["10", "o1", "ana"], "placed")


async def test_of_many_orders_the_oldest_shown_are_forgotten(capsys):
    news = OrderNews(FindOrders(), make_output(OutputFormat.TABLE))
    for number in range(REMEMBERED_MAX + 1):
        news.change(replace(OPEN, order_id=f"o{number}"), 1)
    capsys.readouterr()
    news.change(replace(OPEN, order_id=f"o{REMEMBERED_MAX}"), 2)
    news.change(replace(OPEN, order_id="o0"), 2)

    assert capsys.readouterr().out == "2  o0  open  1 product  10.00  ana\n"


async def test_a_script_follows_changes_without_await_and_ends_when_it_wants(portal):
    def script(address):
        with blocking(connect_admin, address) as admin:
            parts = admin.watch((Kind.PRODUCT,))
            begun = next(parts)
            created = admin.create_product("tea", "Tea", 1, 1).document
            told = next(part.changes[0].document for part in parts if part.changes)
            parts.close()
            return begun.changes, created, told, admin.get_product("tea").document

    before, created, told, after = await asyncio.to_thread(script, str(portal.address))

    assert before == ()
    assert created == told == after
