"""A server that comes back with another address is found there, however long it was away."""

import asyncio
import subprocess
import sys
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from runtime.name_server import NameServer

from quitanda.errors import Unavailable
from quitanda.runtime.grpc_channel import RENEW_SECONDS, ReconnectingChannel
from quitanda.runtime.grpc_options import channel_options, server_options

pytestmark = pytest.mark.slow

FIRST, SECOND = "127.0.0.2", "127.0.0.3"
FOUND_SECONDS = 4.0
AWAY_SECONDS = 11.0
"""After this gRPC itself would ask for the name only some six seconds later, and after minutes two minutes later."""


@pytest.fixture
async def names():
    server = NameServer()
    await server.start()
    yield server
    server.close()


class Host:
    """A server that runs at one address after the other, at the same port."""

    def __init__(self):
        self.port = 0
        self._server = None

    async def start(self, address):
        self._server = grpc.aio.server(options=server_options())
        health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), self._server)
        self.port = self._server.add_insecure_port(f"{address}:{self.port}")
        await self._server.start()

    async def stop(self):
        await self._server.stop(0)


@pytest.fixture
async def host():
    host = Host()
    await host.start(FIRST)
    yield host
    await host.stop()


@pytest.fixture
async def channel(names, host):
    names.address = FIRST
    options = (*channel_options(), ("grpc.use_local_subchannel_pool", 1))
    channel = ReconnectingChannel("replica1", names.target(host.port), options, health_pb2_grpc.HealthStub)
    yield channel
    await channel.close()


async def ask(channel):
    stub = await channel.connected(1.0)
    return (await stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0)).status


async def seconds_until_found(channel):
    begun = time.monotonic()
    while True:
        try:
            await ask(channel)
        except (Unavailable, grpc.RpcError):
            assert time.monotonic() - begun < 2 * FOUND_SECONDS
            await asyncio.sleep(0.05)
        else:
            return time.monotonic() - begun


async def test_a_server_that_comes_back_with_another_address_is_found_within_seconds(names, host, channel):
    assert await ask(channel) == health_pb2.HealthCheckResponse.SERVING
    await host.stop()
    await host.start(SECOND)
    names.address = SECOND

    assert await seconds_until_found(channel) < FOUND_SECONDS


async def test_a_server_whose_name_was_unknown_for_long_is_found_within_seconds_of_its_return(names, host, channel):
    assert await ask(channel) == health_pb2.HealthCheckResponse.SERVING
    await host.stop()
    names.address = None
    end = time.monotonic() + AWAY_SECONDS
    while time.monotonic() < end:
        with pytest.raises((Unavailable, grpc.RpcError)):
            await ask(channel)
        await asyncio.sleep(0.1)
    await host.start(SECOND)
    names.address = SECOND

    assert await seconds_until_found(channel) < FOUND_SECONDS


async def test_a_channel_that_nobody_used_for_long_is_not_replaced_while_it_is_connected(names, channel):
    await ask(channel)
    asked = names.questions
    await asyncio.sleep(RENEW_SECONDS + 0.5)
    await ask(channel)

    assert names.questions == asked


WHO_CLOSES_THE_LAST_CHANNEL = """
import asyncio, gc, os
from grpc_health.v1 import health_pb2_grpc
from quitanda.errors import NoConnection
from quitanda.runtime.grpc_channel import ReconnectingChannel
from quitanda.runtime.grpc_options import channel_options

def threads():
    return {open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")}

async def main():
    channel = ReconnectingChannel("nobody", "127.0.0.1:1", channel_options(), health_pb2_grpc.HealthStub)
    try:
        await channel.connected(5.0)
    except NoConnection:
        print(*sorted(threads() & {"event_engine", "lifeguard"}))
    await channel.close()
    del channel
    gc.collect()  # now the library ends its threads, unless another channel is left
    print(*sorted(threads() & {"event_engine", "lifeguard"}))

asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the names of threads are read from /proc")
def test_the_librarys_threads_outlive_the_last_channel_so_that_closing_it_never_waits_for_them():
    done = subprocess.run(
        [sys.executable, "-c", WHO_CLOSES_THE_LAST_CHANNEL], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout.splitlines() == ["event_engine lifeguard"] * 2
