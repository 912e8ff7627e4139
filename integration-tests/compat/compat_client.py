"""A client as somebody else writes it, who has the course's contract and a JSON library, and nothing of ours."""

import itertools
import json
from collections.abc import Iterable

import grpc.aio

from quitanda.course import contract_pb2 as pb
from quitanda.course.contract_pb2_grpc import AdminPortalStub, OrderPortalStub

CALL_SECONDS = 20.0


class CompatClient:
    """Asks the portals of each kind in turn: no call is served by the one that served the call before.

    `data` is a document, or the text that is sent as it is. Retrieving gives what came back, as it came.
    """

    def __init__(self, admin_channels: Iterable[grpc.aio.Channel], order_channels: Iterable[grpc.aio.Channel]) -> None:
        self._admins = itertools.cycle([AdminPortalStub(channel) for channel in admin_channels])
        self._orders = itertools.cycle([OrderPortalStub(channel) for channel in order_channels])
        self.timeout = CALL_SECONDS

    async def create_client(self, cid: str, data: dict | str) -> pb.Reply:
        return await self._admin("CreateClient", pb.Client(CID=cid, data=text(data)))

    async def retrieve_client(self, cid: str) -> pb.Client:
        return await self._admin("RetrieveClient", pb.ID(ID=cid))

    async def update_client(self, cid: str, data: dict | str) -> pb.Reply:
        return await self._admin("UpdateClient", pb.Client(CID=cid, data=text(data)))

    async def delete_client(self, cid: str) -> pb.Reply:
        return await self._admin("DeleteClient", pb.ID(ID=cid))

    async def create_product(self, pid: str, data: dict | str) -> pb.Reply:
        return await self._admin("CreateProduct", pb.Product(PID=pid, data=text(data)))

    async def retrieve_product(self, pid: str) -> pb.Product:
        return await self._admin("RetrieveProduct", pb.ID(ID=pid))

    async def update_product(self, pid: str, data: dict | str) -> pb.Reply:
        return await self._admin("UpdateProduct", pb.Product(PID=pid, data=text(data)))

    async def delete_product(self, pid: str) -> pb.Reply:
        return await self._admin("DeleteProduct", pb.ID(ID=pid))

    async def create_order(self, oid: str, cid: str, data: dict | str) -> pb.Reply:
        return await self._order("CreateOrder", pb.Order(OID=oid, CID=cid, data=text(data)))

    async def retrieve_order(self, oid: str) -> pb.Order:
        return await self._order("RetrieveOrder", pb.ID(ID=oid))

    async def update_order(self, oid: str, cid: str, data: dict | str) -> pb.Reply:
        return await self._order("UpdateOrder", pb.Order(OID=oid, CID=cid, data=text(data)))

    async def delete_order(self, oid: str) -> pb.Reply:
        return await self._order("DeleteOrder", pb.ID(ID=oid))

    async def retrieve_client_orders(self, cid: str) -> list[pb.Order]:
        stream = next(self._orders).RetrieveClientOrders(pb.ID(ID=cid), timeout=self.timeout)
        return [order async for order in stream]

    async def _admin(self, method, message):
        return await getattr(next(self._admins), method)(message, timeout=self.timeout)

    async def _order(self, method, message):
        return await getattr(next(self._orders), method)(message, timeout=self.timeout)


def text(data: dict | str) -> str:
    """Write a document as most libraries do."""
    return data if isinstance(data, str) else json.dumps(data)
