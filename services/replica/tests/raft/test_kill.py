"""Replicas as processes that are killed in the middle of their work: what was acknowledged is there, once."""

import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from raft_cluster import RaftCluster, wait_for

pytestmark = pytest.mark.slow

CHILD = Path(__file__).parent / "raft_child.py"


class Child:
    def __init__(self, name, run, folder, addresses):
        self.acknowledged = []
        text = ",".join(f"{peer}={address}" for peer, address in addresses.items())
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD), name, str(run), str(folder / name), text],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        # a line that the kill cut short was not acknowledged to anybody
        self.acknowledged.extend(line.rstrip("\n") for line in self._process.stdout if line.endswith("\n"))

    @property
    def count(self):
        return len(self.acknowledged)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()


class KilledCluster:
    def __init__(self, folder):
        self.restarted = RaftCluster(folder)
        self.folder = folder
        self.children = {}
        self.acknowledged = []
        self.runs = 0

    def start(self, *names):
        for name in names or self.restarted.addresses:
            self.runs += 1
            self.children[name] = Child(name, self.runs, self.folder, self.restarted.addresses)

    def kill(self, *names):
        killed = [self.children.pop(name) for name in names or list(self.children)]
        for child in killed:
            child.kill()
        for child in killed:
            self.acknowledged += child.acknowledged

    def wait_for_progress(self, count=50):
        before = sum(child.count for child in self.children.values())
        wait_for(lambda: sum(child.count for child in self.children.values()) >= before + count, 15)

    def leader(self):
        """The name of the one that acknowledges."""
        before = {name: child.count for name, child in self.children.items()}
        return wait_for(lambda: next((n for n, c in self.children.items() if c.count > before[n]), None), 15)

    def check(self):
        state = self.restarted.start().wait_equal()
        counts = Counter(value.decode() for value in state)
        assert [value for value in self.acknowledged if counts[value] != 1] == []
        assert max(counts.values()) == 1
        assert len(self.acknowledged) > 100


@pytest.fixture
def killed(tmp_path):
    made = KilledCluster(tmp_path)
    yield made
    made.kill()
    made.restarted.close()
    assert made.restarted.fatal == []


def test_what_was_acknowledged_survives_killing_all_replicas_at_once_again_and_again(killed):
    chance = random.Random(7)
    for _ in range(3):
        killed.start()
        killed.wait_for_progress(chance.randrange(50, 800))
        killed.kill()

    killed.check()


def test_what_was_acknowledged_survives_killing_leaders_one_after_the_other(killed):
    killed.start()
    for _ in range(3):
        killed.wait_for_progress(200)
        leader = killed.leader()
        killed.kill(leader)
        killed.wait_for_progress(100)
        killed.start(leader)
    killed.kill()

    killed.check()
