import sys
from pathlib import Path

import pytest

# the tests' own parts stand beside them
sys.path.insert(0, str(Path(__file__).parent))

from fake_gateway import BrokerProcess, Gateway
from fake_portals import FakePortal, FakeShop

from quitanda_local.broker import choose, find_mosquitto
from quitanda_local.topology import BrokerKind


@pytest.fixture
def shop():
    return FakeShop()


@pytest.fixture
async def portal(shop):
    started = FakePortal(shop)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def other_portal(shop):
    started = FakePortal(shop)
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
def broker_kind():
    """The quicker broker that there is; tests that concern both are parametrized."""
    return choose(None)


@pytest.fixture
async def broker(broker_kind, tmp_path):
    if broker_kind is BrokerKind.MOSQUITTO and not find_mosquitto():
        pytest.skip("mosquitto is not installed")
    started = BrokerProcess(broker_kind, tmp_path)
    await started.start()
    yield started
    await started.kill()


@pytest.fixture
async def portals():
    """Real portals for the full-screen interface."""
    from terminal_shop import portals_in_memory  # noqa: PLC0415 - Textual takes long to load, and few tests need it

    async with portals_in_memory() as portals:
        yield portals


@pytest.fixture
async def gateway(broker, portal):
    started = Gateway(broker.address, portal)
    await started.start()
    yield started
    await started.stop()
