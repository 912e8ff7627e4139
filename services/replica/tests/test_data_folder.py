"""Whether the data folder is still the one that the process writes to; for real processes see test_process."""

import subprocess
from contextlib import suppress

import pytest

from quitanda_replica.state.data_folder import FILES, LOCK, DataFolder, FolderLost
from quitanda_replica.state.store import DataFolderLost, Store


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in FILES:
        (folder / name).touch()
    return folder


@pytest.fixture
def folder(path):
    opened = DataFolder(path)
    yield opened
    opened.close()


def test_a_folder_that_is_there_as_it_was_is_right_whatever_is_written_into_it(folder, path):
    (path / "000003.log").touch()
    (path / "CURRENT").rename(path / "000001.dbtmp")
    (path / "000001.dbtmp").rename(path / "CURRENT")

    folder.check()


def test_a_symbolic_link_that_leads_to_the_same_folder_is_right(path, tmp_path):
    (tmp_path / "link").symlink_to(path)
    folder = DataFolder(tmp_path / "link")
    try:
        folder.check()
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to(tmp_path)
        with pytest.raises(FolderLost, match="replaced by another one"):
            folder.check()
    finally:
        folder.close()


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_removed_is_named(folder, path, name):
    (path / name).unlink()

    with pytest.raises(FolderLost, match=f"the file {name} .* was removed"):
        folder.check()


def test_a_lock_that_was_replaced_lets_nobody_else_in_unnoticed(folder, path):
    (path / "another").touch()
    (path / "another").rename(path / LOCK)

    with pytest.raises(FolderLost, match=r"the file LOCK .* was replaced"):
        folder.check()


def test_a_commit_into_a_folder_that_was_moved_away_fails(tmp_path):
    store = Store.open(tmp_path / "store")
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    store.put(b"Sa", b"1")

    with pytest.raises(DataFolderLost, match="cannot be found any more"):
        store.commit()
    store.close()


@pytest.fixture
def read_only(path, tmp_path):
    """The same folder through a mount that takes no writes; only who may mount one can run the test."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    try:
        for arguments in (["--bind", path, mounted], ["-o", "remount,bind,ro", mounted]):
            try:
                subprocess.run(["mount", *arguments], capture_output=True, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"cannot mount anything here: {error}")
        yield mounted
    finally:
        with suppress(OSError):
            subprocess.run(["umount", "--lazy", mounted], capture_output=True, check=False)


def test_a_file_system_that_takes_no_writes_is_noticed_without_a_write(read_only):
    folder = DataFolder(read_only)
    try:
        with pytest.raises(OSError, match="became read-only"):
            folder.check()
    finally:
        folder.close()
