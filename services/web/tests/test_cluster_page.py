"""The page of the cluster: who leads, how far each replica is, and what is wrong; live."""

from datetime import UTC
from types import SimpleNamespace

import pytest
from open_stream import open_stream

from quitanda_clients.i18n.catalogue import texts_of
from quitanda_clients.i18n.formats import Formats
from quitanda_clients.i18n.languages import Language
from quitanda_web.live.cluster_board import SUMMARY, ClusterBoard
from quitanda_web.recent_requests import MinuteOfRequests, RecentRequests
from quitanda_web.wording import Wording

FOLLOWER, CANDIDATE, LEADER = 1, 2, 3
REFUSED = SimpleNamespace(name="replica1", connected=False, refused="another cluster")
WORDING = Wording(texts_of(Language.ENGLISH), Formats(Language.ENGLISH, UTC, "BRL"))


def replica(name, role=FOLLOWER, **facts):
    peers = [SimpleNamespace(name=name, connected=True, refused="") for name in ("replica1", "replica2")]
    known = {
        "name": name,
        "reachable": True,
        "role": role,
        "term": 4,
        "revision": 100,
        "commit_index": 100,
        "peers": peers,
        "state_digest": "ab" * 32,
        "catching_up": False,
        "supported_level": 6,
        "cluster_level": 5,
        "leader": "replica1",
    }
    return SimpleNamespace(**known | facts)


def trio(**changes):
    """Three healthy replicas, of which `changes` says what is different."""
    replicas = {
        "replica1": replica("replica1", LEADER),
        "replica2": replica("replica2"),
        "replica3": replica("replica3"),
    }
    for name, facts in changes.items():
        vars(replicas[name]).update(facts)
    return list(replicas.values())


def board(clock=lambda: 0.0):
    return ClusterBoard(RecentRequests(), {}, clock, lambda: 1_700_000_000.0)


def shown(replicas, on=None):
    on = on or board()
    return on.shown(on.take(replicas, 0.002), WORDING)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "All is well."),
        ({"replica3": {"reachable": False}}, "The shop works, but does not hear from replica3."),
        ({"replica2": {"reachable": False}, "replica3": {"reachable": False}}, "There is no majority"),
        ({"replica1": {"role": CANDIDATE, "leader": ""}}, "No replica leads at the moment"),
        ({"replica2": {"role": LEADER, "leader": "replica2"}}, "No replica leads at the moment"),
        ({"replica2": {"leader": ""}}, "The shop works; not every replica knows yet that replica1 leads."),
        ({"replica2": {"catching_up": True}, "replica3": {"reachable": False}}, "There is no majority"),
        ({"replica3": {"peers": [REFUSED]}}, "The shop works, but replica3 refuses replica1: ask its operator."),
        ({"replica3": {"catching_up": True}}, "The shop works; behind the others: replica3."),
        ({"replica3": {"revision": 1}, "replica1": {"commit_index": 1_050}}, "behind the others: replica3"),
        ({"replica3": {"state_digest": "cd" * 32}}, "The replicas' states differ"),
    ],
)
def test_the_verdict_is_the_worst_that_is_wrong(changes, verdict):
    assert verdict in shown(trio(**changes))[SUMMARY]["verdict"]


def test_a_row_says_how_far_a_replica_is_and_a_missing_one_that_it_does_not_answer():
    texts = shown(trio(replica2={"revision": 90, "catching_up": True}, replica3={"reachable": False}))

    assert texts["replica1"]["role"] == "leads"
    assert (texts["replica2"]["role"], texts["replica2"]["lag"]) == ("catches up, does not vote yet", "10")
    assert (texts["replica2"]["links"], texts["replica2"]["level"]) == ("2 of 2", "6")
    assert (texts["replica3"]["role"], texts["replica3"]["digest"]) == ("does not answer", "-")
    assert (texts[SUMMARY]["leader"], texts[SUMMARY]["term"], texts[SUMMARY]["level"]) == ("replica1", "4", "5")


def test_digests_are_compared_also_when_replicas_are_at_the_revision_at_different_moments():
    one = board()
    shown(trio(replica2={"revision": 98, "state_digest": "aa"}, replica3={"reachable": False}), one)

    later = trio(replica1={"revision": 98, "state_digest": "bb"}, replica2={"revision": 99}, replica3={"revision": 101})

    assert shown(later, one)[SUMMARY]["digests"] == "differ at revision 98"


def test_the_rate_is_that_of_the_last_seconds_and_unknown_at_first():
    moments = iter((0.0, 1.0, 2.0))
    one = board(lambda: next(moments))

    rates = [shown(trio(replica1={"commit_index": index}), one)[SUMMARY]["changes"] for index in (100, 150, 200)]

    assert rates == ["…", "50", "50"]


def test_requests_are_counted_by_minute_with_bounds_of_their_times():
    recent = RecentRequests()
    for _ in range(98):
        recent.add(65.0, 0.004, failed=False)
    recent.add(66.0, 0.7, failed=True)
    recent.add(67.0, 90.0, failed=True)
    recent.add(130.0, 0.001, failed=False)

    present, before, *earlier = recent.last(179.0)

    assert (present.requests, present.failed, present.milliseconds(0.5)) == (1, 0, 1)
    assert (before.requests, before.failed) == (100, 2)
    assert [before.milliseconds(share) for share in (0.5, 0.99, 1.0)] == [5, 1_000, 60_000]
    assert [minute.requests for minute in earlier] == [0, 0, 0]
    assert MinuteOfRequests(0).milliseconds(0.5) == 0


async def test_staff_see_the_cluster_and_customers_do_not(shop):
    page = await (await shop.staff("clerk")).open("/office/cluster")

    assert "replica1" in page.text
    assert "leads" in page.text
    assert "does not answer" in page.text
    assert "this minute" in page.text
    assert (await (await shop.customer()).get("/office/cluster")).location == "/"


async def test_the_page_is_told_every_second_and_by_one_call_for_all_who_look(shop):
    staff = await shop.staff(language="pt-BR")
    async with open_stream(staff, "/live/cluster") as one, open_stream(await shop.staff(), "/live/cluster") as other:
        first, second = await one.next("changed"), await one.next("changed")
        calls = len(shop.cluster.timeouts)
        await other.next("changed")
        changes = {change["id"]: change["texts"] for change in second.data["changes"]}

    assert int(second.id) > int(first.id)
    assert changes["replica1"]["role"] == "lidera"
    assert changes["replica2"]["role"] == "não responde"
    assert set(changes) >= {"cluster", "replica1", "replica2", "minute-0", "minute-4"}
    assert len(shop.cluster.timeouts) - calls <= 1


async def test_the_page_says_up_to_where_the_change_feed_was_heard(shop):
    async with open_stream(await shop.staff(), "/live/cluster") as stream:
        while True:
            heard = await stream.next("changed")
            (feed,) = [change["texts"]["feed"] for change in heard.data["changes"] if change["id"] == "cluster"]
            if feed != "nothing heard yet":
                break

    assert f"revision {shop.cluster.revision}" in feed
