"""The rows of operations that carry a command (`quitanda.operations` says what each function is for)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

from quitanda.codec.json_objects import ObjectCodec
from quitanda.codec.messages import MessageCodec
from quitanda.domain.commands import ItemQuantity, RotateCredential, SetOrderDeadline, SetOrderItems
from quitanda.domain.field_types import CredentialId, Identifier, ItemUnits, SecretHash, TimestampMs, Version, describe
from quitanda.domain.model import CallerRole, ItemFields
from quitanda.domain.outcomes import Refused
from quitanda.domain.permissions import ALLOWED_FOR_OWN, ALLOWED_ROLES
from quitanda.operation_rows import (
    ADMINISTRATORS_AND_READERS,
    CUSTOMER_FIELD,
    REPLY_FIELDS,
    TOKEN_FIELD,
    DocumentOperation,
    Operation,
    OperationAnswer,
)

_SECRET: Final = "secret"  # noqa: S105 - the name of a field


@dataclass(frozen=True, slots=True)
class SetOrderItem:
    """SetOrderItems for one product; `extra` is about the item."""

    customer_id: Identifier
    order_id: Identifier
    product_id: Identifier
    quantity: ItemUnits
    extra: ItemFields = ()
    expected_version: Version | None = None

    def command(self) -> SetOrderItems:
        """Give the command that the log knows."""
        item = ItemQuantity(self.product_id, self.quantity, self.extra)
        return SetOrderItems(self.customer_id, self.order_id, (item,), self.expected_version)


@dataclass(frozen=True, slots=True)
class RotateOwnCredential:
    """RotateCredential as its holder asks for it: she draws the new secret, and tells nobody but its hash."""

    customer_id: Identifier
    credential_id: CredentialId
    secret_hash: SecretHash

    def command(self) -> RotateCredential:
        """Give the command that the log knows."""
        return RotateCredential(self.credential_id, self.secret_hash)


@dataclass(frozen=True, slots=True)
class SetOwnOrderDeadline:
    """SetOrderDeadline as a customer asks for it, about her own order."""

    customer_id: Identifier
    order_id: Identifier
    expires_at_ms: TimestampMs
    expected_version: Version | None = None

    def command(self) -> SetOrderDeadline:
        """Give the command that the log knows."""
        return SetOrderDeadline(self.order_id, self.expires_at_ms, self.customer_id, self.expected_version)


@dataclass(frozen=True)
class WriteOperation(DocumentOperation):
    """An operation that carries a command.

    `carries` is what the request says: the command, or another dataclass that has a method `command`. `removes`: the
    document exists no longer afterwards. `counts` names the response's count of orders; such an operation answers
    with no document.
    """

    carries: type[Any]
    removes: bool = False
    counts: str = ""
    command: type[Any] | None = None
    """The command that the request becomes, where that is not what it carries."""
    _message: MessageCodec[Any] = field(init=False, repr=False, compare=False)
    _object: ObjectCodec[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        outside = frozenset({CUSTOMER_FIELD, *self.generated_fields}) if self.portal.names_customer else frozenset()
        object.__setattr__(self, "_message", MessageCodec(self.carries, self.request_class))
        object.__setattr__(self, "_object", ObjectCodec(self.carries, outside, REPLY_FIELDS))

    @property
    def writes(self) -> bool:
        """Whether it carries a command, and with that a request id."""
        return True

    @cached_property
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it: those whom the rules let ask for the command, and customers at their portal."""
        command = self.command or self.carries
        allowed = frozenset((*ALLOWED_ROLES[command], *ALLOWED_FOR_OWN.get(command, ())))
        return allowed if self.portal.names_customer else allowed - {CallerRole.CUSTOMER}

    @property
    def count_field(self) -> str:
        """The response's field for the number of orders that a deletion cancelled or changed; usually empty."""
        return self.counts

    @cached_property
    def generated_fields(self) -> tuple[str, ...]:
        """The fields that the portal chooses."""
        return tuple(each.name for each in describe(self.carries) if each.generated)

    def from_message(self, message: Any, generated: Mapping[str, Any] | None = None) -> Any:
        """Read the request message."""
        asked = self._message.read(message, **generated) if generated else self._message.read(message)
        return self._command(asked)

    def from_fields(
        self, customer_id: str, fields: Mapping[str, Any], generated: Mapping[str, Any] | None = None
    ) -> Any:
        """Read the JSON object of a request over MQTT, whose topic names the customer."""
        asked = self._object.read(fields, customer_id=customer_id, **(generated or {}))
        return self._command(asked)

    def to_message(self, asked: Any, request_id: str = "") -> Any:
        """Write the request message; Refused where no message can hold a number."""
        if wrong := self._message.check_range(asked):
            return wrong
        message = self._message.write(asked)
        message.request_id = request_id
        return message

    def to_fields(self, asked: Any) -> dict[str, Any] | Refused:
        """Write the JSON object of a request over MQTT; Refused where a custom field is not JSON."""
        return self._object.write(asked)

    def name_field(self, refused: Refused) -> Refused:
        """Name the field at fault as this operation's callers know it: the rules know only the command."""
        if self.carries is SetOrderItem:
            return replace(refused, field=refused.field.removeprefix("items[0]."))
        return refused

    def name_message_field(self, refused: Refused) -> Refused:
        """Name the field at fault as the gRPC message does, for a refusal that names it as the command does."""
        return replace(refused, field=self._message.message_path(refused.field))

    def name_command_field(self, refused: Refused) -> Refused:
        """Name the field at fault as the command does, for a refusal that names it as the gRPC message does."""
        return replace(refused, field=self._message.record_path(refused.field))

    def _response_fields(self, answer: OperationAnswer) -> dict[str, Any]:
        fields = super()._response_fields(answer)
        fields["request_id"] = answer.request_id
        if self.counts:
            fields[self.counts] = answer.orders_affected
        if answer.token:
            fields[TOKEN_FIELD] = answer.token
        return fields

    def read_response(self, response: Any) -> OperationAnswer:
        """Read the response; the documents are as the portal wrote them."""
        if self.counts:
            affected = getattr(response, self.counts)
            return OperationAnswer(response.revision, orders_affected=affected, request_id=response.request_id)
        documents = (self._read_document(response),) if self.result_field else ()
        token = response.token if self.gives_token else ""
        return OperationAnswer(response.revision, documents, request_id=response.request_id, token=token)

    @cached_property
    def gives_token(self) -> bool:
        """Whether the response has a field for a token."""
        return TOKEN_FIELD in self.response_class.DESCRIPTOR.fields_by_name

    def _command(self, asked: Any) -> Any:
        return asked.command() if isinstance(asked, SetOrderItem | RotateOwnCredential | SetOwnOrderDeadline) else asked


@dataclass(frozen=True)
class WebhookOperation(Operation):
    """An operation on webhooks; `carries` is its command, or None where webhooks are only shown."""

    carries: type[Any] | None = None

    @property
    def roles(self) -> frozenset[CallerRole]:
        """Which callers may ask for it."""
        return ADMINISTRATORS_AND_READERS if self.carries is None else frozenset(ALLOWED_ROLES[self.carries])

    @property
    def writes(self) -> bool:
        """Whether it carries a command, and with that a request id."""
        return self.carries is not None

    @cached_property
    def tells_secret(self) -> bool:
        """Whether the response has the webhook's secret, which the portal chooses."""
        return _SECRET in self.response_class.DESCRIPTOR.fields_by_name

    def from_message(self, message: Any, chosen: Mapping[str, Any]) -> Any:
        """Read the request message; Refused where a field is wrong. `chosen` is what the portal chooses."""
        return self._message.read(message, **chosen) if chosen else self._message.read(message)

    @cached_property
    def _message(self) -> MessageCodec[Any]:
        if self.carries is None:
            raise TypeError(f"{self.name} carries no command")
        return MessageCodec(self.carries, self.request_class)
