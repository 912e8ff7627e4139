"""What can be asked of the state machine; what moves an order from state to state is in `order_commands`.

Commands are named in the imperative. Ids, times and everything random were chosen by the portal that
made the command: executing it is the same on every replica. Fields marked GENERATED are not
the caller's: a repeated request may carry other values there and is still the same request.
"""

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

from quitanda.domain.compiled import fast_init
from quitanda.domain.field_types import (
    DERIVED,
    GENERATED,
    CredentialId,
    Description,
    Generation,
    Identifier,
    Level,
    Name,
    PasswordHash,
    Price,
    SecretHash,
    SessionEndMs,
    StockChange,
    TimestampMs,
    UnitsOnHand,
    Version,
    since,
)
from quitanda.domain.model import (
    ORDER_STATES_LEVEL,
    PASSWORDS_LEVEL,
    REORDER_LEVEL_SINCE,
    CustomerFields,
    OrderFields,
    ProductFields,
    RoleName,
)
from quitanda.domain.order_commands import (
    AdvanceClock,
    CancelOrderItems,
    FulfilOrder,
    ImportedItem,
    ImportOrder,
    ItemQuantity,
    PlaceOrder,
    ReturnOrder,
    SetOrderDeadline,
)
from quitanda.domain.webhook_commands import SenderCommand, WebhookCommand

__all__ = [
    "CREDENTIALS_LEVEL",
    "AdjustStock",
    "AdvanceClock",
    "CancelOrder",
    "CancelOrderItems",
    "Command",
    "CreateCredential",
    "CreateCustomer",
    "CreateFirstCredential",
    "CreateOrder",
    "CreateProduct",
    "DeleteCustomer",
    "DeleteProduct",
    "FulfilOrder",
    "ImportOrder",
    "ImportedItem",
    "ItemQuantity",
    "OpenSession",
    "OwnCommand",
    "PlaceOrder",
    "PortalCommand",
    "Principal",
    "RaiseLevel",
    "Request",
    "ReturnOrder",
    "RevokeCredential",
    "RotateCredential",
    "SetOrderDeadline",
    "SetOrderItems",
    "SetPassword",
    "UpdateCustomer",
    "UpdateProduct",
    "command_name",
]

CREDENTIALS_LEVEL: Final = 3
"""The level of rules with which credentials came."""


@fast_init
@dataclass(frozen=True, slots=True)
class CreateCustomer:
    """Refused with CUSTOMER_EXISTS where there is one.

    With `credential_id` and `secret_hash`, both or neither, the customer gets her first credential in the same step.
    """

    customer_id: Identifier
    name: Name
    extra: CustomerFields = ()
    credential_id: CredentialId | None = field(default=None, metadata=since(CREDENTIALS_LEVEL) | DERIVED)
    secret_hash: SecretHash | None = field(default=None, metadata=since(CREDENTIALS_LEVEL) | DERIVED)
    created_at_ms: TimestampMs = field(default=0, metadata=since(CREDENTIALS_LEVEL) | GENERATED)


@fast_init
@dataclass(frozen=True, slots=True)
class UpdateCustomer:
    """Change what is given; an extra field set to JSON `null` is removed, one not named stays."""

    customer_id: Identifier
    name: Name | None = None
    extra: CustomerFields = ()
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class DeleteCustomer:
    """Refused with CUSTOMER_HAS_ORDERS, or with `cascade` cancels them in the same step.

    The customer's closed orders are kept, as orders of nobody.
    """

    customer_id: Identifier
    cascade: bool = False
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class CreateProduct:
    """Refused with PRODUCT_EXISTS where there is one. `price` is in minor units."""

    product_id: Identifier
    name: Name
    price: Price
    quantity: UnitsOnHand
    description: Description = ""
    extra: ProductFields = ()
    reorder_level: UnitsOnHand = field(default=0, metadata=since(REORDER_LEVEL_SINCE))


@fast_init
@dataclass(frozen=True, slots=True)
class UpdateProduct:
    """Change what is given, as UpdateCustomer; `quantity` sets the units on hand, `reorder_level` 0 stands for none."""

    product_id: Identifier
    name: Name | None = None
    description: Description | None = None
    price: Price | None = None
    quantity: UnitsOnHand | None = None
    extra: ProductFields = ()
    expected_version: Version | None = None
    reorder_level: UnitsOnHand | None = field(default=None, metadata=since(REORDER_LEVEL_SINCE))


@fast_init
@dataclass(frozen=True, slots=True)
class DeleteProduct:
    """Refused with PRODUCT_IN_USE, or with `cascade` removes it from the orders in the same step."""

    product_id: Identifier
    cascade: bool = False
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class AdjustStock:
    """Add `delta` (not zero, maybe negative) to the units on hand; never below zero."""

    product_id: Identifier
    delta: StockChange
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class CreateOrder:
    """Create an order, empty or with first items, all or nothing.

    A product named twice counts with the sum; of an extra field named twice the later value counts. `expires_at_ms` is
    the deadline by which the shop's portal wants the order to be placed; 0 stands for none.
    """

    customer_id: Identifier
    order_id: Identifier = field(metadata=GENERATED)
    created_at_ms: TimestampMs = field(metadata=GENERATED)
    items: tuple[ItemQuantity, ...] = ()
    extra: OrderFields = ()
    expires_at_ms: TimestampMs = field(default=0, metadata=GENERATED | since(ORDER_STATES_LEVEL))


@fast_init
@dataclass(frozen=True, slots=True)
class SetOrderItems:
    """Set the quantities of some products, or only extra fields; all or nothing.

    Zero removes an item, with its extra fields; duplicates are put together first, as in CreateOrder. Custom
    fields of the order and of the items named change as in UpdateCustomer.
    """

    customer_id: Identifier
    order_id: Identifier
    items: tuple[ItemQuantity, ...]
    expected_version: Version | None = None
    extra: OrderFields = ()


@fast_init
@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Return the units of the customer's open order to stock; below level 4 the order is gone, above it is kept."""

    customer_id: Identifier
    order_id: Identifier
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class RaiseLevel:
    """Let the replicas decide by the rules of a higher level (`levels`); there is no way back.

    The leader's own command, when all replicas support the level: no portal may send it. Levels are raised one by one.
    A level that the cluster has reached changes nothing, so its outcome need not be remembered.
    """

    level: Level


@fast_init
@dataclass(frozen=True, slots=True)
class CreateCredential:
    """Let somebody in: staff, a program, or, with the role `customer`, the customer `customer_id`.

    The portal makes the secret and shows it once; here is only its hash. `expires_at_ms` 0 stands for never.
    """

    since: ClassVar[int] = CREDENTIALS_LEVEL
    credential_id: CredentialId = field(metadata=GENERATED)
    role: RoleName
    label: Name
    secret_hash: SecretHash = field(metadata=GENERATED)
    created_at_ms: TimestampMs = field(metadata=GENERATED)
    customer_id: Identifier | None = None
    expires_at_ms: TimestampMs = 0


@fast_init
@dataclass(frozen=True, slots=True)
class RotateCredential:
    """Give a credential a new secret; the one before stays valid, and the one before that is not any more."""

    since: ClassVar[int] = CREDENTIALS_LEVEL
    credential_id: CredentialId
    secret_hash: SecretHash = field(metadata=GENERATED)
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class RevokeCredential:
    """Remove a credential: nothing that its holder asks for takes effect after this.

    Refused with LAST_ADMIN_CREDENTIAL where nobody could administer the shop afterwards.
    """

    since: ClassVar[int] = CREDENTIALS_LEVEL
    credential_id: CredentialId
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class CreateFirstCredential:
    """Let the first administrator in; it changes nothing where an administrator has ever had a credential.

    The leader's own command, with what stands in its identity folder: no portal may send it. Its outcome is not
    remembered.
    """

    since: ClassVar[int] = CREDENTIALS_LEVEL
    credential_id: CredentialId
    secret_hash: SecretHash
    created_at_ms: TimestampMs = field(metadata=GENERATED)


@fast_init
@dataclass(frozen=True, slots=True)
class SetPassword:
    """Let the holder of a credential sign in with a password, or, with an empty hash, with none any more.

    It ends every session that began with the password before. The portal hashes; here is only the encoded hash.
    """

    since: ClassVar[int] = PASSWORDS_LEVEL
    credential_id: CredentialId
    password_hash: PasswordHash = field(metadata=GENERATED)
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class OpenSession:
    """Make a credential of the same holder and role as `session_of`, whose password a portal has checked.

    The portals' own command: nobody who has to prove who they are may ask for it. `expected_version` is that of the
    credential whose password was checked, so nothing that was changed meanwhile lets anybody in.
    """

    since: ClassVar[int] = PASSWORDS_LEVEL
    session_of: CredentialId
    expected_version: Version
    credential_id: CredentialId
    secret_hash: SecretHash
    created_at_ms: TimestampMs
    expires_at_ms: SessionEndMs


Command: TypeAlias = (
    CreateCustomer
    | UpdateCustomer
    | DeleteCustomer
    | CreateProduct
    | UpdateProduct
    | DeleteProduct
    | AdjustStock
    | CreateOrder
    | SetOrderItems
    | CancelOrder
    | RaiseLevel
    | CreateCredential
    | RotateCredential
    | RevokeCredential
    | CreateFirstCredential
    | SetPassword
    | OpenSession
    | PlaceOrder
    | SetOrderDeadline
    | CancelOrderItems
    | FulfilOrder
    | ReturnOrder
    | ImportOrder
    | AdvanceClock
    | WebhookCommand
    | SenderCommand
)

PortalCommand: TypeAlias = SenderCommand | OpenSession
"""The commands that portals propose by themselves: they name no principal, and nobody who has one may ask for them."""

OwnCommand: TypeAlias = RaiseLevel | CreateFirstCredential | AdvanceClock
"""The commands that a leader proposes by itself: no portal may send them, and their outcomes are not remembered."""


def command_name(command: type[Command]) -> str:
    """Give a command's name in snake case: its field in the log's requests, its label in metrics and log lines."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", command.__name__).lower()


@fast_init
@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: the credential, and the generation of it whose secret the caller has proved to a portal."""

    credential_id: CredentialId
    generation: Generation


@fast_init
@dataclass(frozen=True, slots=True)
class Request:
    """A command with the key under which its outcome is remembered.

    `scope` says who chose `request_id`: a customer's id, or "" for administrators, so that no
    caller can use up the ids of another. `principal` is None where nobody had to prove who they are. `received_at_ms`
    is when a portal received the request, by its clock (0: not told): rules write it down, and decide nothing by it.
    Neither is part of the request's fingerprint: a request may be repeated later, and after the credential was rotated.
    """

    scope: str
    request_id: str
    command: Command
    principal: Principal | None = None
    received_at_ms: TimestampMs = field(default=0, metadata=since(CREDENTIALS_LEVEL))
