"""A shop that is run through the course's contract alone, with ids that no other scenario uses."""

import asyncio
import json
from decimal import Decimal

from compat.compat_client import CompatClient
from compat.documented import DONE, verdict
from quitanda.course import contract_pb2 as pb

NO_CLIENT = pb.Client(CID="0", data='{"CID":"0"}')
NO_PRODUCT = pb.Product(PID="0", data='{"PID":"0"}')
NO_ORDER = pb.Order(OID="0", CID="0", data='{"OID":"0","CID":"0"}')


PRODUCT_NAME = "Pão de queijo"


class CourseShop(CompatClient):
    """A course client with what every scenario needs at its beginning and at its end."""

    def __init__(self, admin_channels, order_channels, new_id) -> None:
        super().__init__(admin_channels, order_channels)
        self.new_id = new_id

    async def client(self, **fields) -> str:
        """Register a client; give the CID."""
        cid = self.new_id("client")
        expect_done(await self.create_client(cid, {"CID": cid, "name": "Conceição", **fields}))
        return cid

    async def product(self, quantity=100, price="2.50", **fields) -> str:
        """Offer a product; give the PID."""
        pid = self.new_id("product")
        document = {"PID": pid, "name": PRODUCT_NAME, "quantity": str(quantity), "price": price, **fields}
        expect_done(await self.create_product(pid, document))
        return pid

    async def products(self, count, quantity=100) -> list[str]:
        """Offer several products, all at once."""
        return await asyncio.gather(*(self.product(quantity) for _ in range(count)))

    async def order(self, cid, *lines, **fields) -> str:
        """Place an order of (PID, quantity) lines; give the OID."""
        oid = self.new_id("order")
        expect_done(await self.create_order(oid, cid, order_document(oid, cid, *lines, **fields)))
        return oid

    async def shown_client(self, cid) -> dict:
        """Give the document of a client that there is."""
        found = await self.retrieve_client(cid)
        assert cid == found.CID
        return json.loads(found.data)

    async def shown_product(self, pid) -> dict:
        """Give the document of a product that there is."""
        found = await self.retrieve_product(pid)
        assert pid == found.PID
        return json.loads(found.data)

    async def shown_order(self, oid) -> dict:
        """Give the document of an order that there is."""
        found = await self.retrieve_order(oid)
        shown = json.loads(found.data)
        assert (oid, shown["CID"]) == (found.OID, found.CID)
        return shown

    async def stock(self, pid) -> int:
        """Count the units on hand."""
        return int((await self.shown_product(pid))["quantity"])

    async def units(self, oid) -> dict[str, int]:
        """Give the quantities of an order by PID."""
        return quantities(await self.shown_order(oid))


def order_document(oid, cid, *lines, **fields) -> dict:
    """Write an order of (PID, quantity) lines."""
    return {
        "OID": oid,
        "CID": cid,
        "products": [{"PID": pid, "quantity": str(units)} for pid, units in lines],
        **fields,
    }


def as_shown(document, name=PRODUCT_NAME, price="2.50") -> dict:
    """Add to an order's document what portals show beside it: name and price of each line, and the total."""
    lines = [{"name": name, "price": price, **line} for line in document["products"]]
    total = sum((Decimal(line["price"]) * int(line["quantity"]) for line in lines), Decimal("0.00"))
    return {**document, "products": lines, "total": f"{total:.2f}"}


def quantities(document) -> dict[str, int]:
    """Give the quantities in an order's document by PID."""
    return {item["PID"]: int(item["quantity"]) for item in document["products"]}


def expect_done(reply) -> None:
    """Fail with what the reply says, if it is not a success."""
    assert verdict(reply) == DONE, reply.description
