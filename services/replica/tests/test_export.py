"""A backup of what one disk holds: whole, honest about what it may lack, and nothing of a folder that is not."""

import subprocess
import sys

import pytest
from replica_processes import Cluster
from replica_state import customer, order, product

from quitanda.backup import Header, OneDisk
from quitanda.backup.backup_file import inspect
from quitanda.domain.commands import Request
from quitanda_replica.admin.offline_commands import EXIT_FAILED, EXIT_OK, main
from quitanda_replica.integrity import quarantine
from quitanda_replica.raft.journal import LevelJournal
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY
from quitanda_replica.state import keys
from quitanda_replica.state.store import Store
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported_cluster(tmp_path_factory):
    """Three replicas' folders after some writes, the first one with entries in its log that were never committed."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster")).start()
    try:
        for request_id, command in (("1", customer()), ("2", product()), ("placed", order(pen=2))):
            cluster.leading().execute(Request("ana", request_id, command))
        cluster.agreed()
        leader = cluster.leader()
        for name in cluster.followers():
            cluster.stop(name)
        cluster.clients[leader].execute(Request("ana", "lost", customer("rui")), timeout=1.0)
        cluster.stop(leader)
        assert cluster.fatal == []
    finally:
        cluster.close()
    return leader, cluster.topology.directory


@pytest.fixture
def folder(exported_cluster, tmp_path):
    """A copy of the folder of the replica that led."""
    leader, directory = exported_cluster
    copy = tmp_path / "copies" / leader
    copy.parent.mkdir()
    subprocess.run(["cp", "-r", directory / leader, copy], check=True)
    return copy


def exported(folder, file):
    return main(["export", "--from", str(folder), "--to", str(file)])


def contents(folder):
    store = Store.open(folder)
    try:
        return dict(store.scan(b""))
    finally:
        store.close()


def changed(folder, key, value):
    store = Store.open(folder)
    store.put(key, value)
    store.commit()
    store.close()


def test_an_export_is_a_whole_backup_of_what_is_applied_and_says_what_it_may_lack(folder, tmp_path, capsys):
    kept = contents(folder)
    file = tmp_path / "export"

    assert exported(folder, file) == EXIT_OK

    with file.open("rb") as opened:
        header, found, _ = inspect(opened)
    assert (header.customers, header.products, header.orders) == (1, 1, 1)
    assert found.keys == sum(key.startswith(keys.STATE) for key in kept)
    assert header.replica == folder.name
    assert len(header.one_disk.cluster) == 32
    assert header.one_disk.counts
    assert header.one_disk.last_log_index > header.one_disk.commit_index >= header.revision
    told = capsys.readouterr().out
    assert "one disk alone" in told
    assert f"behind revision {header.revision}" in told
    assert file.stat().st_mode & 0o777 == 0o600
    assert contents(folder) == kept


def test_what_is_exported_is_restored_only_by_somebody_who_accepts_what_it_may_lack(folder, tmp_path, capsys):
    file = tmp_path / "export"
    exported(folder, file)
    new = tmp_path / "new"

    assert main(["restore", "--from", str(file), "--into", str(new)]) == EXIT_FAILED
    refusal = capsys.readouterr().err
    assert "Nothing was restored" in refusal
    assert "one disk alone" in refusal
    assert "--one-disk" in refusal
    assert not new.exists()

    assert main(["restore", "--from", str(file), "--into", str(new), "--one-disk"]) == EXIT_OK
    assert "one disk alone" in capsys.readouterr().out


def test_a_cluster_that_is_restored_from_one_disk_remembers_and_goes_on(folder, tmp_path):
    file = tmp_path / "export"
    exported(folder, file)
    cluster = Cluster(tmp_path / "cluster")
    for name in cluster.topology.names:
        into = cluster.topology.directory / name
        assert main(["restore", "--from", str(file), "--into", str(into), "--one-disk"]) == EXIT_OK
    cluster.start()
    try:
        ((again, _),) = cluster.leading().execute(Request("ana", "placed", order(pen=2)))
        assert again.document.order_id == "o1"
        block_until(lambda: isinstance(cluster.leading().execute(Request("a", "b", customer("eva"))), list), "a write")
        (cluster_id,) = {status.cluster for status in cluster.agreed()}
        with file.open("rb") as opened:
            assert cluster_id != inspect(opened)[0].one_disk.cluster
        assert cluster.fatal == []
    finally:
        cluster.close()


def test_a_replica_that_was_catching_up_says_so(folder, tmp_path, capsys):
    store = Store.open(folder)
    store.delete(b"Mjoined")
    store.commit()
    store.close()

    assert exported(folder, tmp_path / "export") == EXIT_OK
    assert "still catching up" in capsys.readouterr().out


def in_use(folder):
    return Store.open(folder)


def damaged(folder):
    for table in (*folder.glob("*.ldb"), *folder.glob("*.log")):
        data = bytearray(table.read_bytes())
        for at in range(0, len(data), 50):
            data[at] ^= 0xFF
        table.write_bytes(data)


def contradicting(folder):
    changed(folder, keys.DOCUMENTS[next(iter(keys.DOCUMENTS))] + b"ana", b"\0" * 8 + b"{}")


def half_installed(folder):
    changed(folder, INSTALL_KEY, b"\x94\x09\x01\x02\x00")


def with_a_hole(folder):
    store = Store.open(folder)
    LevelJournal(store)
    for key, _ in store.scan(b"L")[1:2]:
        store.delete(key)
    store.commit()
    store.close()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (in_use, "in use by another process"),
        (damaged, "damaged"),
        (contradicting, "does not match its digest"),
        (half_installed, "Start this replica once"),
        (with_a_hole, "damaged"),
        (lambda folder: quarantine.mark(folder, "all others contradict it"), "all others contradict it"),
        (lambda folder: (folder / "CURRENT").unlink(), "not the data folder of a replica"),
    ],
    ids=["in use", "damaged", "contradicts its digest", "half installed", "a hole", "condemned", "no data folder"],
)
def test_a_folder_that_is_not_whole_or_not_free_is_refused_and_nothing_is_written(
    folder, tmp_path, capsys, spoil, told
):
    held = spoil(folder)
    target = tmp_path / "target"
    target.mkdir()

    assert exported(folder, target / "export") == EXIT_FAILED

    refusal = capsys.readouterr().err
    assert refusal.startswith("Nothing was exported: ")
    assert told in refusal
    assert list(target.iterdir()) == []
    if isinstance(held, Store):
        held.close()


@pytest.mark.parametrize("kind", ["nothing", "a file", "an empty folder"])
def test_what_is_no_data_folder_is_refused_and_stays_as_it_is(tmp_path, capsys, kind):
    path = tmp_path / "folder"
    if kind == "a file":
        path.write_text("precious")
    elif kind == "an empty folder":
        path.mkdir()

    assert exported(path, tmp_path / "export") == EXIT_FAILED

    assert f"{path} is not the data folder of a replica" in capsys.readouterr().err
    assert not path.is_dir() or list(path.iterdir()) == []
    assert not (tmp_path / "export").exists()


def test_a_folder_without_data_is_refused(tmp_path, capsys):
    Store.open(tmp_path / "blank").close()

    assert exported(tmp_path / "blank", tmp_path / "export") == EXIT_FAILED
    assert "holds no data yet" in capsys.readouterr().err


def test_a_file_that_exists_is_not_replaced(folder, tmp_path, capsys):
    file = tmp_path / "export"
    file.write_text("precious")

    assert exported(folder, file) == EXIT_FAILED
    assert "exists already" in capsys.readouterr().err
    assert file.read_text() == "precious"


def test_a_target_in_no_folder_is_refused(folder, tmp_path, capsys):
    assert exported(folder, tmp_path / "nowhere" / "export") == EXIT_FAILED
    assert "there is no folder" in capsys.readouterr().err


def test_wrong_use_ends_with_exit_code_2():
    done = subprocess.run(
        [sys.executable, "-m", "quitanda_replica", "export"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "--to" in done.stderr


def test_what_it_may_lack_counts_the_entries_behind_the_backup():
    disk = OneDisk(cluster="", term=4, commit_index=12, last_log_index=15, counts=True)

    assert "the 5 entries of its own log behind revision 10 (2 known as committed)" in disk.explain(10)
    assert "behind revision" not in disk.explain(15)
    assert Header(1, 1, "", 0, 0, 0, 0, "", "").one_disk is None
