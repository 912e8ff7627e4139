"""Three members of etcd. A change reads order and product in one request, and writes both if neither has changed since.

What it does: etcd's own gRPC API through `grpc.aio`, one transaction to read and one to write. A write that meets
another change answers with what is there now, so that trying again takes one more request and no new read. Callers who
change the same product at once wait for each other in their portal, so that only the two portals meet. The portals ask
the leader's member only: measured here, that takes a third less processor time than spreading the calls, since no
member passes a write on, and what is read is seldom old. Every write is synced by two members before it is answered.
With `remember`, the request's id and outcome are a third key of the same transaction.

What it does not do: no index, no feed, no cache in the portal, no log line for each request, no encryption. The portals
look for the leader once, when they start. Without `remember`, a request that is repeated takes effect again. With it,
outcomes are kept for ever.
"""

import asyncio
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import grpc.aio

from bench import cases
from bench.cases import Case
from bench.peers.order_change import Document, NotFound, OutOfStock, change
from bench.peers.system import HOST, PeerSystem
from quitanda_local.ports import free_ports

MEMBERS = 3
OPTIONS = (("grpc.enable_http_proxy", 0),)
SEED_BATCH = 100
"""Writes of one transaction; etcd takes up to 128."""


class EtcdSystem(PeerSystem):
    """The members as Debian's package `etcd-server` has them, each with its own data folder and synced writes."""

    name = "etcd"
    title = "three-node etcd"
    backend = "etcd"
    cases: ClassVar[tuple[Case, ...]] = (*cases.WRITES, *cases.READS)
    remember = False
    queue = True

    @classmethod
    def missing(cls) -> str:
        """Look for the server of the system's package, and for the client of requirements/bench.lock."""
        if shutil.which("etcd") is None:
            return "etcd-server (apt)"
        return "" if find_spec("aetcd") else "aetcd (requirements/bench.lock)"

    async def start_servers(self, folder: Path) -> Sequence[dict[str, Any]]:
        """Start the members; portals wait until they have a leader."""
        ports = free_ports(2 * MEMBERS)
        clients, peers = ports[:MEMBERS], ports[MEMBERS:]
        cluster = ",".join(f"etcd{n}=http://{HOST}:{port}" for n, port in enumerate(peers))
        for n, (client, peer) in enumerate(zip(clients, peers, strict=True)):
            urls = {"client-urls": f"http://{HOST}:{client}", "peer-urls": f"http://{HOST}:{peer}"}
            options = {
                "name": f"etcd{n}",
                "data-dir": str(folder / f"etcd{n}"),
                "listen-client-urls": urls["client-urls"],
                "advertise-client-urls": urls["client-urls"],
                "listen-peer-urls": urls["peer-urls"],
                "initial-advertise-peer-urls": urls["peer-urls"],
                "initial-cluster": cluster,
                "initial-cluster-state": "new",
                "logger": "zap",
                "log-level": "warn",
                "log-outputs": "stderr",
            }
            self.spawn(f"etcd {n + 1}", ("etcd", *(f"--{name}={value}" for name, value in options.items())), folder)
        return [{"members": [f"{HOST}:{port}" for port in clients], "remember": self.remember, "queue": self.queue}]


class EtcdRememberingSystem(EtcdSystem):
    """The same, which also remembers each request's outcome."""

    name = "etcd_remembering"
    title = "etcd, same duty"
    cases = (cases.CHANGES, cases.SAME_PRODUCT)
    remember = True


class EtcdUnqueuedSystem(EtcdSystem):
    """The same, whose portals let all callers of a product try at once: what a simple program would do."""

    name = "etcd_unqueued"
    title = "etcd, callers not queued"
    cases = (cases.SAME_PRODUCT,)
    queue = False


class EtcdBackend:
    """etcd's own gRPC API, with the stubs of the package aetcd."""

    def __init__(self, settings: dict[str, Any]) -> None:
        from aetcd import rpc  # noqa: PLC0415 - only this portal needs it

        self._rpc = rpc
        self._remember: bool = settings["remember"]
        self._queue: bool = settings["queue"]
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._members: Sequence[str] = settings["members"]
        self._store: Any = None

    async def open(self) -> None:
        """Wait until the members have a leader, and connect to it. Raises TimeoutError."""
        async with asyncio.timeout(30):
            while (leader := await self._leader()) is None:  # noqa: ASYNC110 - a member sets no event of ours
                await asyncio.sleep(0.1)
        self._store = self._rpc.KVStub(grpc.aio.insecure_channel(leader, options=OPTIONS))

    async def _leader(self) -> str | None:
        for member in self._members:
            async with grpc.aio.insecure_channel(member, options=OPTIONS) as channel:
                state = await self._rpc.MaintenanceStub(channel).Status(self._rpc.StatusRequest(), wait_for_ready=True)
            if state.leader == state.header.member_id:
                return member
        return None

    async def seed(self, products: dict[str, Document], orders: dict[str, Document]) -> None:
        """Store all documents."""
        puts = [self._put(_product_key(key), value) for key, value in products.items()]
        puts += [self._put(_order_key(key), value) for key, value in orders.items()]
        for begin in range(0, len(puts), SEED_BATCH):
            await self._store.Txn(self._rpc.TxnRequest(success=puts[begin : begin + SEED_BATCH]))

    async def set_order_item(self, order_id: str, product_id: str, quantity: int, request_id: str) -> Document:
        """Change both in this caller's turn; the second portal may come in between."""
        keys = [_order_key(order_id), _product_key(product_id)]
        if self._remember:
            keys.append(f"request/{request_id}".encode())
        if not self._queue:
            return await self._change(keys, quantity)
        async with self._turns[product_id]:
            return await self._change(keys, quantity)

    async def _change(self, keys: Sequence[bytes], quantity: int) -> Document:
        """Read, change, compare and write, until nothing has come in between.

        The first read is whatever the member has: the comparison finds out whether that is still so, and a write that
        does not happen answers with what is there. Only what is refused has to be read linearizably before.
        """
        found, certain = await self._read_all(keys, serializable=True), False
        while True:
            if self._remember and found[2]:
                return _document(found[2][0].value)
            try:
                order, product = _changed(found, quantity)
            except (NotFound, OutOfStock):
                if certain:
                    raise
                found, certain = await self._read_all(keys, serializable=False), True
                continue
            pairs = zip(keys, (order, product, order), strict=False)
            answer = await self._store.Txn(
                self._rpc.TxnRequest(
                    compare=[self._as_found(key, kvs) for key, kvs in zip(keys, found, strict=True)],
                    success=[self._put(key, document) for key, document in pairs],
                    failure=self._reads(keys, serializable=False),
                )
            )
            if answer.succeeded:
                return order
            found, certain = _kvs(answer), True

    async def _read_all(self, keys: Sequence[bytes], *, serializable: bool) -> list[Any]:
        return _kvs(await self._store.Txn(self._rpc.TxnRequest(success=self._reads(keys, serializable=serializable))))

    def _reads(self, keys: Sequence[bytes], *, serializable: bool) -> list[Any]:
        ranges = (self._rpc.RangeRequest(key=key, serializable=serializable) for key in keys)
        return [self._rpc.RequestOp(request_range=each) for each in ranges]

    async def order(self, order_id: str) -> Document:
        """Read through the leader's quorum."""
        return await self._read(_order_key(order_id), serializable=False)

    async def product(self, product_id: str) -> Document:
        """Read what the member has."""
        return await self._read(_product_key(product_id), serializable=True)

    async def _read(self, key: bytes, *, serializable: bool) -> Document:
        answer = await self._store.Range(self._rpc.RangeRequest(key=key, serializable=serializable))
        if not answer.kvs:
            raise NotFound(key)
        return _document(answer.kvs[0].value)

    def _put(self, key: bytes, value: Document) -> Any:
        return self._rpc.RequestOp(request_put=self._rpc.PutRequest(key=key, value=json.dumps(value).encode()))

    def _as_found(self, key: bytes, kvs: Sequence[Any]) -> Any:
        """Compare the key's revision with the one that was read; 0 is that of a key that is not there."""
        compare = self._rpc.Compare
        revision = kvs[0].mod_revision if kvs else 0
        return compare(result=compare.EQUAL, target=compare.MOD, key=key, mod_revision=revision)


def _changed(found: Sequence[Any], quantity: int) -> tuple[Document, Document]:
    """Give the order and the product that were read as they are after the change. Raises OutOfStock, NotFound."""
    if not found[0] or not found[1]:
        raise NotFound
    order, product = _document(found[0][0].value), _document(found[1][0].value)
    change(order, product, quantity)
    return order, product


def _kvs(answer: Any) -> list[Any]:
    """Give what each read of a transaction has found: no or one key with its value and revision."""
    return [response.response_range.kvs for response in answer.responses]


def _order_key(order_id: str) -> bytes:
    return f"order/{order_id}".encode()


def _product_key(product_id: str) -> bytes:
    return f"product/{product_id}".encode()


def _document(value: bytes) -> Document:
    document: Document = json.loads(value)
    return document
