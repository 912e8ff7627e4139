"""What all tests of core agree on."""

import time

import pytest
from running_broker import Broker


@pytest.fixture
async def broker(tmp_path):
    broker = Broker(tmp_path)
    await broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def clock():
    return time.monotonic
