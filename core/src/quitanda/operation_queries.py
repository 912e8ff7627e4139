"""The rows of operations that show documents (`quitanda.operations` says what each function is for)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, NoReturn

from quitanda.codec.document_filters import DocumentFilter, check_filter
from quitanda.codec.documents import present_document, present_summary, read_shown_document, read_summary, summarize
from quitanda.codec.json_objects import ObjectCodec
from quitanda.codec.json_text import dump_json
from quitanda.codec.messages import MessageCodec
from quitanda.codec.protobuf import DOCUMENT_CODECS, SUMMARY_CODEC
from quitanda.codec.queries import (
    FindOrders,
    GetDocument,
    ListDocuments,
    find_from_message,
    find_to_message_fields,
    get_from_message,
    get_from_object,
    get_to_fields,
    get_to_message_fields,
    list_from_message,
    list_from_object,
    list_to_fields,
    list_to_message_fields,
)
from quitanda.codec.watches import (
    WatchDocuments,
    WatchedChanges,
    changes_from_message,
    changes_to_message,
    watch_from_message,
    watch_from_object,
    watch_to_message_fields,
)
from quitanda.domain.model import CallerRole, Kind
from quitanda.domain.outcomes import Refused
from quitanda.operation_rows import (
    CUSTOMER_FIELD,
    REPLY_FIELDS,
    STAFF,
    DocumentOperation,
    Operation,
    OperationAnswer,
    checked,
    without_reply_fields,
)

_PAGE_FIELDS: Final = frozenset({"page_size", "page_token"})


@dataclass(frozen=True)
class GetOperation(DocumentOperation):
    """An operation that shows one document."""

    shown_to: frozenset[CallerRole] = STAFF

    @property
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it."""
        return self.shown_to

    def from_message(self, message: Any, generated: Mapping[str, Any] | None = None) -> GetDocument | Refused:  # noqa: ARG002
        """Read the request message."""
        return get_from_message(self.kind, message, self._asker(message))

    def from_fields(
        self,
        customer_id: str,
        fields: Mapping[str, Any],
        generated: Mapping[str, Any] | None = None,  # noqa: ARG002 - a write's
    ) -> GetDocument | Refused:
        """Read the JSON object of a request over MQTT, whose topic names the customer."""
        return get_from_object(self.kind, without_reply_fields(fields), customer_id)

    def to_message(self, asked: GetDocument, request_id: str = "") -> Any:  # noqa: ARG002 - a write's
        """Write the request message; Refused where no message can hold a number."""
        fields = get_to_message_fields(asked)
        return (
            fields if isinstance(fields, Refused) else self.request_class(**fields, **self._asking(asked.customer_id))
        )

    def to_fields(self, asked: GetDocument) -> dict[str, Any]:
        """Write the JSON object of a request over MQTT."""
        return get_to_fields(asked)


@dataclass(frozen=True)
class ListOperation(DocumentOperation):
    """An operation that shows one page of documents; of orders, their summaries.

    `of_customer`: the request may name a customer whose documents are asked for, also where no customer asks.
    """

    shown_to: frozenset[CallerRole] = STAFF
    of_customer: bool = False

    @property
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it."""
        return self.shown_to

    def from_message(self, message: Any, generated: Mapping[str, Any] | None = None) -> ListDocuments | Refused:  # noqa: ARG002
        """Read the request message."""
        return list_from_message(self.kind, message, self._asker(message))

    def from_fields(
        self,
        customer_id: str,
        fields: Mapping[str, Any],
        generated: Mapping[str, Any] | None = None,  # noqa: ARG002 - a write's
    ) -> ListDocuments | Refused:
        """Read the JSON object of a request over MQTT, whose topic names the customer."""
        return list_from_object(self.kind, without_reply_fields(fields), customer_id)

    def to_message(self, asked: ListDocuments, request_id: str = "") -> Any:  # noqa: ARG002 - a write's
        """Write the request message; Refused where no message can hold a number."""
        fields = list_to_message_fields(asked)
        return (
            fields if isinstance(fields, Refused) else self.request_class(**fields, **self._asking(asked.customer_id))
        )

    def to_fields(self, asked: ListDocuments) -> dict[str, Any]:
        """Write the JSON object of a request over MQTT."""
        return list_to_fields(asked)

    def _response_fields(self, answer: OperationAnswer) -> dict[str, Any]:
        write, own = self._document_message, self._own
        documents = {self.result_field: [write(own(each)) for each in answer.documents]}
        return {"revision": answer.revision, "next_page_token": answer.next_page_token, **documents}

    def read_response(self, response: Any) -> OperationAnswer:
        """Read the response; the documents are as the portal wrote them."""
        codec = SUMMARY_CODEC if self._summarizes else DOCUMENT_CODECS[self.kind]
        documents = tuple(checked(codec.read(each)) for each in getattr(response, self.result_field))
        return OperationAnswer(response.revision, documents, response.next_page_token)

    def reply(self, answer: OperationAnswer) -> str:
        """Write `result` of a reply over MQTT. Raises TypeError as `response`."""
        documents = ",".join(self._line_text(self._own(each)) for each in answer.documents)
        return f'{{"{self.result_field}":[{documents}],"next_page_token":{dump_json(answer.next_page_token)}}}'

    def read_reply(self, result: Any, revision: int) -> OperationAnswer:
        """Read `result` of a reply over MQTT; raises ValueError where it is not what this operation answers."""
        try:
            lines, token = result[self.result_field], str(result["next_page_token"])
            documents = tuple(
                read_summary(each) if self._summarizes else read_shown_document(self.kind, each) for each in lines
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a page: {error!r}") from error
        return OperationAnswer(revision, documents, token)

    @property
    def _names_customer(self) -> bool:
        return self.of_customer or super()._names_customer

    @property
    def _summarizes(self) -> bool:
        return self.kind is Kind.ORDER

    @cached_property
    def _document_message(self) -> Callable[[Any], Any]:
        """The function that writes a document as it stands in the page."""
        return _summary_message if self._summarizes else DOCUMENT_CODECS[self.kind].write

    def _line_text(self, document: Any) -> str:
        return present_summary(summarize(document)) if self._summarizes else present_document(document)


@dataclass(frozen=True)
class WatchOperation(Operation):
    """An operation that tells what changes, as a stream that goes on until its caller or the portal ends it."""

    shown_to: frozenset[CallerRole] = STAFF

    @property
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it."""
        return self.shown_to

    @property
    def streams(self) -> bool:
        """Whether the response is a stream."""
        return True

    def from_message(self, message: Any) -> WatchDocuments | Refused:
        """Read the request message."""
        return watch_from_message(message, str(message.customer_id) if self.portal.names_customer else "")

    def to_message(self, asked: WatchDocuments) -> Any:
        """Write the request message; Refused where no message can hold a number."""
        fields = watch_to_message_fields(asked)
        if isinstance(fields, Refused):
            return fields
        asker = {CUSTOMER_FIELD: asked.customer_id} if self.portal.names_customer else {}
        return self.request_class(**fields, **asker)

    def from_fields(self, customer_id: str, fields: Mapping[str, Any]) -> WatchDocuments | Refused:
        """Read the JSON object of a request over MQTT, whose topic names the customer."""
        return watch_from_object(without_reply_fields(fields), customer_id)

    def to_fields(self, asked: WatchDocuments) -> dict[str, Any] | Refused:
        """Write the JSON object of a request over MQTT."""
        return watch_to_message_fields(asked)

    def response(self, told: WatchedChanges) -> Any:
        """Write one part of the answer."""
        return changes_to_message(told)

    def read_response(self, response: Any) -> WatchedChanges:
        """Read one part of the answer. Raises ValueError where it cannot be read."""
        return changes_from_message(response)


@dataclass(frozen=True)
class FindOrdersOperation(ListOperation):
    """The operation that shows one page of the orders of all customers that are as asked for: whole, not summarized.

    It is asked for over gRPC alone, so it has no JSON object.
    """

    def from_message(self, message: Any, generated: Mapping[str, Any] | None = None) -> FindOrders | Refused:  # type: ignore[override]  # noqa: ARG002
        """Read the request message."""
        return find_from_message(message)

    def from_fields(self, *_: Any) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(f"{self.name} has no JSON object")

    def to_message(self, asked: FindOrders, request_id: str = "") -> Any:  # type: ignore[override]  # noqa: ARG002
        """Write the request message; Refused where no message can hold a number."""
        fields = find_to_message_fields(asked)
        return fields if isinstance(fields, Refused) else self.request_class(**fields)

    def to_fields(self, *_: Any) -> NoReturn:
        """Raise TypeError."""
        raise TypeError(f"{self.name} has no JSON object")

    @property
    def _summarizes(self) -> bool:
        return False


@dataclass(frozen=True)
class FindOperation(ListOperation):
    """An operation that shows one page of the documents that pass a filter.

    The request has the filter's fields beside the page's. The message may lack some of them: it asks nothing of these.
    """

    _message: MessageCodec[DocumentFilter] = field(init=False, repr=False, compare=False)
    _object: ObjectCodec[DocumentFilter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_message", MessageCodec(DocumentFilter, self.request_class))
        object.__setattr__(self, "_object", ObjectCodec(DocumentFilter, ignored=_PAGE_FIELDS | REPLY_FIELDS))

    def from_message(self, message: Any, generated: Mapping[str, Any] | None = None) -> ListDocuments | Refused:
        """Read the request message."""
        wanted = self._message.read(message)
        if wrong := check_filter(wanted):
            return self.name_message_field(wrong)
        return _filtered(super().from_message(message, generated), wanted)

    def from_fields(
        self, customer_id: str, fields: Mapping[str, Any], generated: Mapping[str, Any] | None = None
    ) -> ListDocuments | Refused:
        """Read the JSON object of a request over MQTT, whose topic names the customer."""
        wanted = self._object.read(fields)
        if isinstance(wanted, Refused):
            return wanted
        of_page = {name: value for name, value in fields.items() if name in _PAGE_FIELDS}
        return check_filter(wanted) or _filtered(super().from_fields(customer_id, of_page, generated), wanted)

    def to_message(self, asked: ListDocuments, request_id: str = "") -> Any:
        """Write the request message; Refused where no message can hold a number."""
        wanted = asked.filter or DocumentFilter()
        message = self._message.check_range(wanted) or super().to_message(asked, request_id)
        if not isinstance(message, Refused):
            message.MergeFrom(self._message.write(wanted))
        return message

    def to_fields(self, asked: ListDocuments) -> dict[str, Any]:
        """Write the JSON object of a request over MQTT."""
        wanted: dict[str, Any] = checked(self._object.write(asked.filter or DocumentFilter()))
        return super().to_fields(asked) | wanted

    def name_message_field(self, refused: Refused) -> Refused:
        """Name the field at fault as the gRPC message does."""
        return replace(refused, field=self._message.message_path(refused.field))

    def name_command_field(self, refused: Refused) -> Refused:
        """Name the field at fault as the filter does."""
        return replace(refused, field=self._message.record_path(refused.field))


def _filtered(page: ListDocuments | Refused, wanted: DocumentFilter) -> ListDocuments | Refused:
    return page if isinstance(page, Refused) else replace(page, filter=wanted)


def _summary_message(order: Any) -> Any:
    return SUMMARY_CODEC.write(summarize(order))
