"""A portal as its customers see it, before a cluster in memory and, for MQTT, a real broker."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from broker_process import BrokerProcess
from callers import GrpcCaller, MqttCaller
from fake_cluster import DirectReader, FakeCluster
from prometheus_client import CollectorRegistry

from quitanda.domain.commands import CreateCustomer, CreateProduct
from quitanda.runtime.addresses import Address
from quitanda.runtime.settings import ClientPortalSettings
from quitanda_client_portal.composition import Doors, compose
from quitanda_local import broker as brokers

WAIT_SECONDS = 10.0
STOP_SECONDS = 2.0


async def wait_for(condition, what: str, timeout: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}")
        await asyncio.sleep(0.005)


@dataclass
class Portal:
    """A running portal and what stands behind it."""

    doors: Doors
    cluster: FakeCluster
    reader: DirectReader
    registry: CollectorRegistry

    @property
    def port(self) -> int:
        return self.doors.server.address.port

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


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
        doors, _ = compose(portal_settings(broker, **given), cluster, reader, registry)
        portal = Portal(doors, cluster, reader, registry)
        await doors.start()
        try:
            if doors.gateway is not None:
                await wait_for(lambda: doors.gateway.connected, "the gateway's connection")
            yield portal
        finally:
            cluster.release()
            await doors.stop(STOP_SECONDS)

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


def portal_settings(broker: BrokerProcess | None, **given: Any) -> ClientPortalSettings:
    mqtt = {"mqtt": Address("127.0.0.1", broker.port), "mqtt_gateway": "exclusive"} if broker else {}
    return ClientPortalSettings(
        **{
            "name": "portal",
            "replicas": {"replica1": Address("127.0.0.1", 1)},
            "listen": Address("127.0.0.1", 0),
            "request_timeout_seconds": 5.0,
            **mqtt,
            **given,
        }
    )
