"""Values kept in memory over LevelDB: never others than those that are durable, and never too many."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quitanda_replica.state.recent_values import RecentValues
from quitanda_replica.state.store import Store

KEYS = st.sampled_from([b"Sa", b"Sb", b"Sc"])
VALUES = st.none() | st.binary(max_size=600)


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=30), st.integers(0, 2_000))
def test_what_is_kept_is_what_was_read_with_every_change_since_and_within_the_bound(batches, size_max):
    recent, durable = RecentValues(size_max), {}
    for changes in batches:
        durable.update(changes)
        recent.changed(changes)
        for key in (b"Sa", b"Sb", b"Sc"):
            known = recent.get(key)
            assert known in (None, durable.get(key))
            if known is None and durable.get(key) is not None:
                recent.keep(key, durable[key])
        assert recent.size <= size_max


def test_the_values_used_longest_ago_leave_first():
    recent = RecentValues(size_max=800)  # room for three
    for key in (b"Sa", b"Sb", b"Sc"):
        recent.keep(key, b"x" * 100)
    recent.get(b"Sa")

    recent.keep(b"Sd", b"x" * 100)

    assert recent.get(b"Sb") is None
    assert None not in [recent.get(key) for key in (b"Sa", b"Sc", b"Sd")]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(st.tuples(KEYS, VALUES, st.booleans()), max_size=20))
def test_a_store_answers_with_what_was_put_last_whether_it_is_durable_yet_or_not(tmp_path_factory, steps):
    store, expected = Store.open(tmp_path_factory.mktemp("store")), {}
    for key, value, commits in steps:
        if value is None:
            store.delete(key)
        else:
            store.put(key, value)
        expected[key] = value
        if commits:
            store.commit()
        for each in (b"Sa", b"Sb", b"Sc"):
            assert store.get(each) == expected.get(each)
    store.close()
