"""The store: staged changes over LevelDB, one synced batch per commit."""

import subprocess
import sys
import threading
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quitanda_replica.state.store import Store, StoreDamaged, StoreFailed, StoreInUse


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


def test_a_staged_change_is_seen_before_the_commit_but_only_by_the_owner(store):
    store.put(b"Sa", b"1")

    assert store.get(b"Sa") == b"1"
    with store.snapshot() as snapshot:
        assert snapshot.get(b"Sa") is None


def test_a_commit_makes_all_staged_changes_visible_to_snapshots_together(store):
    store.put(b"Sa", b"1")
    store.put(b"Sb", b"2")
    store.delete(b"Sa")
    store.commit()

    with store.snapshot() as snapshot:
        assert snapshot.scan(b"S") == [(b"Sb", b"2")]
    assert store.staged == 0


def test_a_snapshot_does_not_see_later_commits_and_works_in_another_thread(store):
    store.put(b"Sa", b"1")
    store.commit()
    snapshot = store.snapshot()
    store.put(b"Sa", b"2")
    store.commit()
    seen = []

    reader = threading.Thread(target=lambda: seen.append(snapshot.get(b"Sa")))
    reader.start()
    reader.join()
    snapshot.close()

    assert seen == [b"1"]


def test_what_was_not_committed_is_gone_after_a_restart(tmp_path):
    first = Store.open(tmp_path)
    first.put(b"Sa", b"1")
    first.commit()
    first.put(b"Sb", b"2")
    first.close()

    second = Store.open(tmp_path)

    assert second.scan(b"S") == [(b"Sa", b"1")]
    second.close()


def test_the_folder_of_a_running_process_is_refused_with_the_reason(tmp_path):
    first = Store.open(tmp_path)

    with pytest.raises(StoreFailed, match="in use by another process"):
        Store.open(tmp_path)
    first.close()


def test_a_damaged_database_is_refused_with_what_to_do(tmp_path):
    first = Store.open(tmp_path)
    for number in range(100):
        first.put(b"S%d" % number, b"x" * 1000)
        first.commit()
    first.close()
    log = next(tmp_path.glob("*.log"))
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 0xFF
    log.write_bytes(bytes(content))

    with pytest.raises(StoreDamaged, match="is damaged: Corruption: "):
        Store.open(tmp_path)


def test_a_folder_that_another_process_has_is_told_apart_from_a_broken_disk(tmp_path):
    first = Store.open(tmp_path)

    with pytest.raises(StoreInUse, match="in use by another process"):
        Store.open(tmp_path)
    first.close()


def test_too_many_open_files_are_told_apart_from_a_broken_disk(tmp_path):
    Store.open(tmp_path).close()
    script = (
        "import resource, sys; from quitanda_replica.state.store import Store, TooManyFiles\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))\n"
        "try: Store.open(sys.argv[1])\n"
        "except TooManyFiles as error: print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, capture_output=True, text=True)

    assert told.stdout.startswith(f"cannot open the data folder {tmp_path}: ")
    assert "Too many open files" in told.stdout


def test_a_closed_store_fails_instead_of_answering(tmp_path):
    store = Store.open(tmp_path)
    store.put(b"Sb", b"1")
    store.commit()
    store.get(b"Sb")
    snapshot = store.snapshot()
    store.close()

    for key in (b"Sa", b"Sb"):
        with pytest.raises(StoreFailed):
            store.get(key)
    with pytest.raises(StoreFailed):
        snapshot.get(b"Sa")
    with pytest.raises(StoreFailed):
        snapshot.scan(b"S")
    snapshot.close()
    with pytest.raises(StoreFailed):
        store.snapshot()
    store.put(b"Sa", b"1")
    with pytest.raises(StoreFailed):
        store.commit()


KEYS = st.lists(st.sampled_from([0, 1, 255]), max_size=2).map(lambda tail: b"S" + bytes(tail))
"""So few that what is staged meets what is stored."""
CHANGES = st.lists(
    st.tuples(KEYS | st.sampled_from([b"R", b"T", b"S"]), st.none() | st.binary(max_size=2)), max_size=12
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(committed=CHANGES, staged=CHANGES, after=st.none() | KEYS | st.just(b"R"), limit=st.none() | st.integers(0, 5))
def test_a_scan_merges_staged_and_stored_like_one_sorted_map(store, committed, staged, after, limit):
    _empty(store)
    model = {}
    for changes in (committed, staged):
        store.commit()
        for key, value in changes:
            _change(store, key, value)
            model[key] = value

    expected = sorted(
        (k, v) for k, v in model.items() if v is not None and k.startswith(b"S") and (after is None or k > after)
    )

    assert store.scan(b"S", after, limit) == expected[:limit]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(committed=CHANGES, after=st.none() | KEYS | st.just(b"R"), limit=st.none() | st.integers(0, 5))
def test_a_snapshots_scan_is_the_same_as_a_scan_of_committed_data(store, committed, after, limit):
    _empty(store)
    for key, value in committed:
        _change(store, key, value)
    store.commit()

    with store.snapshot() as snapshot:
        assert snapshot.scan(b"S", after, limit) == store.scan(b"S", after, limit)


def _change(store, key, value):
    if value is None:
        store.delete(key)
    else:
        store.put(key, value)


def _empty(store):
    for key, _ in store.scan(b""):
        store.delete(key)
    store.commit()


LIBRARIES = ("plyvel", "plyvel_next")
WITH_ONE_LIBRARY = """
import sys
hidden, path, before, mark = sys.argv[1:]
sys.modules[hidden] = None  # as if it were not installed
from quitanda_replica.state import store as module
store = module.Store.open(path, write_buffer_bytes=64 * 1024)
found = [value for _, value in store.scan(b"S")]
assert found == [before.encode() * 40 + b"%d" % n for n in range(3_000) if n != 7] * bool(before), found[:2]
for number in range(3_000):  # some of it comes into tables, the rest stays in the write-ahead file
    store.put(b"S%05d" % number, mark.encode() * 40 + b"%d" % number)
    if number % 100 == 0:
        store.commit()
store.delete(b"S00007")
store.commit()
store.close()
print(module.leveldb.__name__)
"""


@pytest.mark.skipif(
    not all(find_spec(name) for name in LIBRARIES), reason="plyvel and plyvel-next are both published for 3.12 only"
)
@pytest.mark.parametrize(("first", "second"), [LIBRARIES, LIBRARIES[::-1]])
def test_a_data_folder_that_was_written_with_one_library_opens_with_the_other_and_back_again(tmp_path, first, second):
    before = ""
    for round_number, (used, hidden) in enumerate(((first, second), (second, first), (first, second))):
        mark = f"{used}{round_number}"
        script = [sys.executable, "-c", WITH_ONE_LIBRARY, hidden, str(tmp_path / "data"), before, mark]
        ended = subprocess.run(script, check=False, capture_output=True, text=True)
        assert (ended.stdout.strip(), ended.stderr) == (used, "")
        before = mark
