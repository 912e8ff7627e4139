"""Protocol Buffers messages and the domain's values, both ways."""

from collections.abc import Mapping
from typing import Any, Final, assert_never, get_args

from google.protobuf.message import DecodeError

from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.documents import OrderSummary, decode_document, encode_document, kind_of
from quitanda.codec.messages import MessageCodec
from quitanda.domain.commands import Command, Principal, Request, command_name
from quitanda.domain.model import Credential, Customer, Kind, Order, Product
from quitanda.domain.outcomes import Details, Done, Outcome, Problem, Reason, Refused, invalid
from quitanda.v1 import documents_pb2, replica_pb2

_KIND_TO_PROTO: Final[dict[Kind, replica_pb2.DocumentKind.ValueType]] = {
    Kind.CUSTOMER: replica_pb2.DOCUMENT_KIND_CUSTOMER,
    Kind.PRODUCT: replica_pb2.DOCUMENT_KIND_PRODUCT,
    Kind.ORDER: replica_pb2.DOCUMENT_KIND_ORDER,
    Kind.CREDENTIAL: replica_pb2.DOCUMENT_KIND_CREDENTIAL,
    Kind.WEBHOOK: replica_pb2.DOCUMENT_KIND_WEBHOOK,
}
_KIND_FROM_PROTO: Final = {number: kind for kind, number in _KIND_TO_PROTO.items()}

_COMMANDS: Final[Mapping[type[Command], tuple[str, MessageCodec[Any]]]] = {
    command: (name, MessageCodec(command, getattr(replica_pb2, f"{command.__name__}Command"), bounded=False))
    for command in get_args(Command)
    for name in [command_name(command)]
}
"""For each command its field in `Request.command` and its codec."""

_PRINCIPAL: Final = MessageCodec(Principal, replica_pb2.Principal)
_READERS: Final = {name: codec.read for name, codec in _COMMANDS.values()}
_WRITERS: Final = {command: (name, codec.write) for command, (name, codec) in _COMMANDS.items()}


def kind_to_proto(kind: Kind) -> replica_pb2.DocumentKind.ValueType:
    """Give the number that stands for a kind."""
    return _KIND_TO_PROTO[kind]


def kind_from_proto(number: int) -> Kind | None:
    """Give the kind that a number stands for; None where it stands for none."""
    return _KIND_FROM_PROTO.get(replica_pb2.DocumentKind.ValueType(number))


def request_to_proto(request: Request) -> replica_pb2.Request:
    """Write a command with its key."""
    name, write = _WRITERS[type(request.command)]
    command: dict[str, Any] = {name: write(request.command), "received_at_ms": request.received_at_ms}
    if request.principal is not None:
        command["principal"] = _PRINCIPAL.write(request.principal)
    return replica_pb2.Request(scope=request.scope, request_id=request.request_id, **command)


def request_from_proto(message: replica_pb2.Request) -> Request | Refused:
    """Read a command with its key; refused where it has none that this version knows, or malformed extra fields."""
    name = message.WhichOneof("command")
    if name is None:
        return invalid("request", Problem.MALFORMED)
    command = _READERS[name](getattr(message, name))
    if isinstance(command, Refused):
        return command
    principal = _PRINCIPAL.read(message.principal) if message.HasField("principal") else None
    return Request(message.scope, message.request_id, command, principal, message.received_at_ms)


def encode_request(request: Request) -> bytes:
    """Write a command with its key as the bytes that travel to the leader and stand in the log."""
    return request_to_proto(request).SerializeToString()


def outcome_to_proto(outcome: Outcome, revision: int, document: bytes | None = None) -> replica_pb2.Outcome:
    """Write an outcome and the log index at which it was decided; `document` as for `encode_outcome`."""
    match outcome:
        case Done():
            message = replica_pb2.Outcome(revision=revision)
            _fill_done(message.done, outcome, document)
            return message
        case Refused():
            return replica_pb2.Outcome(revision=revision, refused=refused_to_proto(outcome))
        case _:
            assert_never(outcome)


def outcome_from_proto(message: replica_pb2.Outcome) -> tuple[Outcome, int]:
    """Read an outcome and its log index; ValueError where it is neither done nor refused, or corrupt."""
    match message.WhichOneof("outcome"):
        case "done":
            return _done_from_proto(message.done), message.revision
        case "refused":
            return refused_from_proto(message.refused), message.revision
        case _:
            raise ValueError("an outcome that is neither done nor refused")


def encode_outcome(outcome: Outcome, revision: int, document: bytes | None = None) -> bytes:
    """Write an outcome as the bytes that are remembered and answered; equal outcomes have equal bytes.

    `document` is the stored form of the outcome's document, where the caller has it already.
    """
    # protobuf's maps have no order of their own, and the bytes are part of the state's digest
    return outcome_to_proto(outcome, revision, document).SerializeToString(deterministic=True)


def decode_outcome(data: bytes) -> tuple[Outcome, int]:
    """Read what `encode_outcome` wrote; ValueError where the bytes are no outcome."""
    try:
        message = replica_pb2.Outcome.FromString(data)
    except DecodeError as error:
        raise ValueError(f"not an outcome: {error}") from error
    return outcome_from_proto(message)


def _fill_done(message: replica_pb2.DoneOutcome, done: Done, document: bytes | None) -> None:
    """Write into the message that stands in the outcome: one made apart would be copied, which takes twice as long."""
    message.SetInParent()
    message.orders_affected = done.orders_affected
    if done.document is not None:
        message.kind = kind_to_proto(kind_of(done.document))
        message.document = encode_document(done.document) if document is None else document


def _done_from_proto(message: replica_pb2.DoneOutcome) -> Done:
    if not message.document:
        return Done(None, message.orders_affected)
    kind = kind_from_proto(message.kind)
    if kind is None:
        raise ValueError(f"a document of the unknown kind {message.kind}")
    return Done(decode_document(kind, message.document), message.orders_affected)


def refused_to_proto(refused: Refused) -> replica_pb2.RefusedOutcome:
    """Write a refusal."""
    return replica_pb2.RefusedOutcome(reason=refused.reason.value, field=refused.field, details=dict(refused.details))


def refused_from_proto(message: replica_pb2.RefusedOutcome) -> Refused:
    """Read a refusal; ValueError where this version does not know the reason."""
    details: Details = tuple(sorted(message.details.items()))
    return Refused(Reason(message.reason), message.field, details)


DOCUMENT_CODECS: Final[Mapping[Kind, MessageCodec[Any]]] = {
    Kind.CUSTOMER: MessageCodec(Customer, documents_pb2.Customer),
    Kind.PRODUCT: MessageCodec(Product, documents_pb2.Product),
    Kind.ORDER: MessageCodec(Order, documents_pb2.Order, bounded=False),
    Kind.CREDENTIAL: MessageCodec(Credential, documents_pb2.Credential),
}
"""How the gRPC contracts show each kind of document."""

SUMMARY_CODEC: Final = MessageCodec(OrderSummary, documents_pb2.OrderSummary)

FILTER_CODEC: Final = MessageCodec(DocumentFilter, replica_pb2.DocumentFilter)

FOUND_KINDS: Final = {
    Kind.PRODUCT: replica_pb2.ListItem.KIND_FOUND_PRODUCTS,
    Kind.CUSTOMER: replica_pb2.ListItem.KIND_FOUND_CUSTOMERS,
}
"""The lists of documents that pass a filter."""
