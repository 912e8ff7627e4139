"""The line and the exit code of `cluster status`."""

import pytest
from command_line import admin

from quitanda.v1.admin_portal_pb2 import REPLICA_ROLE_FOLLOWER, REPLICA_ROLE_LEADER, PeerStatus, ReplicaStatus
from quitanda_clients.cluster_findings import LAG_ENTRIES_MAX
from quitanda_clients.commands.cluster_health import judge


def replica(number, **changes):
    facts = {
        "name": f"replica{number}",
        "reachable": True,
        "role": REPLICA_ROLE_LEADER if number == 1 else REPLICA_ROLE_FOLLOWER,
        "leader": "replica1",
        "revision": 70,
        "commit_index": 70,
        "state_digest": "a" * 64,
    }
    return ReplicaStatus(**(facts | changes))


def lost(number):
    return ReplicaStatus(name=f"replica{number}", reachable=False, error="no connection")


def test_three_replicas_that_agree_are_well():
    health = judge([replica(1), replica(2), replica(3)])

    assert health.well
    assert health.summary == "All is well: replica1 leads, 3 of 3 replicas answer, their states agree and none lags."


def test_replicas_a_few_entries_behind_are_well_while_there_are_writes():
    assert judge([replica(1), replica(2, revision=69, state_digest="b" * 64), replica(3)]).well


@pytest.mark.parametrize(
    ("replicas", "said"),
    [
        ([replica(1), replica(2), lost(3)], "2 of 3 replicas answer (not replica3)"),
        ([replica(1), lost(2), lost(3)], "there is no majority, so nothing can be changed"),
        ([replica(1, leader=""), replica(2, leader=""), replica(3, leader="")], "no replica leads"),
        ([replica(1), replica(2), replica(3, leader="replica2")], "the replicas do not agree on who leads"),
        ([replica(1), replica(2, leader="replica2"), replica(3)], "the replicas do not agree on who leads"),
        ([replica(1), replica(2), replica(3, state_digest="b" * 64)], "THE STATES DIFFER at revision 70"),
        ([replica(1), replica(2), replica(3, catching_up=True)], "replica3 is still catching up"),
        (
            [replica(1, commit_index=70 + LAG_ENTRIES_MAX + 1), replica(2), replica(3)],
            f"replica2 is {LAG_ENTRIES_MAX + 1} entries behind",
        ),
        (
            [replica(1), replica(2), replica(3, peers=[PeerStatus(name="replica1", refused="another cluster")])],
            "replica3 refuses replica1",
        ),
        ([], "no replica leads"),
    ],
)
def test_what_is_not_well_is_named(replicas, said):
    health = judge(replicas)

    assert not health.well
    assert health.summary.startswith("NOT WELL: ")
    assert said in health.summary


NOW_MS = 1_800_000_000_000  # 2027-01-15T08:00Z
DAY_MS = 86_400_000


def ending(*days):
    return [replica(n, certificate_expires_at_ms=NOW_MS + left * DAY_MS) for n, left in enumerate(days, 1)]


@pytest.mark.parametrize("replicas", [ending(22, 90, 30), [replica(1), replica(2), replica(3)]])
def test_while_certificates_are_renewed_in_time_or_there_are_none_nothing_is_said_of_them(replicas):
    assert judge(replicas, NOW_MS).summary.endswith("none lags.")


@pytest.mark.parametrize(("left", "end"), [(20, "2027-02-04 08:00"), (-1, "2027-01-14 08:00")])
def test_the_certificate_that_ends_first_is_named_with_what_to_do_and_is_no_fault(left, end):
    health = judge(ending(60, left, 60), NOW_MS)

    assert health.well
    assert health.summary.endswith(
        f"none lags. The certificate of replica2 ends at {end} UTC: renew those of all processes with "
        "'python -m quitanda.identity renew'."
    )


async def test_the_first_line_says_whether_all_is_well_and_so_does_the_exit_code(portal, shop):
    shop.replicas = [replica(1), replica(2), replica(3)]
    well = await admin(portal, "cluster", "status")
    well_json = await admin(portal, "cluster", "status", "--json")
    shop.replicas = [replica(1), replica(2), lost(3)]
    ill = await admin(portal, "cluster", "status")
    ill_json = await admin(portal, "cluster", "status", "--json")
    ill_csv = await admin(portal, "cluster", "status", "-o", "csv")

    assert [done.exit_code for done in (well, well_json, ill, ill_json, ill_csv)] == [0, 0, 1, 1, 1]
    assert well.stdout.splitlines()[0].startswith("All is well")
    assert ill.stdout.splitlines()[0].startswith("NOT WELL")
    assert (well_json.result["well"], ill_json.result["well"]) == (True, False)
    assert ill_csv.stdout.splitlines()[3].startswith("replica3,False,unknown,")


OLD_THIRD = [replica(1, supported_level=2, cluster_level=1), replica(2, supported_level=2, cluster_level=1), replica(3)]


@pytest.mark.parametrize(
    ("replicas", "said"),
    [
        (
            [replica(number, supported_level=2, cluster_level=1) for number in (1, 2, 3)],
            "The replicas support level 2; the cluster is at level 1: raise it with 'quitanda-admin cluster raise",
        ),
        (OLD_THIRD, "The cluster is at level 1, and replica3 supports no higher one: upgrade every replica."),
        ([replica(number, supported_level=2, cluster_level=2) for number in (1, 2, 3)], "none lags."),
        ([replica(1), replica(2), replica(3)], "none lags."),
    ],
    ids=["all are new", "one is old", "raised", "none knows levels"],
)
def test_what_there_is_to_do_about_the_level_is_said_and_is_no_fault(replicas, said):
    health = judge(replicas)

    assert health.well
    assert said in health.summary
    assert ("level" in health.summary) == ("level" in said)
