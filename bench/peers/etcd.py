"""Three members of etcd. Portals read order and product in one request, and write both if neither has changed since.

Each portal spreads its calls over the three members. A change that meets another one begins again.
With `remember`, the request's id and outcome are a third key of the same transaction.
"""

import json
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import grpc.aio

from bench import cases
from bench.cases import Case
from bench.peers.order_change import Document, NotFound, change
from bench.peers.system import HOST, PeerSystem
from quitanda_local.ports import free_ports

MEMBERS = 3
SEED_BATCH = 100
"""Writes of one transaction; etcd takes up to 128."""


class EtcdSystem(PeerSystem):
    """The members as Debian's package `etcd-server` has them, each with its own data folder and synced writes."""

    name = "etcd"
    title = "three-node etcd"
    backend = "etcd"
    cases: ClassVar[tuple[Case, ...]] = (*cases.WRITES, *cases.READS)
    remember = False

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
        return [{"members": [f"{HOST}:{port}" for port in clients], "remember": self.remember}]


class EtcdRememberingSystem(EtcdSystem):
    """The same, which also remembers each request's outcome."""

    name = "etcd_remembering"
    title = "etcd, same duty"
    cases = cases.WRITES
    remember = True


class EtcdBackend:
    """etcd's own gRPC API, with the stubs of the package aetcd."""

    def __init__(self, settings: dict[str, Any]) -> None:
        from aetcd import rpc  # noqa: PLC0415 - only this portal needs it

        self._rpc = rpc
        self._remember: bool = settings["remember"]
        self._channel = grpc.aio.insecure_channel(
            "ipv4:" + ",".join(settings["members"]),
            options=[("grpc.lb_policy_name", "round_robin"), ("grpc.enable_http_proxy", 0)],
        )
        self._store = rpc.KVStub(self._channel)

    async def open(self) -> None:
        """Wait until the members have a leader."""
        request = self._rpc.RangeRequest(key=b"leader")
        await self._store.Range(request, timeout=30, wait_for_ready=True)

    async def seed(self, products: dict[str, Document], orders: dict[str, Document]) -> None:
        """Store all documents."""
        puts = [self._put(_product_key(key), value) for key, value in products.items()]
        puts += [self._put(_order_key(key), value) for key, value in orders.items()]
        for begin in range(0, len(puts), SEED_BATCH):
            await self._store.Txn(self._rpc.TxnRequest(success=puts[begin : begin + SEED_BATCH]))

    async def set_order_item(self, order_id: str, product_id: str, quantity: int, request_id: str) -> Document:
        """Read, change, compare and write, until nothing has come in between."""
        keys = [_order_key(order_id), _product_key(product_id)]
        outcome_key = f"request/{request_id}".encode()
        reads = [self._rpc.RequestOp(request_range=self._rpc.RangeRequest(key=key)) for key in keys]
        if self._remember:
            reads.append(self._rpc.RequestOp(request_range=self._rpc.RangeRequest(key=outcome_key)))
        while True:
            answer = await self._store.Txn(self._rpc.TxnRequest(success=reads))
            found = [response.response_range.kvs for response in answer.responses]
            if self._remember and found[2]:
                return _document(found[2][0].value)
            if not found[0] or not found[1]:
                raise NotFound(order_id, product_id)
            order, product = _document(found[0][0].value), _document(found[1][0].value)
            change(order, product, quantity)
            compare = [self._unchanged(key, kvs[0].mod_revision) for key, kvs in zip(keys, found, strict=False)]
            puts = [self._put(key, document) for key, document in zip(keys, (order, product), strict=True)]
            if self._remember:
                compare.append(self._unchanged(outcome_key, 0))
                puts.append(self._put(outcome_key, order))
            if (await self._store.Txn(self._rpc.TxnRequest(compare=compare, success=puts))).succeeded:
                return order

    async def order(self, order_id: str) -> Document:
        """Read through the leader's quorum."""
        return await self._read(_order_key(order_id), serializable=False)

    async def product(self, product_id: str) -> Document:
        """Read what the member that is asked has."""
        return await self._read(_product_key(product_id), serializable=True)

    async def _read(self, key: bytes, *, serializable: bool) -> Document:
        answer = await self._store.Range(self._rpc.RangeRequest(key=key, serializable=serializable))
        if not answer.kvs:
            raise NotFound(key)
        return _document(answer.kvs[0].value)

    def _put(self, key: bytes, value: Document) -> Any:
        return self._rpc.RequestOp(request_put=self._rpc.PutRequest(key=key, value=json.dumps(value).encode()))

    def _unchanged(self, key: bytes, mod_revision: int) -> Any:
        """Compare the key's revision; 0 is that of a key that is not there."""
        compare = self._rpc.Compare
        return compare(result=compare.EQUAL, target=compare.MOD, key=key, mod_revision=mod_revision)


def _order_key(order_id: str) -> bytes:
    return f"order/{order_id}".encode()


def _product_key(product_id: str) -> bytes:
    return f"product/{product_id}".encode()


def _document(value: bytes) -> Document:
    document: Document = json.loads(value)
    return document
