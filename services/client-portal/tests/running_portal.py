"""A portal that runs inside a test, and waiting for what it does."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from broker_process import BrokerProcess
from fake_cluster import DirectReader, FakeCluster
from prometheus_client import CollectorRegistry

from quitanda.portal.servers import PortalServers
from quitanda.runtime.addresses import Address
from quitanda.runtime.settings import ClientPortalSettings

WAIT_SECONDS = 10.0


async def wait_for(condition, what: str, timeout: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s for {what}")
        await asyncio.sleep(0.005)


@dataclass
class Portal:
    """A running portal and what stands behind it."""

    servers: PortalServers
    cluster: FakeCluster
    reader: DirectReader
    registry: CollectorRegistry

    @property
    def port(self) -> int:
        return self.servers.server.address.port

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def portal_settings(broker: BrokerProcess | None, **given: Any) -> ClientPortalSettings:
    address = Address("127.0.0.1", broker.port) if broker else None
    mqtt = {"mqtt": address, "mqtt_gateway": "exclusive", "feed_key": "a feed key of the tests"} if broker else {}
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
