"""Fixtures of the scenarios of the course's contract."""

from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio
import pytest

from course.shop import CourseShop
from quitanda_local.cluster import Door


@pytest.fixture
async def course(shop):
    """A shop of one's own at the course's doors of both portals of each kind."""
    async with course_shop(shop) as opened:
        yield opened


@asynccontextmanager
async def course_shop(shop):
    """Connect another stranger; ids are those of the scenario's shop."""
    async with AsyncExitStack() as stack:

        async def channels(portals):
            addresses = [shop.cluster.address(name, Door.COURSE) for name in portals]
            return [await stack.enter_async_context(grpc.aio.insecure_channel(address)) for address in addresses]

        admins, orders = await channels(shop.cluster.admin_portals), await channels(shop.cluster.client_portals)
        yield CourseShop(admins, orders, shop.new_id)
