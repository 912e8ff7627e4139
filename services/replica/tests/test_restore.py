"""Making a data folder from a backup: whole or not at all, and the same on every replica."""

import subprocess
import sys
from dataclasses import replace
from typing import Any, cast

import msgpack
import pytest
from replica_fake_raft import FakeLeadership
from replica_processes import Cluster
from replica_state import customer, order, product

from quitanda.backup import BackupReader, BackupWriter, Header, encode_pairs
from quitanda.domain.commands import Request
from quitanda_replica.admin.backup_source import BackupSource
from quitanda_replica.admin.offline_commands import EXIT_FAILED, main
from quitanda_replica.raft.journal import APPLIED_KEY, log_key, read_applied
from quitanda_replica.raft.learner import ORIGIN_KEY
from quitanda_replica.state import keys
from quitanda_replica.state.store import Store
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow

INDEX = 90
TERM = 4
LEADS_ALONE = {"raft_election_timeout_min_seconds": 4.0, "raft_election_timeout_max_seconds": 5.0}
"""A leader that hears from nobody leads for twice the longer time, while another replica is started."""


@pytest.fixture
def backup(state, tmp_path):
    """The file of a backup of a customer, a product and an order."""
    state.do(customer(), product())
    state.apply(Request("ana", "placed", order(pen=2)))
    state.store.put(APPLIED_KEY, INDEX.to_bytes(8, "big"))
    state.store.put(log_key(INDEX), TERM.to_bytes(8, "big"))
    state.store.commit()
    source = BackupSource("replica1", state.store, lambda s: read_applied(s.get(APPLIED_KEY)), FakeLeadership())
    header, *chunks, _ = source.parts(1.0)
    told = {
        field: getattr(header.header, field)
        for field in (
            "revision",
            "term",
            "state_digest",
            "customers",
            "products",
            "orders",
            "keys_expected",
            "replica",
        )
    }
    file = tmp_path / "backup"
    with file.open("wb") as opened:
        writer = BackupWriter(opened, Header(**told, taken_at="2026-11-23T07:00:00+00:00"))
        for part in chunks:
            writer.chunk(part.chunk.pairs)
        writer.finish(len(chunks), writer.keys)
    return file


def contents(folder, prefix=b""):
    store = Store.open(folder)
    try:
        return dict(store.scan(prefix))
    finally:
        store.close()


def restored(backup, folder):
    return main(["restore", "--from", str(backup), "--into", str(folder)])


def test_every_replica_gets_the_same_bytes(backup, state, tmp_path):
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        assert restored(backup, folder) == 0

    assert contents(folders[0]) == contents(folders[1]) == contents(folders[2])
    assert contents(folders[0], keys.STATE) == state.contents()
    assert read_applied(contents(folders[0])[APPLIED_KEY]) == INDEX


def test_backups_of_equal_states_at_different_entries_are_not_the_same_backup(backup, tmp_path):
    """A new leader's entry changes no state. Logs that begin at different entries must not be taken for one."""
    later = tmp_path / "later"
    with backup.open("rb") as opened, later.open("wb") as other:
        reader = BackupReader(opened)
        writer = BackupWriter(other, replace(reader.header, revision=INDEX + 2, term=TERM + 1))
        chunks = list(reader.chunks())
        for chunk in chunks:
            writer.chunk(chunk)
        writer.finish(len(chunks), writer.keys)
    origins = []
    for file, name in ((backup, "one"), (later, "two")):
        assert restored(file, tmp_path / name) == 0
        origins.append(contents(tmp_path / name)[ORIGIN_KEY])

    assert contents(tmp_path / "one", keys.STATE) == contents(tmp_path / "two", keys.STATE)
    one, two = (cast("Any", msgpack.unpackb(origin))[1] for origin in origins)
    assert one != two


def test_a_cluster_begins_there_remembers_and_goes_on(backup, tmp_path):
    cluster = Cluster(tmp_path / "cluster")
    for name in cluster.topology.names:
        assert restored(backup, cluster.topology.directory / name) == 0
    cluster.start()
    try:
        client = cluster.leading()
        ((again, revision),) = client.execute(Request("ana", "placed", order(pen=2)))
        assert again.document.order_id == "o1"
        assert revision <= INDEX
        ((_, later),) = client.execute(Request("ana", "another", order("o2", pen=3)))
        assert later > INDEX
        assert all(status.term > TERM for status in cluster.agreed())
        assert len({status.state_digest for status in cluster.agreed()}) == 1
        assert cluster.fatal == []
    finally:
        cluster.close()


def test_one_that_is_restored_alone_beside_a_cluster_with_a_past_does_not_vote_until_it_has_caught_up(backup, tmp_path):
    cluster = Cluster(tmp_path / "cluster", **LEADS_ALONE)
    for name in cluster.topology.names:
        assert restored(backup, cluster.topology.directory / name) == 0
    cluster.start()
    try:
        cluster.leading().execute(Request("ana", "another", order("o2", pen=3)))
        cluster.agreed()
        again, other = cluster.followers()
        cluster.stop(again)
        (cluster.topology.directory / again).rename(tmp_path / "old disk")
        assert restored(backup, cluster.topology.directory / again) == 0
        cluster.stop(other)

        cluster.start(again)
        block_until(lambda: cluster.clients[again].status().revision > INDEX, "it is fed")

        assert not cluster.clients[again].health("readiness")
        assert cluster.clients[again].status().catching_up
        cluster.start(other)
        block_until(lambda: cluster.clients[again].health("readiness"), "it takes part")
        assert not cluster.clients[again].status().catching_up
        assert len({status.state_digest for status in cluster.agreed()}) == 1
    finally:
        cluster.close()


def test_of_a_symbolic_link_the_target_becomes_the_folder(backup, tmp_path):
    folder, link = tmp_path / "disk" / "data", tmp_path / "link"
    folder.mkdir(parents=True)
    link.symlink_to(folder)

    assert restored(backup, link) == 0
    assert link.is_symlink()
    assert contents(folder) == contents(link) != {}


def test_a_folder_with_something_in_it_is_left_alone(backup, tmp_path, capsys):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "something").write_text("precious")

    assert restored(backup, folder) == EXIT_FAILED

    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["something"]


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_backup_leaves_no_folder(backup, tmp_path, capsys, damage):
    data = bytearray(backup.read_bytes())
    if damage == "cut":
        del data[-30:]
    else:
        data[len(data) // 2] ^= 1
    backup.write_bytes(data)

    assert restored(backup, tmp_path / "new") == EXIT_FAILED

    assert "Nothing was restored" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "data"]


def test_keys_that_are_not_of_the_state_are_refused(tmp_path, capsys):
    file = tmp_path / "backup"
    with file.open("wb") as opened:
        header = Header(5, 1, "0" * 64, 0, 0, 0, 1, "replica1", "")
        writer = BackupWriter(opened, header)
        writer.chunk(encode_pairs([(b"Mjoined", b"1")]))
        opened.flush()

    assert restored(file, tmp_path / "new") == EXIT_FAILED
    assert "not one of the replicated state" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_wrong_use_ends_with_exit_code_2():
    done = subprocess.run(
        [sys.executable, "-m", "quitanda_replica", "restore"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "--from" in done.stderr
