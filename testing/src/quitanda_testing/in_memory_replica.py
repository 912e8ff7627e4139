"""One server of `quitanda.v1.Replica` that keeps its state in memory: a second engine under the same contract.

It has one process, no Raft and no disk, so it keeps nothing when it ends. Tests use it where they need a server of the
contract that is simple enough to be plainly right, or, with one method changed, plainly wrong.
`in_memory_service` runs it.
"""

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Final, TypeVar

import grpc

from quitanda.backup import DIGEST_KEY, StateDigest, encode_pairs
from quitanda.codec.document_filters import check_filter, passes, searched_fields
from quitanda.codec.documents import document_digest, encode_document, id_of, kind_of
from quitanda.codec.protobuf import (
    FILTER_CODEC,
    FOUND_KINDS,
    kind_from_proto,
    outcome_to_proto,
    refused_to_proto,
    request_from_proto,
)
from quitanda.codec.webhooks import lease_text, webhook_text
from quitanda.domain.commands import RaiseLevel, Request
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.limits import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX
from quitanda.domain.machine import execute
from quitanda.domain.model import Document, Kind, Order
from quitanda.domain.order_states import is_live
from quitanda.domain.outcomes import Problem, Reason, Refused, invalid, refused
from quitanda.domain.state import Change, Put
from quitanda.errors import QuitandaError, Rejected
from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import FeedChange, FeedMessage, encode_feed
from quitanda.rpc_status import to_rpc_status
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.replica_pb2_grpc import ReplicaServicer
from quitanda_testing.in_memory_state import InMemoryHistory, InMemoryState

TERM: Final = 1
"""Nobody else ever leads, so there is one term."""
_LISTED: Final = {
    pb.ListItem.KIND_CUSTOMERS: Kind.CUSTOMER,
    pb.ListItem.KIND_PRODUCTS: Kind.PRODUCT,
    pb.ListItem.KIND_ORDERS: Kind.ORDER,
    pb.ListItem.KIND_CREDENTIALS: Kind.CREDENTIAL,
    **{number: kind for kind, number in FOUND_KINDS.items()},
}
_CLOSED_ORDER: Final = b"k"
_LETTERS: Final = {Kind.CUSTOMER: b"c", Kind.PRODUCT: b"p", Kind.ORDER: b"o", Kind.CREDENTIAL: b"t"}
_MEMORY: Final = b"r"
_RECORD: Final = b"h"
_QUESTION: Final = ("kind", "customer_id", "document_kind", "document_id", "states", "filter")
"""What says which list it is."""

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class KeptList:
    """What is left of a list whose next page has a token: its question, its encoded documents and its revision."""

    item: pb.ListItem
    documents: Sequence[bytes]
    revision: int


def _with_status(method: Method) -> Method:
    """Turn the errors that a method raises into the status of the call."""

    @wraps(method)
    def answer(self: "InMemoryReplica", request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except QuitandaError as error:
            context.abort_with_status(to_rpc_status(error))

    return answer  # type: ignore[return-value]


class InMemoryReplica(ReplicaServicer):
    """Serves the contract; one lock makes every call one moment. `publish` takes the sealed messages of the feed."""

    def __init__(self, name: str, feed_key: FeedKey, publish: Callable[[bytes], object]) -> None:
        self.name = name
        self.state = InMemoryState()
        self.history = InMemoryHistory()
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
        self.history.record(self.state, request, execution, self.revision)
        self.state.apply(request, execution)
        return outcome_to_proto(execution.outcome, execution.revision), execution.changes

    def announce(self, changes: Sequence[Change]) -> None:
        """Publish what an entry changed, each document once, as it is now."""
        announced = {}
        for change in changes:
            told = (
                _told_put(change.document)
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
            case "webhooks":
                found = filter(None, map(self.state.webhook, self.state.webhook_ids(PAGE_SIZE_MAX)))
                webhooks = [webhook_text(each).encode() for each in found]
                lease = lease_text(self.state.sender_lease()).encode()
                return pb.ReadResult(webhooks=pb.WebhooksResult(webhooks=webhooks, lease=lease))
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

    def rest(self, kept: KeptList) -> Sequence[bytes]:
        """Give the documents that are left of a list."""
        return kept.documents

    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Give the whole state as keys and values, in the order of keys, with its digest among them."""
        pairs = [
            (_letter(document) + id_of(document).encode(), encode_document(document))
            for document in self.state.documents()
        ]
        for (scope, request_id), stored in self.state.memories():
            key = _MEMORY + f"{scope}\0{request_id}".encode()
            pairs.append((key, f"{stored.fingerprint} {stored.revision}".encode()))
        pairs += [(_RECORD + number.to_bytes(8, "big"), record) for number, record in self.history.records.items()]
        digest = StateDigest()
        for key, value in pairs:
            digest.add(key, value)
        return sorted([*pairs, (DIGEST_KEY, bytes.fromhex(digest.computed))])

    def digest(self) -> str:
        """Compute the digest of the state (hexadecimal)."""
        return dict(self.pairs())[DIGEST_KEY].hex()

    def counts(self) -> Counter[Kind]:
        """Count the documents of each kind."""
        live = (each for each in self.state.documents() if not isinstance(each, Order) or is_live(each))
        return Counter(map(kind_of, live))

    def _get(self, item: pb.GetItem) -> pb.ReadResult:
        kind = kind_from_proto(item.kind)
        if kind not in _LETTERS:
            return pb.ReadResult(refused=refused_to_proto(invalid("kind", Problem.UNKNOWN_VALUE)))
        document = self.document(kind, item.id)
        if document is None and kind is Kind.ORDER and item.include_closed:
            document = self.state.closed_order(item.id)
        if self.holds(item, document):
            return pb.ReadResult(unchanged=pb.Unchanged())
        if document is None:
            return pb.ReadResult(absent=pb.Absent())
        return pb.ReadResult(document=encode_document(document))

    def _page(self, item: pb.ListItem) -> pb.ReadResult | Refused:
        if not 0 <= item.page_size <= PAGE_SIZE_MAX:
            return invalid("page_size", Problem.TOO_LARGE, limit=PAGE_SIZE_MAX)
        kept = self._lists.get(item.page_token) if item.page_token else self.listed(item)
        if isinstance(kept, Refused):
            return kept
        if kept is None or any(getattr(kept.item, name) != getattr(item, name) for name in _QUESTION):
            return invalid("page_token", Problem.UNKNOWN_VALUE)
        size = item.page_size or PAGE_SIZE_DEFAULT
        documents = self.rest(kept)
        page = pb.Page(documents=documents[:size], revision=kept.revision)
        if documents[size:]:
            page.next_page_token = secrets.token_urlsafe(16)
            self._lists[page.next_page_token] = replace(kept, documents=documents[size:])
        return pb.ReadResult(page=page)

    def listed(self, item: pb.ListItem) -> KeptList | Refused:
        """Begin a list of what there is now."""
        if item.kind == pb.ListItem.KIND_HISTORY:
            changed = kind_from_proto(item.document_kind)
            if changed is None:
                return invalid("kind", Problem.UNKNOWN_VALUE)
            return KeptList(item, self.changes_of(changed, item.document_id), self.revision)
        if item.kind not in _LISTED:
            return invalid("kind", Problem.UNKNOWN_VALUE)
        kind = _LISTED[item.kind]
        if kind is Kind.ORDER and self.state.customer(item.customer_id) is None:
            return refused(Reason.CUSTOMER_NOT_FOUND, "customer_id", customer_id=item.customer_id)
        found = self._documents(kind, item.customer_id, item.states)
        if item.kind in FOUND_KINDS.values():
            wanted = FILTER_CODEC.read(item.filter)
            if wrong := check_filter(wanted):
                return wrong
            is_wanted = passes(wanted)
            found = (each for each in found if is_wanted(searched_fields(each)))
        return KeptList(item, [encode_document(each) for each in found], self.revision)

    def changes_of(self, kind: Kind, document_id: str) -> Sequence[bytes]:
        """Give the encoded entries of a document's history, the newest first."""
        return self.history.entries(kind, document_id)

    def _documents(self, kind: Kind, customer_id: str, states: Sequence[str]) -> Iterator[Document]:
        match kind:
            case Kind.CUSTOMER:
                yield from self.state.customers()
            case Kind.PRODUCT:
                yield from self.state.products()
            case Kind.ORDER:
                yield from self.state.orders_in_states(customer_id, states)
            case Kind.CREDENTIAL:
                yield from (each for each in self.state.credentials() if each.customer_id == customer_id)


def _told_put(document: Document) -> FeedChange:
    """Say what the feed tells of a document: an order that is closed leaves the live ones, of which alone it tells."""
    if isinstance(document, Order) and not is_live(document):
        return FeedChange.delete(Kind.ORDER, document.order_id)
    return FeedChange.put(document)


def _letter(document: Document) -> bytes:
    return _CLOSED_ORDER if isinstance(document, Order) and not is_live(document) else _LETTERS[kind_of(document)]
