"""The portals serve customers from another engine: these scenarios, with the data in one server in memory."""

import sys

import pytest_asyncio
from test_across_portals import *  # noqa: F403 - the scenarios, on the cluster of this module
from test_last_units import *  # noqa: F403
from test_orders import *  # noqa: F403

from quitanda_local.local_cluster import COMMANDS
from quitanda_local.ports import free_ports
from quitanda_local.topology import PORTS_NEEDED, ServiceRole, Topology, on_ports
from quitanda_testing.cluster.process_cluster import ProcessCluster

ENGINE = (sys.executable, "-m", "quitanda_testing.in_memory_service")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(tmp_path_factory):
    """Four portals, a broker, and one server of the data that is none of our replicas, in the open mode."""
    services = on_ports(free_ports(PORTS_NEEDED)).services
    topology = Topology(tuple(service for service in services if service.name not in {"replica2", "replica3"}))
    cluster = ProcessCluster(
        tmp_path_factory.mktemp("cluster"), topology, commands={**COMMANDS, ServiceRole.REPLICA: ENGINE}
    )
    try:
        await cluster.start()
        yield cluster
    finally:
        killed = await cluster.stop()
        cluster.close()
    assert killed == ()
