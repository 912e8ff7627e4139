import sys
from pathlib import Path

import pytest

# the tests' own parts stand beside them
sys.path.insert(0, str(Path(__file__).parent))

from fake_portals import FakePortal, FakeShop


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
