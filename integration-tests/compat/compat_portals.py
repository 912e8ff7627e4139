"""The endpoints of every portal for the course's contract."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc.aio

from compat.compat_shop import CourseShop
from quitanda_testing.cluster.cluster import PortKind

OPTIONS = [("grpc.use_local_subchannel_pool", 1)]
"""Course clients are programs of their own, so none waits because another one could not reach a portal."""


@asynccontextmanager
async def course_shop(shop, *, admin_portals=(), client_portals=()) -> AsyncIterator[CourseShop]:
    """Connect one course client to both portals of each kind, or to these; ids are those of the scenario's shop."""
    async with AsyncExitStack() as stack:

        async def channels(portals):
            opened = [
                grpc.aio.insecure_channel(shop.cluster.address(name, PortKind.COURSE), OPTIONS) for name in portals
            ]
            return [await stack.enter_async_context(channel) for channel in opened]

        admins = await channels(admin_portals or shop.cluster.admin_portals)
        orders = await channels(client_portals or shop.cluster.client_portals)
        yield CourseShop(admins, orders, shop.new_id)
