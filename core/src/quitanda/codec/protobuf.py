"""Protocol Buffers messages and the domain's values, both ways."""

from dataclasses import replace
from typing import Final, assert_never

from quitanda.codec.custom_fields import extra_from_map
from quitanda.codec.documents import OrderSummary, decode_document, encode_document, kind_of
from quitanda.codec.proto_commands import COMMAND_FIELDS, COMMAND_READERS
from quitanda.domain.commands import Request
from quitanda.domain.model import Customer, Document, Kind, Order, OrderItem, Product
from quitanda.domain.outcomes import Details, Done, Outcome, Problem, Reason, Refused, invalid
from quitanda.v1 import documents_pb2, replica_pb2

__all__ = [
    "by_command_field",
    "by_message_field",
    "customer_from_proto",
    "customer_to_proto",
    "document_to_proto",
    "extra_from_map",
    "kind_from_proto",
    "kind_to_proto",
    "order_from_proto",
    "order_to_proto",
    "outcome_from_proto",
    "outcome_to_proto",
    "product_from_proto",
    "product_to_proto",
    "refused_from_proto",
    "refused_to_proto",
    "request_from_proto",
    "request_to_proto",
    "summary_from_proto",
    "summary_to_proto",
]

_KIND_TO_PROTO: Final[dict[Kind, replica_pb2.DocumentKind.ValueType]] = {
    Kind.CUSTOMER: replica_pb2.DOCUMENT_KIND_CUSTOMER,
    Kind.PRODUCT: replica_pb2.DOCUMENT_KIND_PRODUCT,
    Kind.ORDER: replica_pb2.DOCUMENT_KIND_ORDER,
}
_KIND_FROM_PROTO: Final = {number: kind for kind, number in _KIND_TO_PROTO.items()}

_MESSAGE_FIELDS: Final = {"price": "price_minor_units"}
"""Fields of commands that have another name in the administrators' messages."""

_COMMAND_FIELDS: Final = {there: here for here, there in _MESSAGE_FIELDS.items()}


def kind_to_proto(kind: Kind) -> replica_pb2.DocumentKind.ValueType:
    """Give the number that stands for a kind."""
    return _KIND_TO_PROTO[kind]


def kind_from_proto(number: int) -> Kind | None:
    """Give the kind that a number stands for; None where it stands for none."""
    return _KIND_FROM_PROTO.get(replica_pb2.DocumentKind.ValueType(number))


def request_to_proto(request: Request) -> replica_pb2.Request:
    """Write a command with its key."""
    field, to_proto = COMMAND_FIELDS[type(request.command)]
    message = replica_pb2.Request(scope=request.scope, request_id=request.request_id)
    getattr(message, field).CopyFrom(to_proto(request.command))
    return message


def request_from_proto(message: replica_pb2.Request) -> Request | Refused:
    """Read a command with its key; refused where it has none that this version knows, or malformed extra fields."""
    field = message.WhichOneof("command")
    if field is None:
        return invalid("request", Problem.MALFORMED)
    command = COMMAND_READERS[field](getattr(message, field))
    if isinstance(command, Refused):
        return command
    return Request(message.scope, message.request_id, command)


def outcome_to_proto(outcome: Outcome, revision: int) -> replica_pb2.Outcome:
    """Write an outcome and the log index at which it was decided."""
    match outcome:
        case Done():
            return replica_pb2.Outcome(revision=revision, done=_done_to_proto(outcome))
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


def _done_to_proto(done: Done) -> replica_pb2.DoneOutcome:
    if done.document is None:
        return replica_pb2.DoneOutcome(orders_affected=done.orders_affected)
    return replica_pb2.DoneOutcome(
        kind=kind_to_proto(kind_of(done.document)),
        document=encode_document(done.document),
        orders_affected=done.orders_affected,
    )


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


def by_message_field(refused: Refused) -> Refused:
    """Name the field at fault as the administrators' messages do, for a refusal that names it as commands do."""
    return replace(refused, field=_MESSAGE_FIELDS.get(refused.field, refused.field))


def by_command_field(refused: Refused) -> Refused:
    """Name the field at fault as commands do, for a refusal that names it as the administrators' messages do."""
    return replace(refused, field=_COMMAND_FIELDS.get(refused.field, refused.field))


def customer_to_proto(customer: Customer) -> documents_pb2.Customer:
    """Write a customer."""
    return documents_pb2.Customer(
        customer_id=customer.customer_id, name=customer.name, extra=dict(customer.extra), version=customer.version
    )


def customer_from_proto(message: documents_pb2.Customer) -> Customer:
    """Read a customer."""
    return Customer(message.customer_id, message.name, tuple(sorted(message.extra.items())), message.version)


def product_to_proto(product: Product) -> documents_pb2.Product:
    """Write a product."""
    return documents_pb2.Product(
        product_id=product.product_id,
        name=product.name,
        description=product.description,
        price_minor_units=product.price,
        quantity=product.quantity,
        extra=dict(product.extra),
        version=product.version,
    )


def product_from_proto(message: documents_pb2.Product) -> Product:
    """Read a product."""
    return Product(
        message.product_id,
        message.name,
        message.description,
        message.price_minor_units,
        message.quantity,
        tuple(sorted(message.extra.items())),
        message.version,
    )


def order_to_proto(order: Order) -> documents_pb2.Order:
    """Write an order with its totals."""
    return documents_pb2.Order(
        order_id=order.order_id,
        customer_id=order.customer_id,
        created_at_ms=order.created_at_ms,
        items=[_item_to_proto(item) for item in order.items],
        total_minor_units=order.total,
        version=order.version,
        extra=dict(order.extra),
    )


def order_from_proto(message: documents_pb2.Order) -> Order:
    """Read an order; its totals follow from the items."""
    return Order(
        message.order_id,
        message.customer_id,
        message.created_at_ms,
        tuple(_item_from_proto(item) for item in message.items),
        message.version,
        tuple(sorted(message.extra.items())),
    )


def _item_to_proto(item: OrderItem) -> documents_pb2.OrderItem:
    return documents_pb2.OrderItem(
        product_id=item.product_id,
        quantity=item.quantity,
        name=item.name,
        unit_price_minor_units=item.unit_price,
        total_minor_units=item.total,
        extra=dict(item.extra),
    )


def _item_from_proto(message: documents_pb2.OrderItem) -> OrderItem:
    return OrderItem(
        message.product_id,
        message.name,
        message.unit_price_minor_units,
        message.quantity,
        tuple(sorted(message.extra.items())),
    )


def document_to_proto(document: Document) -> documents_pb2.Customer | documents_pb2.Product | documents_pb2.Order:
    """Write any document."""
    match document:
        case Customer():
            return customer_to_proto(document)
        case Product():
            return product_to_proto(document)
        case Order():
            return order_to_proto(document)
        case _:
            assert_never(document)


def summary_to_proto(summary: OrderSummary) -> documents_pb2.OrderSummary:
    """Write one line of a list of orders."""
    return documents_pb2.OrderSummary(
        order_id=summary.order_id,
        created_at_ms=summary.created_at_ms,
        item_count=summary.item_count,
        total_minor_units=summary.total,
        version=summary.version,
    )


def summary_from_proto(message: documents_pb2.OrderSummary) -> OrderSummary:
    """Read one line of a list of orders."""
    return OrderSummary(
        message.order_id, message.created_at_ms, message.item_count, message.total_minor_units, message.version
    )
