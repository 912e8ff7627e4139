"""Where strangers come in: the course's doors of every portal."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio

from course.shop import CourseShop
from quitanda_local.cluster import Door


@asynccontextmanager
async def course_shop(shop) -> AsyncIterator[CourseShop]:
    """Connect one stranger to both portals of each kind; ids are those of the scenario's shop."""
    async with AsyncExitStack() as stack:

        async def channels(portals):
            addresses = [shop.cluster.address(name, Door.COURSE) for name in portals]
            return [await stack.enter_async_context(grpc.aio.insecure_channel(address)) for address in addresses]

        admins, orders = await channels(shop.cluster.admin_portals), await channels(shop.cluster.client_portals)
        yield CourseShop(admins, orders, shop.new_id)
