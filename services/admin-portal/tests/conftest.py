"""A portal as administrators see it, before a cluster in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import pytest
from fake_cluster import DirectReader, FakeCluster
from prometheus_client import CollectorRegistry

from quitanda import error_status, rpc_status
from quitanda.domain.commands import CreateCustomer, CreateProduct
from quitanda.portal.servers import PortalServers
from quitanda.runtime.addresses import Address
from quitanda.runtime.settings import AdminPortalSettings
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalStub
from quitanda_admin_portal.composition import compose

CALL_SECONDS = 10.0
STOP_SECONDS = 2.0


@dataclass
class Portal:
    """A running portal and what stands behind it."""

    servers: PortalServers
    channel: grpc.aio.Channel
    stub: AdminPortalStub
    cluster: FakeCluster
    reader: DirectReader
    registry: CollectorRegistry

    async def call(self, method: str, request, timeout: float | None = CALL_SECONDS):
        """Return the response, or the failure as the error table describes it."""
        try:
            return await getattr(self.stub, method)(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            return error_status.describe(rpc_status.from_rpc_error(error))


@pytest.fixture
def cluster():
    cluster = FakeCluster()
    cluster.does(CreateCustomer("ana", "Ana", extra=(("city", '"Uberlândia"'),)))
    cluster.does(CreateProduct("caneta", "Caneta", price=250, quantity=10, description="Azul"))
    return cluster


@pytest.fixture
async def portal(cluster) -> AsyncIterator[Portal]:
    settings = AdminPortalSettings(
        name="admin1",
        replicas={"replica1": Address("127.0.0.1", 1)},
        listen=Address("127.0.0.1", 0),
        request_timeout_seconds=5.0,
        course_listen=Address("127.0.0.1", 0),
    )
    registry, reader = CollectorRegistry(), DirectReader(cluster)
    servers, _, _ = compose(settings, cluster, reader, registry)
    await servers.start()
    async with grpc.aio.insecure_channel(str(servers.server.address)) as channel:
        yield Portal(servers, channel, AdminPortalStub(channel), cluster, reader, registry)
    cluster.release()
    await servers.stop(STOP_SECONDS)
