import sys
from pathlib import Path

import pytest

# the tests' own parts stand beside them
sys.path.insert(0, str(Path(__file__).parent))

from raft_cluster import RaftCluster

from quitanda_replica.state.store import Store


@pytest.fixture
def store(tmp_path):
    opened = Store.open(tmp_path / "store")
    yield opened
    opened.close()


@pytest.fixture
def cluster(tmp_path):
    made = RaftCluster(tmp_path)
    yield made
    made.close()
    assert made.fatal == []
