import sys
from pathlib import Path

import pytest
import structlog

# the tests' own parts stand beside them
sys.path.insert(0, str(Path(__file__).parent))

from replica_state import ReplicaState


@pytest.fixture(autouse=True, scope="session")
def _quiet_logs():
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("INFO"))


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
