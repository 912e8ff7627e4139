"""The directory that a cluster keeps its data in."""

import stat
import subprocess

import pytest

from quitanda_local.data_directory import DataDirectory
from quitanda_local.errors import DataDirectoryInUse, DataDirectoryUnusable

REPLICAS = ("replica1", "replica2", "replica3")


@pytest.fixture
def directory(tmp_path):
    directory = DataDirectory(tmp_path / "data", REPLICAS)
    directory.open()
    yield directory
    directory.close()


def fill(directory, replica):
    (directory.path / replica).mkdir()
    (directory.path / replica / "CURRENT").touch()


@pytest.mark.parametrize(("name", "file"), [("secret", "cluster.secret"), ("feed_key", "feed.key")])
def test_a_secret_is_made_once_and_only_its_owner_may_read_it(directory, name, file):
    secret = getattr(directory, name)()

    assert len(secret) >= 32
    assert getattr(directory, name)() == secret
    assert stat.S_IMODE((directory.path / file).stat().st_mode) == 0o600


def test_the_feeds_key_is_not_the_replicas_secret(directory):
    assert directory.feed_key() != directory.secret()


def test_two_runs_cannot_use_one_directory(directory):
    second = DataDirectory(directory.path, REPLICAS)

    with pytest.raises(DataDirectoryInUse, match="another run of Quitanda uses"):
        second.open()


def test_a_directory_can_be_taken_again_after_it_was_closed(directory):
    directory.close()

    directory.open()


def test_a_cluster_without_data_is_new(directory):
    assert directory.begin()


def test_a_start_that_did_not_get_as_far_as_a_leader_is_still_the_first(directory):
    directory.begin()
    fill(directory, "replica1")

    assert directory.begin()


def test_a_founded_cluster_is_not_new_even_if_a_replica_was_emptied(directory):
    directory.begin()
    for replica in REPLICAS:
        fill(directory, replica)
    directory.finish_bootstrap()
    directory.erase("replica2")

    assert directory.is_empty("replica2")
    assert not directory.begin()


def test_data_brought_from_elsewhere_is_never_taken_for_a_new_cluster(directory):
    fill(directory, "replica1")

    assert not directory.begin()


def test_git_add_never_takes_a_data_directory_along_whatever_it_is_called(tmp_path):
    git = ("git", "-C", str(tmp_path))
    subprocess.run([*git, "init", "--quiet"], check=True)
    directory = DataDirectory(tmp_path / "my shop" / "of today", REPLICAS)
    directory.open()
    directory.secret()
    fill(directory, "replica1")
    directory.close()
    subprocess.run([*git, "add", "."], check=True)

    assert subprocess.run([*git, "ls-files"], check=True, capture_output=True).stdout == b""


def test_what_somebody_wrote_into_a_gitignore_stays(directory):
    (directory.path / ".gitignore").write_text("mine")
    directory.close()
    directory.open()

    assert (directory.path / ".gitignore").read_text() == "mine"


def test_a_directory_of_other_things_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").touch()

    with pytest.raises(DataDirectoryUnusable, match=r"holds other things.*thesis\.txt.*new or empty directory"):
        DataDirectory(tmp_path, REPLICAS).open()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_disk_and_data_of_before_are_taken(tmp_path):
    (tmp_path / "disk" / "lost+found").mkdir(parents=True)
    (tmp_path / "restored" / "replica2").mkdir(parents=True)
    for name in ("disk", "restored"):
        directory = DataDirectory(tmp_path / name, REPLICAS)
        directory.open()
        directory.close()


def test_a_directory_that_cannot_be_made_is_told_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(DataDirectoryUnusable, match=r"cannot be kept in .*Not a directory.*make run DATA=dir"):
        DataDirectory(tmp_path / "file" / "data", REPLICAS).open()
