"""Which changes of LevelDB's folder are synced; for what a power failure takes, see integration-tests/power_loss."""

import os

import pytest

from quitanda_replica.data_folder import FILES, DataFolder
from quitanda_replica.durable_names import CLOCK_STEP_NS, DurableNames
from quitanda_replica.store import Store, StoreFailed


class CountingNames(DurableNames):
    """Counts what it looks at again."""

    @property
    def durable(self):
        return self._durable

    @property
    def settled(self):
        return self._seen_change == self._folder.changed_at()


@pytest.fixture
def names(tmp_path):
    for name in FILES:
        (tmp_path / name).touch()
    folder = DataFolder(tmp_path)
    yield CountingNames.of(folder, tmp_path)
    folder.close()


def test_a_new_write_ahead_file_is_made_durable_and_a_removed_one_forgotten(names, tmp_path):
    (tmp_path / "000003.log").touch()
    names.settle()
    assert names.durable == {"000003.log"}

    (tmp_path / "000007.log").touch()
    (tmp_path / "000003.log").unlink()
    names.settle()
    assert names.durable == {"000007.log"}


def test_a_folder_is_looked_at_again_until_its_time_of_change_stands_for_one_change_only(names, tmp_path):
    (tmp_path / "000003.log").touch()
    names.settle()
    assert not names.settled

    long_ago = tmp_path.stat().st_mtime_ns - 2 * CLOCK_STEP_NS
    os.utime(tmp_path, ns=(long_ago, long_ago))
    names.settle()
    assert names.settled


def test_a_folder_that_cannot_be_synced_any_more_fails_the_commit(tmp_path):
    store = Store.open(tmp_path / "store")
    store._folder.close()
    store.put(b"Sa", b"1")

    with pytest.raises(StoreFailed):
        store.commit()
    store.close()
