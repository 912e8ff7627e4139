import sys
from pathlib import Path

import pytest

# the tests' own parts stand beside them
sys.path.insert(0, str(Path(__file__).parent))

from replica_state import ReplicaState


@pytest.fixture
def state(tmp_path):
    opened = ReplicaState(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def other_state(tmp_path):
    opened = ReplicaState(tmp_path / "other")
    yield opened
    opened.close()
