"""A portal as its customers see it, before a cluster in memory and, for MQTT, a real broker."""

from contextlib import asynccontextmanager
from typing import Any

import pytest
from broker_process import BrokerProcess
from callers import GrpcCaller, MqttCaller
from fake_cluster import DirectReader, FakeCluster
from prometheus_client import CollectorRegistry
from running_portal import Portal, portal_settings, wait_for

from quitanda.domain.commands import CreateCustomer, CreateProduct
from quitanda_client_portal.composition import compose
from quitanda_local import broker as brokers

STOP_SECONDS = 2.0


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """Start one broker for all tests; those that kill one start their own."""
    process = BrokerProcess(brokers.choose(None), tmp_path_factory.mktemp("broker"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
def cluster():
    cluster = FakeCluster()
    cluster.does(CreateCustomer("ana", "Ana"))
    cluster.does(CreateCustomer("bia", "Bia"))
    cluster.does(CreateProduct("caneta", "Caneta", price=250, quantity=10))
    cluster.does(CreateProduct("lapis", "Lápis", price=120, quantity=5))
    return cluster


@pytest.fixture
def portals(cluster):
    """Give a function that runs a portal before the cluster, as a context."""

    @asynccontextmanager
    async def running(broker: BrokerProcess | None = None, **given: Any):
        registry, reader = CollectorRegistry(), DirectReader(cluster)
        servers, _ = compose(portal_settings(broker, **given), cluster, reader, registry)
        portal = Portal(servers, cluster, reader, registry)
        try:
            await servers.start()
            if servers.gateway is not None:
                gateway: Any = servers.gateway
                await wait_for(lambda: gateway.connected, "the gateway's connection")
            yield portal
        finally:
            cluster.release()
            await servers.stop(STOP_SECONDS)

    return running


@pytest.fixture
async def portal(portals, broker):
    async with portals(broker) as portal:
        yield portal


@pytest.fixture
async def grpc_caller(portal):
    caller = GrpcCaller(portal.port)
    yield caller
    await caller.close()


@pytest.fixture
async def mqtt_caller(portal, broker):  # noqa: ARG001 - there must be a portal to call
    caller = MqttCaller(broker.port)
    await caller.open()
    yield caller
    await caller.close()


@pytest.fixture(params=["grpc", "mqtt"])
def caller(request):
    """Speak to the portal over one transport after the other."""
    return request.getfixturevalue(f"{request.param}_caller")
