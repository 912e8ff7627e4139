"""Fixtures of a cluster of processes that only pretend to be replicas and portals (`fake_service`)."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from quitanda_local.ports import free_ports
from quitanda_local.topology import PORTS_NEEDED, ServiceRole, on_ports
from quitanda_testing.cluster.process_cluster import ProcessCluster

FAKE = (sys.executable, str(Path(__file__).with_name("fake_service.py")))
COMMANDS = {ServiceRole.REPLICA: FAKE, ServiceRole.ADMIN_PORTAL: FAKE, ServiceRole.CLIENT_PORTAL: FAKE}


class FakeState:
    """Says what the pretended processes do."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self(leader="replica1")

    def __call__(self, **facts: Any) -> None:
        """Change everything at once: `state(leader="replica2")`."""
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(facts), encoding="utf-8")
        new.replace(self.file)


@pytest.fixture
def state(tmp_path: Path) -> FakeState:
    """What the processes of `cluster` do."""
    return FakeState(tmp_path / "state.json")


def pretended(directory: Path, state: FakeState) -> ProcessCluster:
    """Make a cluster that does as `state` says; it is not started yet."""
    return ProcessCluster(
        directory / "data",
        on_ports(free_ports(PORTS_NEEDED)),
        settings={"FAKE_STATE": str(state.file)},
        commands=COMMANDS,
    )


@pytest.fixture
async def cluster(tmp_path: Path, state: FakeState) -> AsyncIterator[ProcessCluster]:
    """A cluster of its own for the test, not started yet."""
    cluster = pretended(tmp_path, state)
    yield cluster
    await cluster.stop()
    cluster.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SimpleNamespace]:
    """A started cluster and its state, for all tests that leave every process there."""
    directory = tmp_path_factory.mktemp("shared")
    state = FakeState(directory / "state.json")
    cluster = pretended(directory, state)
    await cluster.start()
    yield SimpleNamespace(cluster=cluster, state=state, directory=directory)
    await cluster.stop()
    cluster.close()


@pytest.fixture
async def running(shared: SimpleNamespace) -> SimpleNamespace:
    """The shared cluster, with every fault undone, where replica1 leads; `running.state(...)` changes that."""
    shared.state(leader="replica1")
    await shared.cluster.mend()
    return shared
