"""One server of `quitanda.v1.Replica` that keeps its state in memory: a second engine under the same contract.

It has one process, no Raft and no disk, so it keeps nothing when it ends. Tests use it where they need a server of the
contract that is simple enough to be plainly right, or, with one method changed, plainly wrong. As a process
(`python -m quitanda_testing.in_memory_replica`) it stands where a cluster's one replica would, with the same settings.
"""

import os
import secrets
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import wraps
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from quitanda.backup import DIGEST_KEY, StateDigest, encode_pairs
from quitanda.codec.documents import document_digest, encode_document, id_of, kind_of
from quitanda.codec.protobuf import kind_from_proto, outcome_to_proto, refused_to_proto, request_from_proto
from quitanda.domain.commands import RaiseLevel, Request
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from quitanda.domain.machine import execute
from quitanda.domain.model import Credential, Customer, Document, Kind, Order, Product
from quitanda.domain.outcomes import Problem, Reason, Refused, invalid, refused
from quitanda.domain.state import Change, Put
from quitanda.error_status import FailureSource, to_rpc_status
from quitanda.errors import QuitandaError, Rejected
from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, encode_feed
from quitanda.mqtt.topics import FEED_TOPIC
from quitanda.runtime.addresses import Address, parse_address
from quitanda.runtime.grpc_options import HEALTH_SERVICES, server_options
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.replica_pb2_grpc import ReplicaServicer, add_ReplicaServicer_to_server
from quitanda_testing.in_memory_state import InMemoryState

TERM: Final = 1
"""Nobody else ever leads, so there is one term."""
HEARTBEAT_SECONDS: Final = 0.25
_THREADS: Final = 32
_LISTED: Final = {
    pb.ListItem.KIND_CUSTOMERS: Kind.CUSTOMER,
    pb.ListItem.KIND_PRODUCTS: Kind.PRODUCT,
    pb.ListItem.KIND_ORDERS: Kind.ORDER,
    pb.ListItem.KIND_CREDENTIALS: Kind.CREDENTIAL,
}
_LETTERS: Final = {Kind.CUSTOMER: b"c", Kind.PRODUCT: b"p", Kind.ORDER: b"o", Kind.CREDENTIAL: b"t"}
_MEMORY: Final = b"r"

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class KeptList:
    """What is left of a list whose next page has a token: its question, its documents and its revision."""

    kind: pb.ListItem.Kind.ValueType
    customer_id: str
    documents: Sequence[Document]
    revision: int


def _with_status(method: Method) -> Method:
    """Turn the errors that a method raises into the status of the call."""

    @wraps(method)
    def answer(self: "InMemoryReplica", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except QuitandaError as error:
            failure: FailureSource = error.refused if isinstance(error, Rejected) else error
            context.abort_with_status(to_rpc_status(failure))

    return answer  # type: ignore[return-value]


class InMemoryReplica(ReplicaServicer):
    """Serves the contract; one lock makes every call one moment. `publish` takes the sealed messages of the feed."""

    def __init__(self, name: str, feed_key: FeedKey, publish: Callable[[bytes], object]) -> None:
        self.name = name
        self.state = InMemoryState()
        self.lock = threading.RLock()
        self.revision = 0
        self._last_changed = 0
        self._feed_key = feed_key
        self._publish = publish
        self._lists: dict[str, KeptList] = {}

    @_with_status
    def Execute(self, request: pb.ExecuteRequest, context: grpc.ServicerContext) -> pb.ExecuteResponse:  # noqa: ARG002, N802
        """Decide the requests in their order, as one entry."""
        with self.lock:
            if not request.requests:
                return pb.ExecuteResponse()
            self.revision += 1
            outcomes: list[bytes] = []
            changes: list[Change] = []
            for message in map(pb.Request.FromString, request.requests):
                outcome, changed = self.decide(message)
                outcomes.append(outcome.SerializeToString())
                changes += changed
            if changes:
                self.announce(changes)
            return pb.ExecuteResponse(outcomes=outcomes)

    @_with_status
    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> pb.ReadResponse:  # noqa: ARG002, N802
        """Answer all questions at one moment."""
        with self.lock:
            results = [self.answer(item) for item in request.reads]
            return pb.ReadResponse(revision=self.revision, results=results, term=TERM)

    @_with_status
    def GetStatus(self, request: pb.GetStatusRequest, context: grpc.ServicerContext) -> pb.GetStatusResponse:  # noqa: ARG002, N802
        """Tell the revision, the digest and how many documents there are."""
        with self.lock:
            counts = self.counts()
            status = admin.ReplicaStatus(
                name=self.name,
                reachable=True,
                role=admin.REPLICA_ROLE_LEADER,
                term=TERM,
                revision=self.revision,
                commit_index=self.revision,
                last_log_index=self.revision,
                leader=self.name,
                state_digest=self.digest(),
                supported_level=SUPPORTED_LEVEL,
                cluster_level=self.state.level,
                customers=counts[Kind.CUSTOMER],
                products=counts[Kind.PRODUCT],
                orders=counts[Kind.ORDER],
            )
            return pb.GetStatusResponse(status=status)

    @_with_status
    def TransferLeadership(  # noqa: N802
        self,
        request: admin.TransferLeadershipRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> admin.TransferLeadershipResponse:
        """Answer that this replica leads, which is all that can be: there is no other one."""
        if request.to and request.to != self.name:
            raise Rejected(invalid("to", Problem.UNKNOWN_VALUE))
        return admin.TransferLeadershipResponse(leader=self.name, term=TERM)

    def Backup(self, request: pb.BackupRequest, context: grpc.ServicerContext) -> Iterator[admin.BackupPart]:  # noqa: ARG002, N802
        """Send the state of this moment."""
        with self.lock:
            pairs = self.pairs()
            counts = self.counts()
            header = admin.BackupHeader(
                revision=self.revision,
                term=TERM,
                state_digest=self.digest(),
                keys_expected=len(pairs),
                replica=self.name,
                customers=counts[Kind.CUSTOMER],
                products=counts[Kind.PRODUCT],
                orders=counts[Kind.ORDER],
            )
        yield admin.BackupPart(header=header)
        yield admin.BackupPart(chunk=admin.BackupChunk(pairs=encode_pairs(pairs)))
        yield admin.BackupPart(trailer=admin.BackupTrailer(chunks=1, keys=len(pairs)))

    @_with_status
    def Verify(self, request: pb.VerifyRequest, context: grpc.ServicerContext) -> pb.VerifyResponse:  # noqa: ARG002, N802
        """Compute the digest; there is no disk on which another one could stand."""
        with self.lock:
            digest = self.digest()
            verification = admin.ReplicaVerification(
                name=self.name,
                reachable=True,
                revision=self.revision,
                keys=len(self.pairs()),
                computed_digest=digest,
                kept_digest=digest,
                compared_digest=digest if request.compared_revision == self.revision else "",
            )
            return pb.VerifyResponse(verification=verification)

    @_with_status
    def RaiseLevel(self, request: admin.RaiseLevelRequest, context: grpc.ServicerContext) -> admin.RaiseLevelResponse:  # noqa: ARG002, N802
        """Raise the level step by step; this server is the whole cluster, so it alone must support the level."""
        wanted = request.level or SUPPORTED_LEVEL
        if wanted > SUPPORTED_LEVEL:
            facts = {"level": wanted, "replica": self.name, "supported": SUPPORTED_LEVEL}
            raise Rejected(refused(Reason.LEVEL_NOT_SUPPORTED, "", **facts))
        with self.lock:
            for level in range(self.state.level + 1, wanted + 1):
                self.revision += 1
                raised = Request("", secrets.token_hex(8), RaiseLevel(level))
                self.state.apply(raised, execute(self.state, raised, self.revision))
            return admin.RaiseLevelResponse(level=self.state.level)

    def decide(self, message: pb.Request) -> tuple[pb.Outcome, Sequence[Change]]:
        """Decide one request and change the state; give its outcome and what it changed."""
        request = request_from_proto(message)
        if isinstance(request, Refused):
            return outcome_to_proto(request, self.revision), ()
        execution = execute(self.state, request, self.revision)
        self.state.apply(request, execution)
        return outcome_to_proto(execution.outcome, execution.revision), execution.changes

    def announce(self, changes: Sequence[Change]) -> None:
        """Publish what an entry changed, each document once, as it is now."""
        announced = {}
        for change in changes:
            told = (
                FeedChange.put(change.document)
                if isinstance(change, Put)
                else FeedChange.delete(change.kind, change.document_id)
            )
            announced[told.kind, told.document_id] = told
        message = FeedMessage(TERM, self.revision, self._last_changed, tuple(announced.values()))
        self._last_changed = self.revision
        self.tell(message)

    def heartbeat(self) -> None:
        """Publish that everything up to now was published."""
        with self.lock:
            self.tell(FeedMessage(TERM, self.revision, self._last_changed, ()))

    def tell(self, message: FeedMessage) -> None:
        """Publish one message of the feed."""
        self._publish(self._feed_key.seal(encode_feed(message)))

    def answer(self, item: pb.ReadItem) -> pb.ReadResult:
        """Answer one question."""
        match item.WhichOneof("read"):
            case "get":
                return self._get(item.get)
            case "list":
                page = self._page(item.list)
                return pb.ReadResult(refused=refused_to_proto(page)) if isinstance(page, Refused) else page
            case _:
                return pb.ReadResult(refused=refused_to_proto(invalid("reads", Problem.MALFORMED)))

    def document(self, kind: Kind, document_id: str) -> Document | None:
        """Find a document as it is now."""
        found: dict[Kind, Callable[[str], Document | None]] = {
            Kind.CUSTOMER: self.state.customer,
            Kind.PRODUCT: self.state.product,
            Kind.ORDER: self.state.order,
            Kind.CREDENTIAL: self.state.credential,
        }
        return found[kind](document_id)

    def holds(self, item: pb.GetItem, document: Document | None) -> bool:
        """Tell whether the asker holds the document, or knows that it is absent."""
        if not (item.HasField("known_version") and item.HasField("known_digest")):
            return False
        if document is None:
            return item.known_version == 0 and item.known_digest == b""
        return (item.known_version, item.known_digest) == (
            document.version,
            document_digest(encode_document(document)),
        )

    def rest(self, kept: KeptList) -> Sequence[Document]:
        """Give the documents that are left of a list."""
        return kept.documents

    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Give the whole state as keys and values, in the order of keys, with its digest among them."""
        pairs = [
            (_LETTERS[kind_of(document)] + id_of(document).encode(), encode_document(document))
            for document in self.state.documents()
        ]
        for (scope, request_id), stored in self.state.memories():
            key = _MEMORY + f"{scope}\0{request_id}".encode()
            pairs.append((key, f"{stored.fingerprint} {stored.revision}".encode()))
        digest = StateDigest()
        for key, value in pairs:
            digest.add(key, value)
        return sorted([*pairs, (DIGEST_KEY, bytes.fromhex(digest.computed))])

    def digest(self) -> str:
        """Compute the digest of the state (hexadecimal)."""
        return dict(self.pairs())[DIGEST_KEY].hex()

    def counts(self) -> Counter[Kind]:
        """Count the documents of each kind."""
        return Counter(map(kind_of, self.state.documents()))

    def _get(self, item: pb.GetItem) -> pb.ReadResult:
        kind = kind_from_proto(item.kind)
        if kind is None:
            return pb.ReadResult(refused=refused_to_proto(invalid("kind", Problem.UNKNOWN_VALUE)))
        document = self.document(kind, item.id)
        if self.holds(item, document):
            return pb.ReadResult(unchanged=pb.Unchanged())
        if document is None:
            return pb.ReadResult(absent=pb.Absent())
        return pb.ReadResult(document=encode_document(document))

    def _page(self, item: pb.ListItem) -> pb.ReadResult | Refused:
        if item.kind not in _LISTED:
            return invalid("kind", Problem.UNKNOWN_VALUE)
        if not 0 <= item.page_size <= PAGE_SIZE_MAX:
            return invalid("page_size", Problem.TOO_LARGE, limit=PAGE_SIZE_MAX)
        kept = self._lists.get(item.page_token) if item.page_token else self._first(item)
        if isinstance(kept, Refused):
            return kept
        if kept is None or (kept.kind, kept.customer_id) != (item.kind, item.customer_id):
            return invalid("page_token", Problem.UNKNOWN_VALUE)
        size = item.page_size or PAGE_SIZE_DEFAULT
        documents = self.rest(kept)
        page = pb.Page(documents=map(encode_document, documents[:size]), revision=kept.revision)
        if documents[size:]:
            page.next_page_token = secrets.token_urlsafe(16)
            left = KeptList(kept.kind, kept.customer_id, documents[size:], kept.revision)
            self._lists[page.next_page_token] = left
        return pb.ReadResult(page=page)

    def _first(self, item: pb.ListItem) -> KeptList | Refused:
        return self.listed(item.kind, item.customer_id)

    def listed(self, kind: pb.ListItem.Kind.ValueType, customer_id: str) -> KeptList | Refused:
        """Begin a list of what there is now."""
        documents: list[Customer] | list[Product] | list[Order] | list[Credential]
        match _LISTED[kind]:
            case Kind.CUSTOMER:
                documents = list(self.state.customers())
            case Kind.PRODUCT:
                documents = list(self.state.products())
            case Kind.ORDER:
                if self.state.customer(customer_id) is None:
                    return refused(Reason.CUSTOMER_NOT_FOUND, "customer_id", customer_id=customer_id)
                documents = [order for order in self.state.orders() if order.customer_id == customer_id]
            case Kind.CREDENTIAL:
                documents = [each for each in self.state.credentials() if each.customer_id == customer_id]
        return KeptList(kind, customer_id, tuple(documents), self.revision)


class InMemoryService:
    """An InMemoryReplica on a port of this machine, with its heartbeats and its connection to the broker."""

    def __init__(
        self, address: Address, broker: Address, feed_key: str, kind: type[InMemoryReplica] = InMemoryReplica
    ) -> None:
        """Prepare everything; `kind` is the class of the replica. Nothing runs before `with`."""
        self.address = address
        self._broker = broker
        self._mqtt = Client(CallbackAPIVersion.VERSION2, client_id=f"in-memory-{secrets.token_hex(4)}")
        self.replica = kind("replica1", FeedKey.derive(feed_key), lambda sealed: self._mqtt.publish(FEED_TOPIC, sealed))
        self._server = grpc.server(ThreadPoolExecutor(_THREADS), options=server_options())
        add_ReplicaServicer_to_server(self.replica, self._server)
        healthy = health.HealthServicer()
        for service in HEALTH_SERVICES:
            healthy.set(service, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(healthy, self._server)
        self._server.add_insecure_port(str(address))
        self._ending = threading.Event()
        self._heartbeats = threading.Thread(target=self._beat)

    def __enter__(self) -> Self:
        self._mqtt.connect(self._broker.host, self._broker.port)
        self._mqtt.loop_start()
        self._server.start()
        self._heartbeats.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._heartbeats.join()
        self._server.stop(None).wait()
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def _beat(self) -> None:
        while not self._ending.wait(HEARTBEAT_SECONDS):
            self.replica.heartbeat()


def main() -> None:
    """Serve until SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    listen, broker = (parse_address(os.environ[f"QUITANDA_{name}"]) for name in ("LISTEN", "MQTT"))
    with InMemoryService(listen, broker, os.environ["QUITANDA_FEED_KEY"]):
        ended.wait()


if __name__ == "__main__":
    main()
