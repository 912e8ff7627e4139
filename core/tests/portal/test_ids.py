import uuid

from hypothesis import given
from hypothesis import strategies as st

from quitanda.portal.ids import IdGenerator, uuid7

NOW_NS = 1_795_413_600_123_456_789


def test_the_example_of_rfc_9562_is_reproduced():
    # Appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F, 2022-02-22T19:22:22.000Z with rand_a 0xCC3.
    fraction_ns = -(-0xCC3 * 1_000_000 // 4096)
    random = 0x18C4DC0C0C07398F.to_bytes(8, "big")

    assert uuid7(0x017F22E279B0 * 1_000_000 + fraction_ns, random) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.integers(0, 2**48 * 1_000_000 - 1), st.binary(min_size=8, max_size=8))
def test_an_order_id_is_a_version_7_uuid_of_the_standard_variant(now_ns, random_bytes):
    built = uuid.UUID(uuid7(now_ns, random_bytes))

    assert (built.version, built.variant) == (7, uuid.RFC_4122)
    assert built.int >> 80 == now_ns // 1_000_000


@given(
    st.integers(0, 2**60), st.integers(245, 2**59), st.binary(min_size=8, max_size=8), st.binary(min_size=8, max_size=8)
)
def test_ids_made_a_quarter_of_a_microsecond_apart_sort_by_time(now_ns, later_ns, first, second):
    assert uuid7(now_ns, first) < uuid7(now_ns + later_ns, second)


def test_ids_of_the_same_instant_differ_by_their_random_bits():
    ids = IdGenerator(now_ns=lambda: NOW_NS)

    assert len({ids.order()["order_id"] for _ in range(10_000)}) == 10_000


@given(st.lists(st.integers(1, 2**60), min_size=2, max_size=20))
def test_orders_of_one_portal_sort_as_they_were_placed_whatever_its_clock_does(times_ns):
    clock = iter(times_ns)
    ids = IdGenerator(now_ns=lambda: next(clock))
    orders = [ids.order() for _ in times_ns]

    assert [order["order_id"] for order in orders] == sorted(order["order_id"] for order in orders)
    assert [order["created_at_ms"] for order in orders] == [time_ns // 1_000_000 for time_ns in times_ns]


def test_the_creation_time_is_the_one_that_the_id_names():
    order = IdGenerator(now_ns=lambda: NOW_NS).order()

    assert order["created_at_ms"] == NOW_NS // 1_000_000
    assert uuid.UUID(order["order_id"]).int >> 80 == order["created_at_ms"]


def test_an_order_has_a_deadline_only_where_orders_are_held_for_a_time():
    held = IdGenerator(now_ns=lambda: NOW_NS, order_hold_ms=60_000).order()

    assert held["expires_at_ms"] == held["created_at_ms"] + 60_000
    assert "expires_at_ms" not in IdGenerator(now_ns=lambda: NOW_NS).order()


def test_request_ids_are_version_4_uuids_in_hexadecimal():
    request_id = IdGenerator().request_id()

    assert uuid.UUID(hex=request_id).version == 4
    assert request_id == uuid.UUID(hex=request_id).hex
