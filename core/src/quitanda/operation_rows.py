"""The kinds of rows in the table of operations (`quitanda.operations`, which says what each function is for)."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Final, TypeAlias

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from quitanda.codec.documents import (
    OrderSummary,
    present_document,
    read_shown_document,
)
from quitanda.codec.protobuf import DOCUMENT_CODECS
from quitanda.codec.queries import (
    FindOrders,
    GetDocument,
    ListDocuments,
)
from quitanda.domain.commands import (
    Command,
)
from quitanda.domain.model import CallerRole, Credential, Customer, Document, Kind, Order, Product
from quitanda.domain.outcomes import Refused
from quitanda.v1 import admin_portal_pb2, client_portal_pb2

REPLY_FIELDS: Final = frozenset({"request_id", "reply_to", "correlation"})
"""Fields of a request over MQTT that say how it is answered, not what is asked."""

TOKEN_FIELD: Final = "token"  # noqa: S105 - the name of a field
"""The field of a request over MQTT by which the customer proves who asks, and of an answer that gives out a token."""

ADMINISTRATOR: Final = frozenset({CallerRole.ADMIN})
ADMINISTRATORS_AND_READERS: Final = frozenset({CallerRole.ADMIN, CallerRole.READ_ONLY})
STAFF: Final = frozenset({CallerRole.ADMIN, CallerRole.CLERK, CallerRole.READ_ONLY})
EVERY_ROLE_OF_STAFF: Final = STAFF | {CallerRole.METRICS}
STAFF_AND_CUSTOMERS: Final = STAFF | {CallerRole.CUSTOMER}
"""Who may ask for an operation that only shows something."""

CUSTOMER_FIELD: Final = "customer_id"
_DOCUMENT_TYPES: Final = {
    Kind.CUSTOMER: Customer,
    Kind.PRODUCT: Product,
    Kind.ORDER: Order,
    Kind.CREDENTIAL: Credential,
}


class PortalKind(Enum):
    """The two portals, by the names of their services."""

    ADMIN = "AdminPortal"
    CLIENT = "ClientPortal"

    @property
    def service(self) -> ServiceDescriptor:
        """The gRPC service."""
        file = admin_portal_pb2 if self is PortalKind.ADMIN else client_portal_pb2
        service: ServiceDescriptor = file.DESCRIPTOR.services_by_name[self.value]
        return service

    @property
    def names_customer(self) -> bool:
        """Whether every request says which customer asks, who must be registered and is the scope of request ids."""
        return self is PortalKind.CLIENT


Asked: TypeAlias = Command | GetDocument | ListDocuments | FindOrders


@dataclass(frozen=True, slots=True)
class OperationAnswer:
    """What an operation came to, as of `revision` (a log index).

    `documents` is the page of a list, or the one document, or empty after a deletion. At a portal a page of a list of
    orders holds the orders, at a client their summaries.
    """

    revision: int
    documents: tuple[Document | OrderSummary, ...] = ()
    next_page_token: str = ""
    orders_affected: int = 0
    request_id: str = ""
    token: str = field(default="", repr=False)
    """The token of a credential that was made or got a new secret, where its holder shall learn it by this answer."""


@dataclass(frozen=True)
class Operation(ABC):
    """What all rows have: `name` is in snake case, and a portal has each name once."""

    name: str
    portal: PortalKind

    @property
    @abstractmethod
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it, where callers must prove who they are."""

    @property
    def label(self) -> str:
        """The name of the gRPC method, such as `CreateOrder`."""
        return "".join(map(str.capitalize, self.name.split("_")))

    @property
    def path(self) -> str:
        """The path of the gRPC method, such as `/quitanda.v1.ClientPortal/CreateOrder`."""
        return f"/{self.portal.service.full_name}/{self.label}"

    @cached_property
    def method(self) -> MethodDescriptor:
        """The gRPC method. Raises KeyError where the service has none of this name."""
        method: MethodDescriptor = self.portal.service.methods_by_name[self.label]
        return method

    @cached_property
    def request_class(self) -> type[Message]:
        """The class of its request message."""
        return GetMessageClass(self.method.input_type)

    @cached_property
    def response_class(self) -> type[Message]:
        """The class of its response message; of a stream, of its parts."""
        return GetMessageClass(self.method.output_type)

    @property
    def streams(self) -> bool:
        """Whether the response is a stream."""
        return False

    @property
    def writes(self) -> bool:
        """Whether it carries a command, and with that a request id."""
        return False


@dataclass(frozen=True)
class ClusterOperation(Operation):
    """An operation on the cluster as such.

    `without_leader`: it helps while no leader can say who calls, and changes nothing. A portal then lets in whom it
    knows from before.
    """

    shown_to: frozenset[CallerRole] = ADMINISTRATOR
    answers_with_stream: bool = False
    without_leader: bool = False

    @property
    def streams(self) -> bool:
        """Whether the response is a stream."""
        return self.answers_with_stream

    @property
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it."""
        return self.shown_to


@dataclass(frozen=True)
class PasswordOperation(Operation):
    """An operation with a password. Only portals with an identity have it; its messages are the portal's own business.

    `of_roles`: which callers may ask for it. `proved`: they must prove who they are, as for every other operation.
    """

    of_roles: frozenset[CallerRole]
    proved: bool = True

    @property
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it."""
        return self.of_roles

    @property
    def writes(self) -> bool:
        """Whether it carries a command, and with that a request id.

        Signing in does not: a session of which nobody has the token is as good as none, and ends by itself.
        """
        return self.proved


@dataclass(frozen=True)
class CertificateOperation(Operation):
    """The operation that gives a customer a certificate for the broker. Only portals with an identity have it."""

    @property
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it: whoever may see the customer's orders, as its holder sees the replies."""
        return STAFF_AND_CUSTOMERS


@dataclass(frozen=True)
class DocumentOperation(Operation, ABC):
    """What the rows about documents have: `kind` says which documents."""

    kind: Kind

    @cached_property
    def result_field(self) -> str:
        """The response's field for the document or the page; empty where there is none."""
        names: Iterable[str] = self.response_class.DESCRIPTOR.fields_by_name
        return next((name for name in names if name in {self.kind.value, f"{self.kind.value}s"}), "")

    @property
    def count_field(self) -> str:
        """The response's field for the number of orders that a deletion cancelled or changed; usually empty."""
        return ""

    @abstractmethod
    def from_message(self, message: Any, generated: Mapping[str, Any] | None = None) -> Asked | Refused:
        """Read the request message."""

    @abstractmethod
    def from_fields(
        self, customer_id: str, fields: Mapping[str, Any], generated: Mapping[str, Any] | None = None
    ) -> Asked | Refused:
        """Read the JSON object of a request over MQTT, whose topic names the customer."""

    @abstractmethod
    def to_message(self, asked: Any, request_id: str = "") -> Any:
        """Write the request message; Refused where no message can hold a number."""

    @abstractmethod
    def to_fields(self, asked: Any) -> dict[str, Any] | Refused:
        """Write the JSON object of a request over MQTT; Refused where a custom field is not JSON."""

    def response(self, answer: OperationAnswer) -> Any:
        """Write the response. Raises TypeError where the answer's documents are not this operation's."""
        return self.response_class(**self._response_fields(answer))

    def _response_fields(self, answer: OperationAnswer) -> dict[str, Any]:
        fields: dict[str, Any] = {"revision": answer.revision}
        if self.result_field:
            fields[self.result_field] = self._document_message(self._only(answer))
        return fields

    def read_response(self, response: Any) -> OperationAnswer:
        """Read the response; the documents are as the portal wrote them."""
        return OperationAnswer(response.revision, (self._read_document(response),))

    def _read_document(self, response: Any) -> Document:
        document: Document = checked(DOCUMENT_CODECS[self.kind].read(getattr(response, self.result_field)))
        return document

    def reply(self, answer: OperationAnswer) -> str:
        """Write `result` of a reply over MQTT. Raises TypeError as `response`."""
        return present_document(self._only(answer))

    def read_reply(self, result: Any, revision: int) -> OperationAnswer:
        """Read `result` of a reply over MQTT; raises ValueError where it is not what this operation answers."""
        return OperationAnswer(revision, (read_shown_document(self.kind, result),))

    def name_field(self, refused: Refused) -> Refused:
        """Name the field at fault as this operation's callers know it."""
        return refused

    def name_message_field(self, refused: Refused) -> Refused:
        """Name the field at fault as the gRPC message does."""
        return refused

    def name_command_field(self, refused: Refused) -> Refused:
        """Name the field at fault as the rules do."""
        return refused

    def _only(self, answer: OperationAnswer) -> Any:
        match answer.documents:
            case (document,):
                return self._own(document)
            case _:
                raise TypeError(f"{self.name} was answered with {len(answer.documents)} documents")

    def _own(self, document: object) -> Any:
        if not isinstance(document, self._document_type):
            raise TypeError(f"{self.name} was answered with a {type(document).__name__}")
        return document

    @cached_property
    def _document_type(self) -> type[Document]:
        return _DOCUMENT_TYPES[self.kind]

    @cached_property
    def _document_message(self) -> Callable[[Any], Any]:
        """The function that writes a document as it stands in the response."""
        return DOCUMENT_CODECS[self.kind].write

    def _asking(self, asked_by: str) -> dict[str, str]:
        return {CUSTOMER_FIELD: asked_by} if self._names_customer else {}

    def _asker(self, message: Any) -> str:
        return str(message.customer_id) if self._names_customer else ""

    @property
    def _names_customer(self) -> bool:
        """Whether the request message has a customer's id."""
        return self.portal.names_customer


def without_reply_fields(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out what says how a request over MQTT is answered."""
    return {name: value for name, value in fields.items() if name not in REPLY_FIELDS}


def checked(document: Any) -> Any:
    """Let pass what was read of a portal's message, which never is a refusal."""
    if isinstance(document, Refused):
        raise TypeError(f"a document that cannot be read: {document}")
    return document
