"""Quitanda as `python -m quitanda_local run` starts it: three replicas, two portals of each kind, the broker.

Beside it runs an empty echo, which shows what the broker alone can carry; its processor time is not the system's.
"""

import asyncio
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, TypeVar

from bench import cases
from bench.cases import Case
from bench.peers.system import System
from bench.placement import FOLLOWER, LEADER
from bench.proofs import Metadata, Proofs, bearing
from bench.report import WITH_IDENTITIES
from bench.workload import PRICE, STOCK, PlacedOrder, Workload
from quitanda.domain.outcomes import Refused
from quitanda.identity.certificates import KeyedCertificate
from quitanda.identity.customer_certificates import issue_to_customer
from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda.v1.admin_portal_pb2 import CreateCustomerRequest, CreateProductRequest, RaiseLevelRequest
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalStub
from quitanda.v1.client_portal_pb2 import CreateOrderRequest, ItemQuantity
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda_clients.broker_certificate import new_request
from quitanda_local.errors import NotRunning
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.process import Process, Spawner

SEED_IN_FLIGHT = 32
SEED_SECONDS = 30.0

Given = TypeVar("Given")


class QuitandaSystem(System):
    """Three replicas with everything that they promise."""

    name = "quitanda"
    title = "three replicas (Quitanda)"
    cases: ClassVar[tuple[Case, ...]] = cases.ALL
    identities: ClassVar[bool] = False
    """Whether processes and callers prove who they are."""
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
        self.cluster = LocalCluster.on_free_ports(folder, identities=self.identities)
        await self.cluster.start()
        self.portals = tuple(self.cluster.address(name) for name in self.cluster.client_portals)
        self.broker = self.cluster.address(self.cluster.broker)
        await self._start_beside(folder)
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

    async def _start_beside(self, folder: Path) -> None:
        """Start what the cases need beside the system."""
        self._echo = Process("echo", folder / "echo.log", self._spawner)
        self._echo.start((sys.executable, "-m", "bench.load_mqtt", self.broker), {})

    def _without_data(self) -> list[str]:
        return [name for name in self.cluster.everything if name not in self.cluster.replicas]

    async def _seed(self) -> None:
        workload, by = Workload.drawn(), self._administrator()
        async with (
            self.proofs.channel(self.cluster.address(self.cluster.admin_portals[0])) as admin_channel,
            self.proofs.channel(self.portals[0]) as client_channel,
        ):
            admin, client = AdminPortalStub(admin_channel), ClientPortalStub(client_channel)

            # A new cluster does so by itself, if nobody was faster with the first write.
            await admin.RaiseLevel(RaiseLevelRequest(), timeout=SEED_SECONDS, metadata=by)

            async def product(product_id: str) -> str:
                request = CreateProductRequest(
                    request_id=str(uuid.uuid4()),
                    product_id=product_id,
                    name="Caneta",
                    price_minor_units=PRICE,
                    quantity=STOCK,
                )
                return (await admin.CreateProduct(request, timeout=SEED_SECONDS, metadata=by)).product.product_id

            async def order(placed: PlacedOrder) -> str:
                customer = CreateCustomerRequest(
                    request_id=str(uuid.uuid4()), customer_id=placed.customer_id, name="Ana"
                )
                created = await admin.CreateCustomer(customer, timeout=SEED_SECONDS, metadata=by)
                as_customer = self._keep_token(placed.customer_id, created.token)
                items = [ItemQuantity(product_id=product_id, quantity=1) for product_id in placed.product_ids]
                request = CreateOrderRequest(request_id=str(uuid.uuid4()), customer_id=placed.customer_id, items=items)
                return (await client.CreateOrder(request, timeout=SEED_SECONDS, metadata=as_customer)).order.order_id

            await _some_at_a_time(product, workload.product_ids)
            self.workload = workload.with_order_ids(await _some_at_a_time(order, workload.orders))

    def _administrator(self) -> Metadata | None:
        """Give what an administrator's calls carry."""
        return None

    def _keep_token(self, customer_id: str, token: str) -> Metadata | None:
        """Keep a customer's first token, which is empty in the open mode; give what the customer's calls carry."""
        if not token:
            return None
        self.proofs.tokens[customer_id] = token
        return bearing(token)


class QuitandaWithIdentities(QuitandaSystem):
    """The same cluster with an identity for each process: TLS on every link, and a token with every call.

    At the broker each customer has a connection and a certificate of their own, as the access rules demand.
    """

    name = WITH_IDENTITIES
    title = "Quitanda with identities"
    cases = cases.WITH_IDENTITIES
    identities = True

    async def _start_beside(self, folder: Path) -> None:
        """Sign a certificate for each customer."""
        identities = self.cluster.identities
        if identities is None:
            raise NotRunning("the cluster has no identities")
        self._clients = IdentityFolder(identities.of_clients)
        certificates = folder / "customers"
        certificates.mkdir(mode=0o700)
        self.proofs = Proofs(str(self._clients.file(IdentityFile.CA)), {}, str(certificates))
        root = KeyedCertificate.read(
            IdentityFolder(identities.folder(self.cluster.client_portals[0])).customers_ca_key()
        )
        for placed in Workload.drawn().orders:
            asked = new_request()
            signed = issue_to_customer(asked.request, placed.customer_id, root, datetime.now(UTC))
            if isinstance(signed, Refused):
                raise TypeError(signed)
            self.proofs.certificate(placed.customer_id).write_bytes(asked.key + signed.pem.encode())

    def _administrator(self) -> Metadata | None:
        """Give what the first administrator's calls carry."""
        return bearing(self._clients.credential())


async def _some_at_a_time(call: Callable[[Given], Awaitable[str]], every: Iterable[Given]) -> list[str]:
    """Call for each, SEED_IN_FLIGHT at a time; give the answers in the order of what was given."""
    turns = asyncio.Semaphore(SEED_IN_FLIGHT)

    async def in_turn(given: Given) -> str:
        async with turns:
            return await call(given)

    return await asyncio.gather(*(in_turn(given) for given in every))
