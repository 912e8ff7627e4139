"""A portal's servers start one after the other, are ready together, and stop at the same time."""

import asyncio

import pytest

from quitanda.portal.servers import PortalServers

STOP_SECONDS = 5.0


class FakeServer:
    """Writes down what it is told; its stop ends when all others have begun to stop, too."""

    def __init__(self, told, all_stopping=None, fails=False):
        self.told = told
        self._all_stopping = all_stopping
        self._fails = fails

    async def start(self):
        if self._fails:
            raise OSError("cannot listen")
        self.told.append(("start", self))

    async def set_ready(self, *, ready):
        self.told.append(("ready", ready, self))

    async def set_feed(self, *, alive):
        self.told.append(("feed", alive, self))

    async def stop(self, timeout):
        if self._all_stopping is not None:
            await self._all_stopping.wait()
        self.told.append(("stop", timeout, self))


async def test_servers_start_in_order_and_every_grpc_server_tells_the_same_health():
    told = []
    server, course, gateway = (FakeServer(told) for _ in range(3))
    servers = PortalServers(server, course, gateway)
    await servers.start()
    await servers.set_ready(ready=True)
    await servers.set_feed(alive=True)

    assert told == [
        ("start", server),
        ("start", course),
        ("start", gateway),
        ("ready", True, server),
        ("ready", True, course),
        ("feed", True, server),
        ("feed", True, course),
    ]


async def test_each_server_has_the_whole_time_to_finish_as_all_stop_at_the_same_time():
    told = []
    barrier = asyncio.Barrier(3)
    servers = PortalServers(*(FakeServer(told, barrier) for _ in range(3)))
    async with asyncio.timeout(STOP_SECONDS):
        await servers.stop(2.0)

    assert [(what, timeout) for what, timeout, _ in told] == [("stop", 2.0)] * 3


async def test_a_portal_may_have_one_server_only():
    told = []
    server = FakeServer(told)
    servers = PortalServers(server)
    await servers.start()
    await servers.set_ready(ready=False)
    await servers.stop(1.0)

    assert told == [("start", server), ("ready", False, server), ("stop", 1.0, server)]


async def test_a_server_that_cannot_start_is_an_error_of_all():
    servers = PortalServers(FakeServer([]), FakeServer([], fails=True))
    with pytest.raises(OSError, match="cannot listen"):
        await servers.start()
