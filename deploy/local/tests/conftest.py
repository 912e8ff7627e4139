"""A cluster of processes that only pretend to be replicas and portals."""

import json
import sys
from pathlib import Path

import pytest

from quitanda_local.local_cluster import LocalCluster
from quitanda_local.ports import free_ports
from quitanda_local.topology import PORTS_NEEDED, Role, on_ports

FAKE = (sys.executable, str(Path(__file__).with_name("fake_service.py")))
COMMANDS = {Role.REPLICA: FAKE, Role.ADMIN_PORTAL: FAKE, Role.CLIENT_PORTAL: FAKE}


@pytest.fixture
def world(tmp_path):
    """Says what the pretended processes do; `world(leader="replica2")` changes it."""
    file = tmp_path / "state.json"

    def set_to(**facts):
        file.with_suffix(".new").write_text(json.dumps(facts), encoding="utf-8")
        file.with_suffix(".new").replace(file)

    set_to(leader="replica1")
    set_to.file = file
    return set_to


@pytest.fixture
async def cluster(tmp_path, world):
    cluster = LocalCluster(
        tmp_path / "data",
        on_ports(free_ports(PORTS_NEEDED)),
        settings={"FAKE_STATE": str(world.file)},
        commands=COMMANDS,
    )
    yield cluster
    await cluster.stop()
    cluster.close()
