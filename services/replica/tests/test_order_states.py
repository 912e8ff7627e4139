"""Closed orders and deadlines in the replicated state, and the leader that lets orders expire."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replica_fake_raft import OneReplicaRaft
from replica_state import ReplicaState, customer, order, product
from structlog.testing import capture_logs

from quitanda.codec.change_records import HISTORY_ENTRY_CODEC
from quitanda.codec.protobuf import request_to_proto
from quitanda.domain.commands import (
    AdvanceClock,
    CancelOrder,
    CancelOrderItems,
    DeleteCustomer,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    RaiseLevel,
    Request,
    ReturnOrder,
    SetOrderDeadline,
)
from quitanda.domain.limits import EXPIRED_AT_ONCE_MAX
from quitanda.domain.machine import execute
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Done, Problem, invalid
from quitanda.errors import Rejected, Unavailable
from quitanda.v1 import documents_pb2
from quitanda_replica.admin.order_expirer import OrderExpirer
from quitanda_replica.level_check import LevelCheck
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.reads.document_history import last_change, read_history
from quitanda_replica.reads.snapshots import ConsistentSnapshots
from quitanda_replica.state import keys
from quitanda_replica.state.counters import Counters, decode_counters, encode_counters
from quitanda_testing import invariants
from quitanda_testing.in_memory_state import InMemoryState

SOON, NOW = 1_000, 2_000


@pytest.fixture
def replica(tmp_path):
    state = ReplicaState(tmp_path)
    state.raise_level()
    state.do(customer(), product(), product("ink", 5), order("o1", pen=2, ink=1))
    yield state
    state.close()


def keys_about(state, order_id):
    """The keys of the state, without remembered outcomes and records, that end with the order's id."""
    found = [key for key in state.contents() if key.endswith(order_id.encode()) and key[:2] not in {b"Sr", b"Sh"}]
    return sorted(key.decode("latin-1") for key in found)


def done(state, *commands):
    for outcome, _ in state.do(*commands):
        assert isinstance(outcome, Done), outcome


def check(state):
    """Check digest, counters and every invariant of the whole state."""
    state.digest()
    view = state.view()
    assert invariants.check(view) == []
    counters = state.counters()
    assert (counters.orders, counters.closed_orders) == (len(list(view.orders())), len(list(view.closed_orders())))


def test_a_closed_order_moves_to_its_own_table_and_leaves_every_index_of_live_ones(replica):
    assert keys_about(replica, "o1") == ["Soo1", "Sxana\0o1", "Syink\0o1", "Sypen\0o1"]

    done(replica, CancelOrder("ana", "o1"))

    assert keys_about(replica, "o1") == ["Sico1", "Sko1", "Swink\0o1", "Swpen\0o1", "Szana\0o1"]
    check(replica)


def test_an_order_stands_in_the_index_of_its_state_unless_it_is_open(replica):
    def in_states():
        return [each for each in keys_about(replica, "o1") if each.startswith("Si")]

    found = [in_states()]
    for command in (PlaceOrder("ana", "o1"), FulfilOrder("o1"), ReturnOrder("o1", (ItemQuantity("pen", 1),))):
        done(replica, command)
        found.append(in_states())
    done(replica, ReturnOrder("o1"))

    assert [*found, in_states()] == [[], ["Sipo1"], ["Sifo1"], ["Sifo1"], ["Siro1"]]
    check(replica)


def test_a_deadline_stands_in_an_ordered_index_while_the_order_is_live(replica):
    done(replica, order("o2"), SetOrderDeadline("o1", NOW), SetOrderDeadline("o2", SOON))
    assert replica.view().due_orders(NOW, 10) == ["o2", "o1"]
    assert replica.view().due_orders(NOW - 1, 10) == ["o2"]

    done(replica, SetOrderDeadline("o2", 0), SetOrderDeadline("o1", SOON), CancelOrderItems("o1"))

    assert replica.view().due_orders(NOW, 10) == []
    assert not [key for key in replica.contents() if key.startswith(keys.DEADLINES)]
    check(replica)


def test_what_is_returned_changes_the_closed_order_alone(replica):
    done(replica, PlaceOrder("ana", "o1"), FulfilOrder("o1"))
    before = replica.counters()

    done(replica, ReturnOrder("o1", (ItemQuantity("pen", 1),)), ReturnOrder("o1"))

    after = replica.counters()
    assert (after.orders, after.closed_orders) == (before.orders, before.closed_orders)
    assert replica.view().closed_order("o1").state == "returned"
    check(replica)


def test_a_new_order_under_the_id_of_a_cancelled_one_takes_its_place(replica):
    done(replica, CancelOrder("ana", "o1"), order("o1", pen=1))

    assert keys_about(replica, "o1") == ["Soo1", "Sxana\0o1", "Sypen\0o1"]
    check(replica)
    done(replica, CancelOrder("ana", "o1"))
    check(replica)


def test_the_feed_tells_that_an_order_left_the_live_ones_also_where_it_came_in_the_same_entry(replica):
    done(replica, CancelOrder("ana", "o1"))
    done(replica, order("o2", pen=1), CancelOrder("ana", "o2"))

    told = [[(each.kind, each.document_id, each.document) for each in entry.changes] for entry in replica.sink.entries]

    assert (Kind.ORDER, "o1", None) in told[-2]
    assert [each for each in told[-1] if each[0] is Kind.ORDER] == [(Kind.ORDER, "o2", None)]


def test_the_history_of_an_order_goes_on_when_it_is_closed(replica):
    done(replica, PlaceOrder("ana", "o1"), FulfilOrder("o1"), ReturnOrder("o1", restock=True))

    with replica.store.snapshot() as snapshot:
        page = read_history(snapshot, Kind.ORDER, "o1", last_change(snapshot, Kind.ORDER, "o1"), 10)
    entries = [HISTORY_ENTRY_CODEC.read(documents_pb2.HistoryEntry.FromString(each)) for each in page.entries]

    assert [each.command for each in entries] == ["return_order", "fulfil_order", "place_order", "create_order"]
    assert not any(each.deleted for each in entries)


def test_the_state_of_level_3_keeps_its_form_until_the_level_is_raised(tmp_path):
    state = ReplicaState(tmp_path)
    state.raise_level(3)
    done(state, customer(), order("o1"), CancelOrder("ana", "o1"))
    assert keys_about(state, "o1") == ["Sgoo1"]
    assert state.contents()[keys.COUNTERS][0] == 3

    done(state, order("o1"), RaiseLevel(4), CancelOrder("ana", "o1"))

    assert state.contents()[keys.COUNTERS][0] == 4
    assert keys_about(state, "o1") == ["Sico1", "Sko1", "Szana\0o1"]
    check(state)
    state.close()


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_counters_are_read_as_they_were_written(level):
    counters = replace(Counters(*range(1, 14)), level=level)

    read = decode_counters(encode_counters(counters))

    known = {1: 8, 2: 8, 3: 11, 4: 13}[level]
    assert read.numbers() == (*range(1, known + 1), *[0] * (13 - known))
    assert read.level == level


def test_clock_and_closed_orders_are_there_after_a_restart(replica):
    done(replica, SetOrderDeadline("o1", NOW), AdvanceClock(NOW))

    replica.reopen()

    assert replica.view().clock_ms == NOW
    assert replica.view().closed_order("o1").state == "expired"
    check(replica)


COMMANDS = st.one_of(
    st.builds(lambda number, pen: order(f"o{number}", pen=pen), st.integers(1, 4), st.integers(0, 2)),
    st.builds(PlaceOrder, st.just("ana"), st.sampled_from(["o1", "o2", "o3"])),
    st.builds(CancelOrder, st.just("ana"), st.sampled_from(["o1", "o2", "o3"])),
    st.builds(SetOrderDeadline, st.sampled_from(["o1", "o2", "o3"]), st.integers(0, 9)),
    st.builds(CancelOrderItems, st.sampled_from(["o1", "o2", "o3"])),
    st.builds(FulfilOrder, st.sampled_from(["o1", "o2", "o3"])),
    st.builds(ReturnOrder, st.sampled_from(["o1", "o2", "o3"]), st.just(()), st.booleans()),
    st.builds(AdvanceClock, st.integers(0, 9)),
    st.builds(DeleteCustomer, st.just("ana"), st.just(value=True)),
    st.just(customer()),
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(COMMANDS, min_size=1, max_size=4), max_size=10))
def test_disk_and_memory_agree_after_any_moves(tmp_path_factory, entries):
    state = ReplicaState(tmp_path_factory.mktemp("state"))
    state.raise_level()
    model = InMemoryState()
    for number, level in enumerate(range(2, state.counters().level + 1)):
        perform(model, RaiseLevel(level), number)
    for number, commands in enumerate([[customer(), product()], *entries], 10):
        told = [outcome for outcome, _ in state.do(*commands)]
        assert told == [perform(model, command, number) for command in commands]
        assert list(state.view().orders()) == list(model.orders())
        assert list(state.view().closed_orders()) == list(model.closed_orders())
        check(state)
    state.close()


def perform(model, command, number):
    request = Request("", f"m{number}-{model.last_version}-{len(list(model.memories()))}", command)
    execution = execute(model, request, number)
    model.apply(request, execution)
    return execution.outcome


# --- the leader that brings the time


@pytest.fixture
def raft(replica):
    return OneReplicaRaft(replica)


def expirer(raft, now_ms=NOW):
    return OrderExpirer(raft, ConsistentSnapshots(raft.state.store), lambda: now_ms)


def test_the_leader_lets_orders_expire_that_are_due_and_tells_how_many(raft):
    done(raft.state, SetOrderDeadline("o1", NOW))

    expiring = expirer(raft)
    with capture_logs() as logs:
        expiring.expire()

    assert expiring.expired == 1
    assert raft.state.view().closed_order("o1").state == "expired"
    assert [(each["event"], each["orders"]) for each in logs] == [("orders_expired", 1)]
    check(raft.state)


def test_while_nothing_is_due_nothing_comes_into_the_log(raft):
    done(raft.state, SetOrderDeadline("o1", NOW + 1))

    expirer(raft).expire()

    assert raft.submitted == 0


def test_a_follower_proposes_no_time(raft):
    done(raft.state, SetOrderDeadline("o1", NOW))
    raft.role = Role.FOLLOWER

    expirer(raft).expire()

    assert raft.submitted == 0
    assert raft.state.view().order("o1") is not None


def test_all_that_are_due_expire_by_as_many_entries_as_it_takes(raft):
    ids = [f"n{number:03}" for number in range(EXPIRED_AT_ONCE_MAX + 1)]
    done(raft.state, *map(order, ids), *(SetOrderDeadline(each, NOW) for each in ids))

    expirer(raft).expire()

    assert raft.submitted == 2
    assert raft.state.view().due_orders(NOW, 1) == []
    assert raft.state.counters().closed_orders == len(ids)


def test_a_failure_is_told_once_and_tried_again(raft):
    done(raft.state, SetOrderDeadline("o1", NOW))
    raft.failing = Unavailable("no majority")
    expiring = expirer(raft)
    with capture_logs() as logs:
        expiring.expire()
        expiring.expire()
    assert [each["event"] for each in logs] == ["orders_not_expired"]

    raft.failing = None
    expiring.expire()

    assert raft.state.view().closed_order("o1") is not None


def test_no_portal_may_tell_the_time(replica):
    level_check = LevelCheck(lambda: replica.counters().level, lambda timeout: timeout)

    with pytest.raises(Rejected) as error:
        level_check.demand([request_to_proto(Request("", "r", AdvanceClock(NOW)))], 1.0)

    assert error.value.refused == invalid("advance_clock", Problem.UNKNOWN_FIELD)


# --- how many live orders a customer has


def counted(state, customer_id="ana"):
    """What the state keeps of the number of the customer's live orders; None where it keeps nothing."""
    value = state.contents().get(keys.live_orders_of(customer_id))
    return None if value is None else keys.number_in(value)


def test_the_number_of_live_orders_follows_whatever_becomes_of_them(replica):
    seen = [counted(replica)]
    for command in (
        order("o2", pen=1),
        PlaceOrder("ana", "o2"),
        FulfilOrder("o2"),
        ReturnOrder("o2"),
        CancelOrder("ana", "o1"),
        order("o1", pen=1),
        SetOrderDeadline("o1", SOON),
        AdvanceClock(NOW),
    ):
        replica.do(command)
        seen.append(counted(replica))

    assert seen == [1, 2, 2, 1, 1, 0, 1, 1, 0]
    replica.digest()


def test_the_number_goes_with_its_customer(replica):
    replica.do(order("o2", pen=1), DeleteCustomer("ana", cascade=True))

    assert counted(replica) is None
    replica.digest()


def test_orders_from_before_the_level_of_states_are_counted_once_another_one_is_created(tmp_path):
    state = ReplicaState(tmp_path)
    try:
        state.do(customer(), product(), order("o1", pen=1), order("o2", pen=1))
        state.raise_level()
        before = counted(state), state.view().count_live_orders("ana")
        state.do(CancelOrder("ana", "o2"))
        still = counted(state), state.view().count_live_orders("ana")
        state.do(order("o3", pen=1), order("o4", pen=1))

        assert (before, still) == ((None, 2), (None, 1))
        assert counted(state) == 3
        state.digest()
    finally:
        state.close()
