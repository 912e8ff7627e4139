# ruff: noqa: N802 - methods are named by the gRPC contract
"""Portals for tests: real gRPC servers on a free port over dictionaries, without rules.

Each call is recorded. `plans` says, for the calls to come, what goes wrong with them, in turn.
"""

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass, field, replace

from grpc import aio

from quitanda.codec.documents import summarize
from quitanda.codec.protobuf import SUMMARY_CODEC, document_to_proto
from quitanda.domain.model import Customer, Order, OrderItem, Product
from quitanda.domain.outcomes import Reason, Refused, refused
from quitanda.error_status import to_rpc_status
from quitanda.errors import QuitandaError
from quitanda.runtime.addresses import Address
from quitanda.v1 import admin_portal_pb2 as admin_pb
from quitanda.v1 import client_portal_pb2 as client_pb
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalServicer, add_AdminPortalServicer_to_server
from quitanda.v1.client_portal_pb2_grpc import ClientPortalServicer, add_ClientPortalServicer_to_server


class Hang:
    """A plan: the call is carried out, but no answer comes."""


class Busy:
    """A plan: the call is not carried out, and no answer comes."""


Plan = Refused | QuitandaError | Hang | Busy


@dataclass
class FakeShop:
    """The data behind any number of fake portals; answers of writes are kept by request id."""

    customers: dict[str, Customer] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    answers: dict[str, object] = field(default_factory=dict)
    backup_parts: list[admin_pb.BackupPart] = field(default_factory=list)
    backup_breaks_off: QuitandaError | None = None
    backup_halts: tuple[asyncio.Event, asyncio.Event] | None = None
    """Set after the first part of a backup, and waited for before the second."""
    verified: list[admin_pb.ReplicaVerification] = field(default_factory=list)
    replicas: list[admin_pb.ReplicaStatus] | None = None
    """What the replicas tell of themselves, instead of a leader and one that is lost."""
    revision: int = 0

    def next_revision(self) -> int:
        self.revision += 1
        return self.revision


@dataclass
class FakePortal:
    """One server; `calls` are (method, request) in the order of arrival."""

    shop: FakeShop
    calls: list[tuple[str, object]] = field(default_factory=list)
    plans: deque[Plan] = field(default_factory=deque)
    arrival: asyncio.Event = field(default_factory=asyncio.Event)
    most_at_once: int = 0
    at_once: int = 0
    address: Address = field(default_factory=lambda: Address("127.0.0.1", 0))
    server: aio.Server | None = None

    async def start(self) -> None:
        self.server = aio.server()
        add_AdminPortalServicer_to_server(FakeAdminPortal(self), self.server)
        add_ClientPortalServicer_to_server(FakeClientPortal(self), self.server)
        port = self.server.add_insecure_port(f"127.0.0.1:{self.address.port}")
        self.address = Address("127.0.0.1", port)
        await self.server.start()

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.stop(0)
            self.server = None

    async def called(self, times: int = 1) -> None:
        """Wait until so many calls have arrived since the portal was made."""
        async with asyncio.timeout(15):
            while len(self.calls) < times:
                self.arrival.clear()
                await self.arrival.wait()

    def requests(self, method: str) -> list:
        return [request for name, request in self.calls if name == method]

    async def carry_out(self, method, request, context, work):
        """Record the call, follow the plan, and do the work once for each request id."""
        self.calls.append((method, request))
        self.arrival.set()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            plan = self.plans.popleft() if self.plans else None
            if isinstance(plan, Busy):
                await asyncio.Event().wait()
            if isinstance(plan, Refused | QuitandaError):
                await abort(context, plan)
            answer = self._once(request, work)
            if isinstance(plan, Hang):
                await asyncio.Event().wait()
            await asyncio.sleep(0)  # calls that came together are in flight together
            if isinstance(answer, Refused):
                await abort(context, answer)
            return answer
        finally:
            self.at_once -= 1

    def _once(self, request, work):
        request_id = getattr(request, "request_id", "")
        if not request_id:
            return work()
        if request_id not in self.shop.answers:
            self.shop.answers[request_id] = work()
        return self.shop.answers[request_id]


async def abort(context, failure):
    status = to_rpc_status(failure)
    await context.abort(status.code, status.details, status.trailing_metadata)


def _merged(extra, changes):
    fields = {**dict(extra), **dict(changes)}
    return tuple(sorted((name, value) for name, value in fields.items() if value != "null"))


def _page(documents, request):
    """One page of a list; tokens are positions."""
    start = int(request.page_token or 0)
    size = request.page_size or 100
    chosen = documents[start : start + size]
    token = str(start + size) if start + size < len(documents) else ""
    return chosen, token


class FakeAdminPortal(AdminPortalServicer):
    def __init__(self, portal):
        self.portal = portal
        self.shop = portal.shop

    async def CreateCustomer(self, request, context):
        def work():
            if request.customer_id in self.shop.customers:
                return refused(Reason.CUSTOMER_EXISTS, customer_id=request.customer_id)
            revision = self.shop.next_revision()
            extra = tuple(sorted(request.extra.items()))
            customer = Customer(request.customer_id, request.name, extra, revision)
            self.shop.customers[request.customer_id] = customer
            return admin_pb.CreateCustomerResponse(revision=revision, customer=document_to_proto(customer))

        return await self.portal.carry_out("CreateCustomer", request, context, work)

    async def GetCustomer(self, request, context):
        def work():
            customer = self.shop.customers.get(request.customer_id)
            if customer is None:
                return refused(Reason.CUSTOMER_NOT_FOUND, customer_id=request.customer_id)
            return admin_pb.GetCustomerResponse(revision=self.shop.revision, customer=document_to_proto(customer))

        return await self.portal.carry_out("GetCustomer", request, context, work)

    async def UpdateCustomer(self, request, context):
        def work():
            old = self.shop.customers.get(request.customer_id)
            if old is None:
                return refused(Reason.CUSTOMER_NOT_FOUND, customer_id=request.customer_id)
            revision = self.shop.next_revision()
            kept = _merged(old.extra, request.extra)
            name = request.name if request.HasField("name") else old.name
            customer = Customer(request.customer_id, name, kept, revision)
            self.shop.customers[request.customer_id] = customer
            return admin_pb.UpdateCustomerResponse(revision=revision, customer=document_to_proto(customer))

        return await self.portal.carry_out("UpdateCustomer", request, context, work)

    async def DeleteCustomer(self, request, context):
        def work():
            if self.shop.customers.pop(request.customer_id, None) is None:
                return refused(Reason.CUSTOMER_NOT_FOUND, customer_id=request.customer_id)
            cancelled = 2 if request.cascade else 0
            return admin_pb.DeleteCustomerResponse(revision=self.shop.next_revision(), orders_cancelled=cancelled)

        return await self.portal.carry_out("DeleteCustomer", request, context, work)

    async def ListCustomers(self, request, context):
        def work():
            chosen, token = _page([self.shop.customers[key] for key in sorted(self.shop.customers)], request)
            return admin_pb.ListCustomersResponse(
                revision=self.shop.revision, customers=map(document_to_proto, chosen), next_page_token=token
            )

        return await self.portal.carry_out("ListCustomers", request, context, work)

    async def CreateProduct(self, request, context):
        def work():
            if request.product_id in self.shop.products:
                return refused(Reason.PRODUCT_EXISTS, product_id=request.product_id)
            revision = self.shop.next_revision()
            product = Product(
                request.product_id,
                request.name,
                request.description,
                request.price_minor_units,
                request.quantity,
                tuple(sorted(request.extra.items())),
                revision,
            )
            self.shop.products[request.product_id] = product
            return admin_pb.CreateProductResponse(revision=revision, product=document_to_proto(product))

        return await self.portal.carry_out("CreateProduct", request, context, work)

    async def GetProduct(self, request, context):
        def work():
            product = self.shop.products.get(request.product_id)
            if product is None:
                return refused(Reason.PRODUCT_NOT_FOUND, product_id=request.product_id)
            return admin_pb.GetProductResponse(revision=self.shop.revision, product=document_to_proto(product))

        return await self.portal.carry_out("GetProduct", request, context, work)

    async def UpdateProduct(self, request, context):
        def work():
            old = self.shop.products.get(request.product_id)
            if old is None:
                return refused(Reason.PRODUCT_NOT_FOUND, product_id=request.product_id)
            revision = self.shop.next_revision()
            product = Product(
                request.product_id,
                request.name if request.HasField("name") else old.name,
                request.description if request.HasField("description") else old.description,
                request.price_minor_units if request.HasField("price_minor_units") else old.price,
                request.quantity if request.HasField("quantity") else old.quantity,
                _merged(old.extra, request.extra),
                revision,
            )
            self.shop.products[request.product_id] = product
            return admin_pb.UpdateProductResponse(revision=revision, product=document_to_proto(product))

        return await self.portal.carry_out("UpdateProduct", request, context, work)

    async def DeleteProduct(self, request, context):
        def work():
            if self.shop.products.pop(request.product_id, None) is None:
                return refused(Reason.PRODUCT_NOT_FOUND, product_id=request.product_id)
            changed = 3 if request.cascade else 0
            return admin_pb.DeleteProductResponse(revision=self.shop.next_revision(), orders_changed=changed)

        return await self.portal.carry_out("DeleteProduct", request, context, work)

    async def ListProducts(self, request, context):
        def work():
            chosen, token = _page([self.shop.products[key] for key in sorted(self.shop.products)], request)
            return admin_pb.ListProductsResponse(
                revision=self.shop.revision, products=map(document_to_proto, chosen), next_page_token=token
            )

        return await self.portal.carry_out("ListProducts", request, context, work)

    async def AdjustStock(self, request, context):
        def work():
            old = self.shop.products.get(request.product_id)
            if old is None:
                return refused(Reason.PRODUCT_NOT_FOUND, product_id=request.product_id)
            if old.quantity + request.delta < 0:
                return refused(Reason.STOCK_BOUND, product_id=request.product_id, limit=0)
            revision = self.shop.next_revision()
            fields = (old.product_id, old.name, old.description, old.price, old.quantity + request.delta)
            product = Product(*fields, old.extra, revision)
            self.shop.products[request.product_id] = product
            return admin_pb.AdjustStockResponse(revision=revision, product=document_to_proto(product))

        return await self.portal.carry_out("AdjustStock", request, context, work)

    async def GetClusterStatus(self, request, context):
        def work():
            if self.shop.replicas is not None:
                return admin_pb.GetClusterStatusResponse(replicas=self.shop.replicas)
            leader = admin_pb.ReplicaStatus(
                name="replica1",
                reachable=True,
                role=admin_pb.REPLICA_ROLE_LEADER,
                term=3,
                revision=self.shop.revision,
                leader="replica1",
                peers=[
                    admin_pb.PeerStatus(name="replica2", connected=True),
                    admin_pb.PeerStatus(name="replica3", refused="it belongs to another cluster"),
                ],
                state_digest="0123456789abcdef0123",
                customers=len(self.shop.customers),
                cluster="c" * 32,
            )
            lost = admin_pb.ReplicaStatus(name="replica2", reachable=False, error="no connection")
            return admin_pb.GetClusterStatusResponse(replicas=[leader, lost])

        return await self.portal.carry_out("GetClusterStatus", request, context, work)

    async def TransferLeadership(self, request, context):
        def work():
            if request.to == "replica9":
                return refused(Reason.INVALID_ARGUMENT, "to", problem="unknown_value")
            return admin_pb.TransferLeadershipResponse(leader=request.to or "replica2", term=4)

        return await self.portal.carry_out("TransferLeadership", request, context, work)

    async def RaiseLevel(self, request, context):
        def work():
            if request.level > 2:
                return refused(Reason.LEVEL_NOT_SUPPORTED, level=request.level, replica="replica3", supported=2)
            return admin_pb.RaiseLevelResponse(level=2)

        return await self.portal.carry_out("RaiseLevel", request, context, work)

    async def BackupCluster(self, request, context):
        self.portal.calls.append(("BackupCluster", request))
        for number, part in enumerate(self.shop.backup_parts):
            if number == 1 and self.shop.backup_halts is not None:
                reached, go_on = self.shop.backup_halts
                reached.set()
                await go_on.wait()
            yield part
        if self.shop.backup_breaks_off is not None:
            await abort(context, self.shop.backup_breaks_off)

    async def VerifyCluster(self, request, context):
        def work():
            return admin_pb.VerifyClusterResponse(revision=70, replicas=self.shop.verified)

        return await self.portal.carry_out("VerifyCluster", request, context, work)


class FakeClientPortal(ClientPortalServicer):
    """Serves customers; the stock is not its business."""

    def __init__(self, portal):
        self.portal = portal
        self.shop = portal.shop
        self.order_numbers = itertools.count(len(portal.shop.orders) + 1)

    async def CreateOrder(self, request, context):
        def work():
            revision = self.shop.next_revision()
            items = tuple(self._item(item, ()) for item in request.items)
            order = Order(
                f"o{next(self.order_numbers)}",
                request.customer_id,
                1_700_000_000_000,
                items,
                revision,
                _merged((), request.extra),
            )
            self.shop.orders[order.order_id] = order
            return client_pb.CreateOrderResponse(revision=revision, order=document_to_proto(order))

        return await self.portal.carry_out("CreateOrder", request, context, work)

    async def SetOrderItem(self, request, context):
        def work():
            order = self._set(request, [request], {})
            if isinstance(order, Refused):
                return order
            return client_pb.SetOrderItemResponse(revision=order.version, order=document_to_proto(order))

        return await self.portal.carry_out("SetOrderItem", request, context, work)

    async def SetOrderItems(self, request, context):
        def work():
            order = self._set(request, request.items, request.extra)
            if isinstance(order, Refused):
                return order
            return client_pb.SetOrderItemsResponse(revision=order.version, order=document_to_proto(order))

        return await self.portal.carry_out("SetOrderItems", request, context, work)

    async def GetOrder(self, request, context):
        def work():
            order = self.shop.orders.get(request.order_id)
            if order is None:
                return refused(Reason.ORDER_NOT_FOUND, order_id=request.order_id)
            return client_pb.GetOrderResponse(revision=self.shop.revision, order=document_to_proto(order))

        return await self.portal.carry_out("GetOrder", request, context, work)

    async def ListOrders(self, request, context):
        def work():
            orders = [order for order in self.shop.orders.values() if order.customer_id == request.customer_id]
            chosen, token = _page(orders, request)
            summaries = [SUMMARY_CODEC.write(summarize(order)) for order in chosen]
            return client_pb.ListOrdersResponse(revision=self.shop.revision, orders=summaries, next_page_token=token)

        return await self.portal.carry_out("ListOrders", request, context, work)

    async def CancelOrder(self, request, context):
        def work():
            order = self.shop.orders.pop(request.order_id, None)
            if order is None:
                return refused(Reason.ORDER_NOT_FOUND, order_id=request.order_id)
            return client_pb.CancelOrderResponse(revision=self.shop.next_revision(), order=document_to_proto(order))

        return await self.portal.carry_out("CancelOrder", request, context, work)

    async def GetProduct(self, request, context):
        def work():
            product = self.shop.products.get(request.product_id)
            if product is None:
                return refused(Reason.PRODUCT_NOT_FOUND, product_id=request.product_id)
            return client_pb.GetProductForCustomerResponse(
                revision=self.shop.revision, product=document_to_proto(product)
            )

        return await self.portal.carry_out("GetProduct", request, context, work)

    async def ListProducts(self, request, context):
        def work():
            chosen, token = _page([self.shop.products[key] for key in sorted(self.shop.products)], request)
            return client_pb.ListProductsForCustomerResponse(
                revision=self.shop.revision, products=map(document_to_proto, chosen), next_page_token=token
            )

        return await self.portal.carry_out("ListProducts", request, context, work)

    def _item(self, wanted, extra):
        product = self.shop.products[wanted.product_id]
        return OrderItem(product.product_id, product.name, product.price, wanted.quantity, _merged(extra, wanted.extra))

    def _set(self, request, wanted, extra):
        order = self.shop.orders.get(request.order_id)
        if order is None:
            return refused(Reason.ORDER_NOT_FOUND, order_id=request.order_id)
        for item in wanted:
            if item.product_id not in self.shop.products:
                return refused(Reason.PRODUCT_NOT_FOUND, product_id=item.product_id)
            if item.quantity < 0:
                return refused(Reason.INVALID_ARGUMENT, "items[0].quantity", problem="negative", value=item.quantity)
        items = {item.product_id: item for item in order.items}
        for item in wanted:
            items[item.product_id] = self._item(item, items[item.product_id].extra if item.product_id in items else ())
        kept = tuple(item for item in items.values() if item.quantity)
        changed = replace(order, items=kept, version=self.shop.next_revision(), extra=_merged(order.extra, extra))
        self.shop.orders[order.order_id] = changed
        return changed
