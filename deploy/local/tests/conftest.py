"""A cluster of processes that only pretend to be replicas and portals."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

from quitanda_local.local_cluster import LocalCluster
from quitanda_local.ports import free_ports
from quitanda_local.topology import PORTS_NEEDED, Role, on_ports

FAKE = (sys.executable, str(Path(__file__).with_name("fake_service.py")))
COMMANDS = {Role.REPLICA: FAKE, Role.ADMIN_PORTAL: FAKE, Role.CLIENT_PORTAL: FAKE}


class World:
    """Says what the pretended processes do."""

    def __init__(self, file):
        self.file = file
        self(leader="replica1")

    def __call__(self, **facts):
        """Change everything at once: `world(leader="replica2")`."""
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(facts), encoding="utf-8")
        new.replace(self.file)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "state.json")


def pretended(directory, world):
    return LocalCluster(
        directory / "data",
        on_ports(free_ports(PORTS_NEEDED)),
        settings={"FAKE_STATE": str(world.file)},
        commands=COMMANDS,
    )


@pytest.fixture
async def cluster(tmp_path, world):
    """A cluster of its own for the test, not started yet."""
    cluster = pretended(tmp_path, world)
    yield cluster
    await cluster.stop()
    cluster.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(tmp_path_factory):
    """A started cluster and its world, for all tests that leave every process there."""
    directory = tmp_path_factory.mktemp("shared")
    world = World(directory / "state.json")
    cluster = pretended(directory, world)
    await cluster.start()
    yield SimpleNamespace(cluster=cluster, world=world, directory=directory)
    await cluster.stop()
    cluster.close()


@pytest.fixture
async def running(shared):
    """The shared cluster, mended, in a world where replica1 leads; `running.world(...)` changes it."""
    shared.world(leader="replica1")
    await shared.cluster.mend()
    return shared
