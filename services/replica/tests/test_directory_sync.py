"""Which changes of LevelDB's folder are synced; for what a power failure takes, see integration-tests/power_loss."""

import os

import pytest

from quitanda_replica.state.data_folder import FILES, DataFolder, DirectorySync
from quitanda_replica.state.store import Store, StoreFailed


class ShownNames(DirectorySync):
    """Shows which names are durable."""

    @property
    def durable(self):
        return self._durable


class CountingFolder(DataFolder):
    """Counts how often the whole folder is looked through."""

    looked = 0

    def names(self):
        self.looked += 1
        return super().names()


@pytest.fixture
def names(tmp_path):
    for name in FILES:
        (tmp_path / name).touch()
    folder = CountingFolder(tmp_path)
    yield ShownNames.of(folder, tmp_path)
    folder.close()


def commit(folder, name, *, length=10):
    """Do to the write-ahead file what LevelDB does with a commit."""
    with (folder / name).open("ab") as file:
        file.write(bytes(length))


def test_a_new_write_ahead_file_is_made_durable_and_a_removed_one_forgotten(names, tmp_path):
    commit(tmp_path, "000003.log")
    names.sync()
    assert names.durable == {"000003.log"}

    commit(tmp_path, "000007.log")
    (tmp_path / "000003.log").unlink()
    names.sync()
    assert names.durable == {"000007.log"}


def test_the_folder_is_not_looked_through_while_commits_go_to_the_same_file(names, tmp_path):
    commit(tmp_path, "000003.log")
    names.sync()
    looked = names._folder.looked

    for _ in range(10):
        commit(tmp_path, "000003.log")
        names.sync()

    assert names._folder.looked == looked


def test_a_new_write_ahead_file_is_seen_where_the_folders_time_of_change_stands_still(names, tmp_path):
    # a file system that counts whole seconds, or a clock that was set back
    commit(tmp_path, "000003.log")
    names.sync()
    unchanged = tmp_path.stat().st_mtime_ns
    commit(tmp_path, "000004.log", length=1)
    os.utime(tmp_path, ns=(unchanged, unchanged))

    names.sync()

    assert names.durable == {"000003.log", "000004.log"}


def test_the_newest_file_is_the_one_with_the_highest_number(names, tmp_path):
    for name in ("999999.log", "1000000.log", "notes.log"):
        commit(tmp_path, name)
    names.sync()
    looked = names._folder.looked

    commit(tmp_path, "1000000.log")
    names.sync()

    assert names._folder.looked == looked


def test_a_folder_that_cannot_be_synced_any_more_fails_the_commit(tmp_path):
    store = Store.open(tmp_path / "store")
    store._folder.close()
    store.put(b"Sa", b"1")

    with pytest.raises(StoreFailed):
        store.commit()
    store.close()
