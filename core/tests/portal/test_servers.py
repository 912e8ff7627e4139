"""A portal's servers begin one after the other, are ready together, and end side by side."""

import asyncio

import pytest

from quitanda.portal.servers import PortalServers

STOP_SECONDS = 5.0


class FakeDoor:
    """Writes down what it is told; its stop ends when `others` doors have begun to stop, too."""

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


async def test_doors_open_in_order_and_every_grpc_server_tells_the_same_health():
    told = []
    server, course, gateway = (FakeDoor(told) for _ in range(3))
    doors = PortalServers(server, course, gateway)
    await doors.start()
    await doors.set_ready(ready=True)
    await doors.set_feed(alive=True)

    assert told == [
        ("start", server),
        ("start", course),
        ("start", gateway),
        ("ready", True, server),
        ("ready", True, course),
        ("feed", True, server),
        ("feed", True, course),
    ]


async def test_each_door_has_the_whole_time_to_finish_as_they_stop_side_by_side():
    told = []
    barrier = asyncio.Barrier(3)
    doors = PortalServers(*(FakeDoor(told, barrier) for _ in range(3)))
    async with asyncio.timeout(STOP_SECONDS):
        await doors.stop(2.0)

    assert [(what, timeout) for what, timeout, _ in told] == [("stop", 2.0)] * 3


async def test_a_portal_may_have_one_door_only():
    told = []
    server = FakeDoor(told)
    doors = PortalServers(server)
    await doors.start()
    await doors.set_ready(ready=False)
    await doors.stop(1.0)

    assert told == [("start", server), ("ready", False, server), ("stop", 1.0, server)]


async def test_a_door_that_cannot_open_is_an_error_of_all():
    doors = PortalServers(FakeDoor([]), FakeDoor([], fails=True))
    with pytest.raises(OSError, match="cannot listen"):
        await doors.start()
