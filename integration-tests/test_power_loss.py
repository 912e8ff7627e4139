"""The power of all replicas fails: what was acknowledged is there, once; and the test would see it if it were not."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from power_loss import committing_store, recorder
from power_loss.campaign import PowerLossCampaign
from rounds_command import PromiseBroken

from quitanda_replica.state.store import Store, StoreFailed
from quitanda_testing.preloaded import compiler

pytestmark = [
    pytest.mark.skipif(compiler() is None, reason="the recording layer needs a C compiler (set CC)"),
    pytest.mark.processes_only(reason="the recording layer is preloaded into processes of its own"),
]

ROUNDS = 5
COMMITS = 150


def test_acknowledged_writes_survive_when_everything_not_fsynced_is_gone_on_all_replicas(tmp_path):
    figures = PowerLossCampaign(tmp_path, seed=5).run(ROUNDS)

    assert figures.rounds == ROUNDS
    assert figures.acknowledged > 1000
    assert figures.late_starts > 0


def test_the_campaign_sees_the_loss_where_disks_lie_about_their_syncs(tmp_path):
    with pytest.raises(PromiseBroken):
        PowerLossCampaign(tmp_path, seed=5, ignore="files").run(ROUNDS)


class Commits:
    """One store in a process of its own, whose power fails while it commits."""

    def __init__(self, folder, ignore=""):
        self.disk = recorder.RecordedDisk(folder / "disk")
        self._environment = self.disk.environment(recorder.build(folder), ignore)
        self._chance = Random(5)
        self.committed = -1

    def until_the_power_fails(self):
        command = [sys.executable, committing_store.__file__, self.disk.live, str(self.committed + 1)]
        commits = self._chance.randint(1, COMMITS)
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | self._environment) as process:
            for line, _ in zip(process.stdout, range(commits), strict=False):
                self.committed = int(line)
            process.kill()
            self.committed = max([self.committed, *(int(line) for line in process.stdout if line.endswith(b"\n"))])
        self.disk.power_failure(self._chance)

    def held(self):
        store = Store.open(self.disk.live)
        try:
            return {int(key[1:]) for key, _ in store.scan(b"S")}
        finally:
            store.close()
            self.disk.power_up()


def test_every_commit_of_a_store_survives_also_while_leveldb_changes_its_files(tmp_path):
    commits = Commits(tmp_path)
    for _ in range(ROUNDS):
        commits.until_the_power_fails()

        assert commits.held() >= set(range(commits.committed + 1))


def test_a_store_whose_folder_is_never_synced_loses_commits(tmp_path):
    commits = Commits(tmp_path, ignore="directories")

    with pytest.raises((AssertionError, StoreFailed)):  # noqa: PT012 - which round it is, is chance
        for _ in range(ROUNDS):
            commits.until_the_power_fails()
            assert commits.held() >= set(range(commits.committed + 1))


def test_every_write_ahead_file_has_a_durable_name_when_a_commit_that_may_be_in_it_returns(tmp_path):
    # LevelDB syncs the folder itself a little later, with its manifest: the record is read before it can
    disk = recorder.RecordedDisk(tmp_path / "disk")
    environment = os.environ | disk.environment(recorder.build(tmp_path))
    command = [sys.executable, "-c", COMMITS_WITH_RECORDS, disk.live, disk.record / "operations", str(NEW_FILES)]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    records = [recorder.parse_operations(text) for text in output.split(END_OF_RECORD)[:-1]]

    assert len(records) == NEW_FILES
    assert len({write_ahead_file(operations) for operations in records}) == NEW_FILES
    durable = [operations[: recorder.count_durable(operations)] for operations in records]
    assert [write_ahead_file(operations) for operations in durable] == [write_ahead_file(each) for each in records]


def write_ahead_file(operations):
    """Name of the write-ahead file that was begun last, or None."""
    names = [words[2] for words in operations if words[0] == "create" and words[2].endswith(".log")]
    return names[-1] if names else None


NEW_FILES = 40
END_OF_RECORD = "end of the record\n"
COMMITS_WITH_RECORDS = f"""
import os, sys
from pathlib import Path
from quitanda_replica.state.store import Store
folder, record, commits = sys.argv[1:]
store = Store.open(folder, write_buffer_bytes=64 * 1024)
for number in range(int(commits)):
    store.put(b"S%d" % number, os.urandom(80_000))  # so much that the next commit begins a new file
    store.commit()
    sys.stdout.write(Path(record).read_text() + {END_OF_RECORD!r})
store.close()
"""


def test_the_recording_layer_keeps_what_was_synced_and_nothing_else(tmp_path):
    disk = recorder.RecordedDisk(tmp_path / "disk")
    script = Path(tmp_path / "script.py")
    script.write_text(SCRIPT)
    environment = os.environ | disk.environment(recorder.build(tmp_path))
    subprocess.run([sys.executable, script, disk.live], env=environment, check=True)

    disk.power_failure(Always(strict=True))

    assert {path.name: path.read_text() for path in disk.live.iterdir()} == {"renamed": "one", "removed-too-late": ""}


SCRIPT = """
import os, sys
os.chdir(sys.argv[1])
def write(name, text, sync):
    with open(os.path.abspath(name), "w") as file:
        file.write(text)
        file.flush()
        if sync:
            os.fsync(file.fileno())
        file.write(" and more")
write("first", "one", True)
write("removed-too-late", "two", False)
os.rename(os.path.abspath("first"), os.path.abspath("renamed"))
folder = os.open(os.getcwd(), os.O_RDONLY)
os.fsync(folder)
write("not-in-the-folder", "three", True)
os.unlink(os.path.abspath("removed-too-late"))
os.rename(os.path.abspath("renamed"), os.path.abspath("renamed-again"))
"""


class Always(Random):
    """Chance that takes one side: everything that was not synced is gone, or all of it is there."""

    def __init__(self, *, strict):
        super().__init__()
        self._strict = strict

    def random(self):
        return 0.0 if self._strict else 1.0
