"""The service under test: some replicas at some addresses, and the broker on which their leader publishes."""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import grpc
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from quitanda.errors import NotLeader, OutcomeUnknown, QuitandaError, Unavailable
from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import FeedMessage, decode_feed
from quitanda.mqtt.topics import FEED_TOPIC
from quitanda.rpc_status import from_rpc_error
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.replica_pb2_grpc import ReplicaStub

CALL_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
"""How long a call is repeated while no replica can answer it, for example during an election."""
FEED_SECONDS: Final = 15.0

Answer = TypeVar("Answer")


class ContractBroken(AssertionError):
    """The service did what the contract rules out; the text says what."""


def expect(truth: object, promise: str) -> None:
    """Raise ContractBroken with the promise unless it was kept."""
    if not truth:
        raise ContractBroken(promise)


def wait_for(probe: Callable[[], Answer | None], promise: str, seconds: float = ANSWER_SECONDS) -> Answer:
    """Give what the probe gives as soon as it gives something; raise ContractBroken with the promise otherwise."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(0.02)
    raise ContractBroken(f"{promise}, within {seconds:g} s")


@dataclass(frozen=True)
class Target:
    """Where the service is: `host:port` by the replica's name, of the broker, and the key that seals the feed."""

    replicas: Mapping[str, str]
    broker: str
    feed_key: str


@dataclass
class Backup:
    """The parts of one backup."""

    header: admin.BackupHeader | None = None
    chunks: list[bytes] = field(default_factory=list)
    trailer: admin.BackupTrailer | None = None
    parts: list[admin.BackupPart] = field(default_factory=list)


class Feed:
    """Everything that is published on the feed's topic from the moment on when this was made."""

    def __init__(self, broker: str, key: FeedKey) -> None:
        self._key = key
        self._messages: SimpleQueue[bytes] = SimpleQueue()
        subscribed: SimpleQueue[bool] = SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"contract-{secrets.token_hex(4)}")
        self._client.on_connect = lambda client, *_: client.subscribe(FEED_TOPIC)
        self._client.on_subscribe = lambda *_: subscribed.put(True)
        self._client.on_message = self._heard
        host, _, port = broker.rpartition(":")
        self._client.connect(host, int(port))
        self._client.loop_start()
        subscribed.get(timeout=FEED_SECONDS)

    def next(self, promise: str) -> FeedMessage:
        """Give the next message. Raises ContractBroken where none comes, or one that was not sealed with the key."""
        try:
            payload = self._messages.get(timeout=FEED_SECONDS)
        except Empty:
            raise ContractBroken(f"{promise}: nothing was published for {FEED_SECONDS:g} s") from None
        try:
            return decode_feed(self._key.open(payload))
        except ValueError as error:
            raise ContractBroken(
                f"every message of the feed can be opened with the feed's key, and read: {error}"
            ) from error

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _heard(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self._messages.put(bytes(message.payload))


class Service:
    """Calls the replicas as portals do: it finds the leader, and repeats what may not have happened with the same ids.

    It gives outcomes, refusals and documents as they travel, so that the checks see what a portal would see.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._closing = ExitStack()
        self._stubs = {name: self._stub(address) for name, address in target.replicas.items()}
        self._feed_key = FeedKey.derive(target.feed_key)
        self._prefix = f"k{secrets.token_hex(3)}"
        self._numbers = count(1)
        self._likely_leader = next(iter(self._stubs))

    def close(self) -> None:
        """Close every connection."""
        self._closing.close()

    def new_id(self, kind: str = "id") -> str:
        """Give an id that nothing has: a product's, a request's, ... Later ids of a kind sort behind earlier ones."""
        return f"{self._prefix}-{kind}-{next(self._numbers):06}"

    def request(self, request_id: str | None = None, scope: str = "", **command: Any) -> pb.Request:
        """Make a request, with a new id unless one is given: `request(delete_customer={"customer_id": "ana"})`."""
        return pb.Request(scope=scope, request_id=request_id or self.new_id("request"), **command)

    def feed(self) -> Feed:
        """Begin to listen to the feed; to be closed."""
        return Feed(self.target.broker, self._feed_key)

    def execute(self, *requests: pb.Request) -> list[pb.Outcome]:
        """Execute the requests in one call at the leader; an unknown outcome is asked for again, with the same ids."""
        call = execute_request(*requests)
        outcomes = outcomes_of(self.at_leader(lambda stub: stub.Execute(call, timeout=CALL_SECONDS)))
        expect(len(outcomes) == len(requests), "Execute gives one outcome for each request")
        return outcomes

    def done(self, *requests: pb.Request) -> list[pb.Outcome]:
        """Execute the requests; each must be done."""
        outcomes = self.execute(*requests)
        for outcome in outcomes:
            expect(outcome.HasField("done"), f"a valid command is done: {outcome}")
        return outcomes

    def read(self, *items: pb.ReadItem) -> pb.ReadResponse:
        """Read at the leader, or, for a further page, wherever NOT_LEADER says that its list began."""
        call = pb.ReadRequest(reads=items)
        response: pb.ReadResponse = self.at_leader(lambda stub: stub.Read(call, timeout=CALL_SECONDS))
        expect(len(response.results) == len(items), "Read gives one result for each question")
        return response

    def page(self, item: pb.ListItem) -> pb.Page:
        """Read one page, which must not be refused."""
        (result,) = self.read(pb.ReadItem(list=item)).results
        expect(result.HasField("page"), f"a list is answered with a page: {result}")
        return result.page

    def status(self, name: str) -> admin.ReplicaStatus:
        """Give what the replica knows of itself."""
        answer: pb.GetStatusResponse = self.stub(name).GetStatus(pb.GetStatusRequest(), timeout=CALL_SECONDS)
        return answer.status

    def leader(self) -> str:
        """Name the replica that leads and can answer a read."""
        self.read()
        return self._likely_leader

    def backup(self, between: Callable[[], object] = lambda: None) -> Backup:
        """Read a backup from the leader; `between` is called once the header is there."""
        backup = Backup()
        for part in self.stub(self.leader()).Backup(pb.BackupRequest(), timeout=ANSWER_SECONDS):
            backup.parts.append(part)
            match part.WhichOneof("part"):
                case "header":
                    backup.header = part.header
                    between()
                case "chunk":
                    backup.chunks.append(part.chunk.pairs)
                case "trailer":
                    backup.trailer = part.trailer
        return backup

    def stub(self, name: str) -> Any:
        """Give the stub of one replica, whose calls raise grpc.RpcError."""
        return self._stubs[name]

    def at_leader(self, call: Callable[[Any], Answer]) -> Answer:
        """Make the call at the leader. Raises QuitandaError where no replica answers in time, or it is refused."""
        deadline = time.monotonic() + ANSWER_SECONDS
        name = self._likely_leader
        while True:
            try:
                answer = call(self._stubs[name])
            except grpc.RpcError as error:
                failure = failure_of(error)
                if not isinstance(failure, Unavailable | OutcomeUnknown) or time.monotonic() > deadline:
                    raise failure from error
                name = self._next(name, failure)
            else:
                self._likely_leader = name
                return answer

    def _next(self, name: str, failure: QuitandaError) -> str:
        if isinstance(failure, NotLeader) and failure.leader in self._stubs:
            return failure.leader
        time.sleep(0.05)
        names = list(self._stubs)
        return names[(names.index(name) + 1) % len(names)]

    def _stub(self, address: str) -> Any:
        channel = self._closing.enter_context(grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]))
        return ReplicaStub(channel)


def failure_of(error: grpc.RpcError) -> QuitandaError:
    """Read the error of a call; a refusal of the whole call is ContractBroken where nobody expects it."""
    failure = from_rpc_error(error)
    if isinstance(failure, QuitandaError):
        return failure
    raise ContractBroken(f"a call that is well formed is not refused as a whole: {failure}") from error


def execute_request(*requests: pb.Request) -> pb.ExecuteRequest:
    """Put requests into one call."""
    return pb.ExecuteRequest(requests=[request.SerializeToString() for request in requests])


def outcomes_of(response: pb.ExecuteResponse) -> list[pb.Outcome]:
    """Give the outcomes of a call."""
    return [pb.Outcome.FromString(outcome) for outcome in response.outcomes]


def get(kind: pb.DocumentKind.ValueType, document_id: str, **known: Any) -> pb.ReadItem:
    """Make the question for one document; `known_version` and `known_digest` say what the asker holds."""
    return pb.ReadItem(get=pb.GetItem(kind=kind, id=document_id, **known))
