"""Three replicas behind real gRPC servers, as hand-written fakes that obey a test.

All share one history, decided by the real rules: what a replica acknowledges, every other one knows.
"""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from quitanda.cluster_client import ClusterClient, ClusterOptions
from quitanda.codec.documents import document_digest, encode_document
from quitanda.codec.protobuf import encode_outcome, kind_from_proto, refused_to_proto, request_from_proto
from quitanda.domain.commands import CreateCustomer, Request
from quitanda.domain.machine import execute
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Reason, refused
from quitanda.errors import NotLeader
from quitanda.rpc_status import to_rpc_status
from quitanda.v1 import admin_portal_pb2, replica_pb2, replica_pb2_grpc
from quitanda_testing.in_memory_state import InMemoryState

TEST_DEADLINE = 10.0


async def eventually(condition: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(TEST_DEADLINE):
        while not condition():  # noqa: ASYNC110 - the fakes have no events for everything a test waits for
            await asyncio.sleep(0.002)
    assert condition(), what


class History:
    """The replicated state, and who leads."""

    def __init__(self) -> None:
        self.state = InMemoryState()
        self.revision = 0
        self.leader = ""
        self.executed: list[str] = []

    def execute(self, messages):
        self.revision += 1
        outcomes = []
        for message in messages:
            request = request_from_proto(replica_pb2.Request.FromString(message))
            execution = execute(self.state, request, self.revision)
            self.state.apply(request, execution)
            if execution.remember is not None:
                self.executed.append(request.request_id)
            outcomes.append(encode_outcome(execution.outcome, execution.revision))
        return outcomes

    def get(self, kind, document_id):
        lookup = {Kind.CUSTOMER: self.state.customer, Kind.PRODUCT: self.state.product, Kind.ORDER: self.state.order}
        return lookup[kind](document_id)


class FakeReplica(replica_pb2_grpc.ReplicaServicer):
    """Answers as the history says, or as `before` and `after` (called around the work) make it."""

    def __init__(self, name: str, history: History) -> None:
        self.name = name
        self.history = history
        self.executes: list[list[str]] = []
        self.metadata: list[dict[str, str]] = []
        """That of each call of Execute, without what gRPC itself adds."""
        self.reads: list[replica_pb2.ReadRequest] = []
        self.hint: str | None = None
        self.before = None
        self.after = None
        self.instead = None
        self.lists: set[str] = set()
        self.address = "127.0.0.1:0"
        self._server: Any = None

    async def start(self) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        replica_pb2_grpc.add_ReplicaServicer_to_server(self, self._server)
        port = self._server.add_insecure_port(self.address)
        self.address = f"127.0.0.1:{port}"
        await self._server.start()

    async def die(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    async def Execute(self, request, context):  # noqa: N802 - the contract's name
        self.executes.append([replica_pb2.Request.FromString(one).request_id for one in request.requests])
        metadata = dict(context.invocation_metadata() or ())
        self.metadata.append({name: value for name, value in metadata.items() if name != "user-agent"})
        await self._run(self.before, context)
        await self._must_lead(context)
        response = replica_pb2.ExecuteResponse(outcomes=self.history.execute(request.requests))
        await self._run(self.after, context)
        return response

    async def Read(self, request, context):  # noqa: N802 - the contract's name
        self.reads.append(request)
        revision = self.history.revision
        await self._run(self.before, context)
        if self.instead is not None and request.reads:
            return await self.instead(request)
        token = next((item.list.page_token for item in request.reads if item.list.page_token), "")
        if token:
            if token.split("/")[0] != self.name:
                await self.fail(context, NotLeader(token.split("/")[0]))
        else:
            await self._must_lead(context)
            revision = self.history.revision
        response = replica_pb2.ReadResponse(revision=revision, results=[self._result(item) for item in request.reads])
        await self._run(self.after, context)
        return response

    async def GetStatus(self, _request, context):  # noqa: N802 - the contract's name
        await self._run(self.before, context)
        status = admin_portal_pb2.ReplicaStatus(name=self.name, leader=self.history.leader)
        return replica_pb2.GetStatusResponse(status=status)

    async def _run(self, what, context) -> None:
        if what is not None:
            await what(context)

    async def _must_lead(self, context) -> None:
        if self.history.leader != self.name:
            await self.fail(context, NotLeader(self.history.leader if self.hint is None else self.hint))

    def _result(self, item):
        if item.WhichOneof("read") == "list":
            return self._page(item.list)
        document = self.history.get(kind_from_proto(item.get.kind), item.get.id)
        version = 0 if document is None else document.version
        digest = b"" if document is None else document_digest(encode_document(document))
        held = item.get.HasField("known_version") and item.get.HasField("known_digest")
        if held and (item.get.known_version, item.get.known_digest) == (version, digest):
            return replica_pb2.ReadResult(unchanged=replica_pb2.Unchanged())
        if document is None:
            return replica_pb2.ReadResult(absent=replica_pb2.Absent())
        return replica_pb2.ReadResult(document=encode_document(document))

    def _page(self, question):
        if question.page_token and question.page_token not in self.lists:
            expired = refused(Reason.PAGE_TOKEN_EXPIRED, "page_token")
            return replica_pb2.ReadResult(refused=refused_to_proto(expired))
        token = f"{self.name}/{len(self.lists)}"
        self.lists.add(token)
        return replica_pb2.ReadResult(page=replica_pb2.Page(next_page_token=token, revision=self.history.revision))

    @staticmethod
    async def fail(context, error) -> None:
        """End a call as a real replica does."""
        status = to_rpc_status(error)
        await context.abort(status.code, status.details, status.trailing_metadata)


class Replicas:
    """replica1 to replica3, and clients of them."""

    TEST_DEADLINE = TEST_DEADLINE

    def __init__(self) -> None:
        self.history = History()
        self.by_name = {name: FakeReplica(name, self.history) for name in ("replica1", "replica2", "replica3")}

    def __getitem__(self, number: int) -> FakeReplica:
        return self.by_name[f"replica{number}"]

    @property
    def addresses(self) -> dict[str, str]:
        return {name: replica.address for name, replica in self.by_name.items()}

    @property
    def executes(self) -> list[list[str]]:
        return [call for replica in self.by_name.values() for call in replica.executes]

    def lead(self, number: int) -> None:
        self.history.leader = f"replica{number}"

    def nobody_leads(self) -> None:
        self.history.leader = ""

    @asynccontextmanager
    async def client(self, addresses=None, registry=None, **options):
        client = ClusterClient(addresses or self.addresses, ClusterOptions(**options), registry=registry)
        try:
            yield client
        finally:
            await client.close()

    @staticmethod
    def create(number: int = 1) -> Request:
        return Request("", f"request-{number}", CreateCustomer(f"customer-{number}", "Ana"))

    @staticmethod
    async def hang(_context) -> None:
        """Never answer."""
        await asyncio.Event().wait()

    @staticmethod
    async def drop(context) -> None:
        """End the call as a broken connection does."""
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    eventually = staticmethod(eventually)


@pytest.fixture
async def replicas():
    replicas = Replicas()
    for replica in replicas.by_name.values():
        await replica.start()
    replicas.lead(1)
    yield replicas
    for replica in replicas.by_name.values():
        await replica.die()
