"""Quitanda as `python -m quitanda_local run` starts it: three replicas, two portals of each kind, the broker.

Beside it runs an empty echo, which shows what the broker alone can carry; its processor time is not the system's.
"""

import asyncio
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

import grpc.aio

from bench import cases
from bench.peers.system import System
from bench.placement import FOLLOWER, LEADER
from bench.workload import PRICE, STOCK, PlacedOrder, Workload
from quitanda.v1.admin_portal_pb2 import CreateCustomerRequest, CreateProductRequest
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalStub
from quitanda.v1.client_portal_pb2 import CreateOrderRequest, ItemQuantity
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.process import Process, Spawner

SEED_IN_FLIGHT = 32
SEED_SECONDS = 30.0

Given = TypeVar("Given")


class QuitandaSystem(System):
    """Three replicas with everything that they promise."""

    name = "quitanda"
    title = "three replicas (Quitanda)"
    cases = cases.ALL
    cluster: LocalCluster

    def __init__(self) -> None:
        self._spawner = Spawner()
        self._echo: Process | None = None

    @classmethod
    def missing(cls) -> str:
        """Say nothing: it is here."""
        return ""

    async def start(self, folder: Path) -> None:
        """Start everything; create products, customers and orders."""
        self.cluster = LocalCluster.on_free_ports(folder)
        await self.cluster.start()
        self.portals = tuple(self.cluster.address(name) for name in self.cluster.client_portals)
        self.broker = self.cluster.address(self.cluster.broker)
        self._echo = Process("echo", folder / "echo.log", self._spawner)
        self._echo.start((sys.executable, "-m", "bench.load_mqtt", self.broker), {})
        await self._seed()

    async def stop(self) -> None:
        """End everything."""
        if self._echo is not None:
            await self._echo.stop()
        self._spawner.close()
        await self.cluster.stop()
        self.cluster.close()

    async def processes(self) -> dict[str, int]:
        """Give the id of every process of the cluster; replicas are named by their roles, the others by their names."""
        leader = await self.cluster.wait_for_leader()
        followers = [name for name in self.cluster.replicas if name != leader]
        roles = {leader: LEADER} | {name: f"{FOLLOWER} {n}" for n, name in enumerate(followers, 1)}
        return {roles.get(name, name): self.cluster.process(name).pid for name in (*roles, *self._without_data())}

    def _without_data(self) -> list[str]:
        return [name for name in self.cluster.everything if name not in self.cluster.replicas]

    async def _seed(self) -> None:
        workload = Workload.drawn()
        async with (
            grpc.aio.insecure_channel(self.cluster.address(self.cluster.admin_portals[0])) as admin_channel,
            grpc.aio.insecure_channel(self.portals[0]) as client_channel,
        ):
            admin, client = AdminPortalStub(admin_channel), ClientPortalStub(client_channel)

            async def product(product_id: str) -> str:
                request = CreateProductRequest(
                    request_id=str(uuid.uuid4()),
                    product_id=product_id,
                    name="Caneta",
                    price_minor_units=PRICE,
                    quantity=STOCK,
                )
                return (await admin.CreateProduct(request, timeout=SEED_SECONDS)).product.product_id

            async def order(placed: PlacedOrder) -> str:
                customer = CreateCustomerRequest(
                    request_id=str(uuid.uuid4()), customer_id=placed.customer_id, name="Ana"
                )
                await admin.CreateCustomer(customer, timeout=SEED_SECONDS)
                items = [ItemQuantity(product_id=product_id, quantity=1) for product_id in placed.product_ids]
                request = CreateOrderRequest(request_id=str(uuid.uuid4()), customer_id=placed.customer_id, items=items)
                return (await client.CreateOrder(request, timeout=SEED_SECONDS)).order.order_id

            await _some_at_a_time(product, workload.product_ids)
            self.workload = workload.with_order_ids(await _some_at_a_time(order, workload.orders))


async def _some_at_a_time(call: Callable[[Given], Awaitable[str]], every: Iterable[Given]) -> list[str]:
    """Call for each, SEED_IN_FLIGHT at a time; give the answers in the order of what was given."""
    turns = asyncio.Semaphore(SEED_IN_FLIGHT)

    async def in_turn(given: Given) -> str:
        async with turns:
            return await call(given)

    return await asyncio.gather(*(in_turn(given) for given in every))
