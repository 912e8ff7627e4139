"""What all tests of core agree on."""

import time

import pytest
from hypothesis import settings
from running_broker import Broker

# An example is judged by what it shows, never by how long the machine took for it.
settings.register_profile("quitanda", deadline=None)
settings.load_profile("quitanda")


@pytest.fixture
async def broker(tmp_path):
    broker = Broker(tmp_path)
    await broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def clock():
    return time.monotonic
