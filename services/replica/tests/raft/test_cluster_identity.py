"""Who belongs to a cluster: the same decision on both sides, and a record that never changes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda_replica.raft.cluster_identity import (
    CLUSTER_KEY,
    NEW_CLUSTER,
    Greeting,
    GreetingMismatch,
    compare_greetings,
    digest_of_names,
    load_or_draw_disk_id,
    load_record,
    new_record,
    read_greeting,
    stage_record,
)
from quitanda_replica.state.store import Store, StoreFailed

MEMBER = Greeting("members", "cluster a", "disk 1", voting=True, origin="backup 1", bootstrap_disk="disk 2")
EMPTY = Greeting("members", "", "disk 2", voting=False, origin="", bootstrap_disk="")
PAST = replace(EMPTY, voting=True, disk="disk 9")

GREETINGS = st.builds(
    Greeting,
    members=st.sampled_from(["members", "others"]),
    cluster=st.sampled_from(["", "cluster a", "cluster b"]),
    disk=st.sampled_from(["disk 1", "disk 2", "disk 9"]),
    voting=st.booleans(),
    origin=st.sampled_from(["", NEW_CLUSTER, "backup 1", "backup 2"]),
    bootstrap_disk=st.sampled_from(["", "disk 1", "disk 2"]),
)


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (replace(MEMBER, disk="disk 2"), None),
        (replace(MEMBER, cluster="cluster b"), GreetingMismatch.CLUSTER),
        (replace(MEMBER, members="others"), GreetingMismatch.MEMBERS),
        (replace(MEMBER, members="others", cluster="cluster b"), GreetingMismatch.MEMBERS),
        (EMPTY, None),
        (replace(EMPTY, disk="disk 9"), None),
        (replace(EMPTY, disk="disk 9", origin=NEW_CLUSTER), None),
        (replace(EMPTY, disk="disk 9", origin="backup 1"), None),
        (replace(EMPTY, disk="disk 9", origin="backup 2"), GreetingMismatch.DISK),
        (PAST, GreetingMismatch.DISK),
        (replace(PAST, origin="backup 1"), GreetingMismatch.DISK),
        (replace(PAST, disk="disk 2"), None),
        (replace(PAST, members="others"), GreetingMismatch.MEMBERS),
    ],
    ids=[
        "the same cluster",
        "another cluster",
        "other members",
        "other members of another cluster",
        "empty",
        "empty, not there when the cluster got its id",
        "empty, may begin a cluster",
        "restored from the same backup",
        "restored from another backup",
        "a past without an id",
        "a past without an id, from the same backup",
        "a past without an id, but there when the cluster got it",
        "a past and other members",
    ],
)
def test_a_member_accepts_its_own_cluster_and_empty_disks(other, verdict):
    assert compare_greetings(MEMBER, other) is verdict


@given(GREETINGS, GREETINGS)
def test_both_sides_come_to_the_same_verdict(one, other):
    assert compare_greetings(one, other) is compare_greetings(other, one)


@given(GREETINGS, GREETINGS)
def test_two_ids_never_meet(one, other):
    if one.cluster and other.cluster and one.cluster != other.cluster:
        assert compare_greetings(one, other) is not None


@given(GREETINGS, GREETINGS)
def test_a_voter_without_an_id_meets_a_member_only_where_it_was_there(member, other):
    if member.cluster and not other.cluster and other.voting and member.bootstrap_disk != other.disk:
        assert compare_greetings(member, other) is not None


def test_two_disks_without_an_id_may_talk():
    assert compare_greetings(EMPTY, PAST) is None


def test_a_refusal_names_both_ids_and_says_what_to_do():
    told = GreetingMismatch.CLUSTER.explain(MEMBER, replace(MEMBER, cluster="cluster b"))

    assert "cluster a" in told
    assert "cluster b" in told
    assert "move its data folder away" in told


@pytest.mark.parametrize("mismatch", GreetingMismatch)
def test_every_refusal_can_be_explained(mismatch):
    assert "{" not in mismatch.explain(MEMBER, EMPTY)


@given(GREETINGS)
def test_a_greeting_survives_the_way(greeting):
    assert read_greeting(greeting.as_list()) == greeting


@pytest.mark.parametrize(
    "fields",
    [[], ["members"], [*MEMBER.as_list(), "more"], ["members", "", "disk", "yes", "", ""], [1, "", "", True, "", ""]],
)
def test_what_is_no_greeting_is_none(fields):
    assert read_greeting(fields) is None


def test_the_members_digest_is_the_same_in_any_order_and_for_no_other_names():
    assert digest_of_names(["b", "a"]) == digest_of_names(["a", "b"])
    assert digest_of_names(["a", "b"]) != digest_of_names(["a", "bc"])
    assert digest_of_names(["ab"]) != digest_of_names(["a", "b"])


def test_a_record_is_kept_as_it_is(store):
    record = new_record("backup 1", 7, {"replica1": "disk 1"})
    stage_record(store, record)
    store.commit()

    assert load_record(store) == record
    assert record.cluster != new_record("backup 1", 7, {"replica1": "disk 1"}).cluster


def test_a_disk_without_a_record_has_none(store):
    assert load_record(store) is None


@pytest.mark.parametrize("value", [b"\x01", b"\x94\xa0\xa0\x00\x80"])
def test_a_record_that_cannot_be_read_stops_the_start(store, value):
    store.put(CLUSTER_KEY, value)

    with pytest.raises(StoreFailed, match="cluster"):
        load_record(store)


def test_a_disk_keeps_its_name_and_no_two_have_the_same(store, tmp_path):
    name = load_or_draw_disk_id(store)
    store.commit()
    other = Store.open(tmp_path / "other")

    assert load_or_draw_disk_id(store) == name
    assert load_or_draw_disk_id(other) != name
    other.close()
