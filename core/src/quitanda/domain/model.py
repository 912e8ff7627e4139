"""The documents that Quitanda keeps, as immutable values."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from quitanda.domain.compiled import fast_init
from quitanda.domain.field_types import (
    WITHHELD,
    ChoiceRule,
    CredentialId,
    CustomFields,
    CustomFieldsRule,
    Description,
    Form,
    Generation,
    Identifier,
    ItemUnits,
    Name,
    PasswordHash,
    Price,
    SecretHash,
    TimestampMs,
    UnitsOnHand,
    describe,
    rules_only,
    since,
)

__all__ = [
    "DOCUMENT_DEPTH",
    "ITEM_DEPTH",
    "KNOWN_FIELDS",
    "KNOWN_ITEM_FIELDS",
    "NOBODY",
    "ORDER_STATES_LEVEL",
    "PASSWORDS_LEVEL",
    "REORDER_LEVEL_SINCE",
    "CallerRole",
    "Credential",
    "CustomFields",
    "Customer",
    "Document",
    "Kind",
    "Order",
    "OrderItem",
    "OrderState",
    "Product",
    "low_crossing",
    "of_nobody",
]

ORDER_STATES_LEVEL: Final = 4
"""The level of rules with which orders got states, and holds a deadline."""

NOBODY: Final = ""
"""The `customer_id` of a closed order whose customer was deleted; no customer has this id."""

PASSWORDS_LEVEL: Final = 4
"""The level of rules with which credentials may have a password, and sessions begin with it."""

REORDER_LEVEL_SINCE: Final = 4
"""The level of rules with which products got a reorder level."""


class Kind(StrEnum):
    """What a document is."""

    __hash__ = str.__hash__  # the one of Enum is written in Python, and kinds are looked up for each key

    CUSTOMER = "customer"
    PRODUCT = "product"
    ORDER = "order"
    CREDENTIAL = "credential"
    WEBHOOK = "webhook"
    """No document, but the history tells of webhooks as it tells of documents."""


class CallerRole(StrEnum):
    """What the holder of a credential is; `permissions` says what each may do."""

    ADMIN = "admin"
    CLERK = "clerk"
    READ_ONLY = "read-only"
    METRICS = "metrics"
    CUSTOMER = "customer"


class OrderState(StrEnum):
    """Where an order is in its life; `order_states` says who may move it from one state to another."""

    __hash__ = str.__hash__

    OPEN = "open"
    """The customer changes it as she likes; its units are held."""
    PLACED = "placed"
    """The customer has committed herself; its units are held, and only the shop changes it."""
    FULFILLED = "fulfilled"
    """Its units have left for good."""
    RETURNED = "returned"
    """All its units were given back."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Its deadline passed while it was open or placed."""


OrderStateName: TypeAlias = Annotated[str, ChoiceRule(tuple(state.value for state in OrderState))]
"""An OrderState's value, as plain text: what is stored and sent."""

RoleName: TypeAlias = Annotated[str, ChoiceRule(tuple(role.value for role in CallerRole))]
"""A CallerRole's value, as plain text: what is stored and sent."""


@fast_init
@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who may place orders.

    `version` is unique among all versions of all documents, so a customer who is deleted and
    created again never has an old version; the same holds for products and orders.
    """

    customer_id: Identifier
    name: Name
    extra: CustomFields
    version: int


@fast_init
@dataclass(frozen=True, slots=True)
class Product:
    """Something the shop sells.

    `price` is in minor units (hundredths) of the currency for one unit; `quantity` counts the units
    on hand, which no live order holds. With `reorder_level` units on hand, or fewer, the product is low: the shop
    should order new ones. 0 stands for never.
    """

    product_id: Identifier
    name: Name
    description: Description
    price: Price
    quantity: UnitsOnHand
    extra: CustomFields
    version: int
    reorder_level: UnitsOnHand = field(default=0, metadata=rules_only(REORDER_LEVEL_SINCE))

    @property
    def low(self) -> bool:
        """Whether the shop should order new units."""
        return 0 < self.reorder_level >= self.quantity


def low_crossing(before: Product | None, after: Product | None) -> bool | None:
    """Whether a product has come to be low, or (False) is low no longer; None where it is as before."""
    was_low, is_low = before is not None and before.low, after is not None and after.low
    return None if was_low == is_low else is_low


@fast_init
@dataclass(frozen=True, slots=True)
class OrderItem:
    """Units of one product in an order.

    `name` and `unit_price` (minor units) are the product's at the moment when `quantity` was last raised. Of the
    `quantity` of a fulfilled order, `returned` units were given back, and `restocked` of these are on hand again.
    """

    product_id: Identifier
    name: Name
    unit_price: Price
    quantity: ItemUnits
    extra: CustomFields = ()
    returned: ItemUnits = field(default=0, metadata=rules_only(ORDER_STATES_LEVEL))
    restocked: ItemUnits = field(default=0, metadata=rules_only(ORDER_STATES_LEVEL))

    @property
    def total(self) -> int:
        """Price of all units, in minor units."""
        return self.unit_price * self.quantity


@fast_init
@dataclass(frozen=True, slots=True)
class Order:
    """What one customer ordered; items stand in the order in which their products were first added.

    Times are in milliseconds since 1970-01-01T00:00Z. `created_at_ms`, `state_since_ms` and `placed_at_ms` (0: not
    told) are from portals' clocks; `state_since_ms` of an expired order, and when it expires, are by the state's own
    clock (`StateView.clock_ms`). `expires_at_ms` 0 stands for never. `state` is an OrderState's value.
    """

    order_id: Identifier
    customer_id: Identifier
    created_at_ms: TimestampMs
    items: tuple[OrderItem, ...]
    version: int
    extra: CustomFields = ()
    state: OrderStateName = field(default=OrderState.OPEN.value, metadata=rules_only(ORDER_STATES_LEVEL))
    state_since_ms: TimestampMs = field(default=0, metadata=rules_only(ORDER_STATES_LEVEL))
    placed_at_ms: TimestampMs = field(default=0, metadata=rules_only(ORDER_STATES_LEVEL))
    expires_at_ms: TimestampMs = field(default=0, metadata=rules_only(ORDER_STATES_LEVEL))

    @property
    def item_count(self) -> int:
        """How many different products the order holds."""
        return len(self.items)

    @property
    def total(self) -> int:
        """Price of all items, in minor units."""
        return sum(item.total for item in self.items)


def of_nobody(order: Order) -> Order:
    """Keep of an order what was sold and when; leave out whose it was, and what callers wrote into it."""
    items = tuple(replace(item, extra=()) for item in order.items)
    return replace(order, customer_id=NOBODY, items=items, extra=())


@fast_init
@dataclass(frozen=True, slots=True)
class Credential:
    """What the shop knows of somebody who proves by a token who they are (`quitanda.identity.tokens`).

    `role` is a CallerRole's value. `customer_id` is empty for everybody but customers. `generation` counts the secrets
    that the credential has had. Two of them are valid: the current one, and the one before it, of which `previous_hash`
    is empty for the first generation. Times are in milliseconds since 1970-01-01T00:00Z, from portals' clocks;
    `expires_at_ms` 0 stands for never. The rules do not look at times: whether a credential has expired is the
    portal's decision.

    `password_hash` is empty where nobody has set a password, and `has_password` tells everybody which. A credential
    with `session_of` is a session: it began with the password of the credential that is named there, has an end, and
    goes when that one changes or goes.
    """

    credential_id: CredentialId
    role: RoleName
    customer_id: Identifier
    label: Name
    generation: Generation
    created_at_ms: TimestampMs
    expires_at_ms: TimestampMs
    version: int
    secret_hash: SecretHash = field(default="", repr=False, metadata=WITHHELD)
    previous_hash: SecretHash = field(default="", repr=False, metadata=WITHHELD)
    password_hash: PasswordHash = field(default="", repr=False, metadata=WITHHELD | since(PASSWORDS_LEVEL))
    has_password: bool = field(default=False, metadata=since(PASSWORDS_LEVEL))
    session_of: CredentialId = field(default="", metadata=since(PASSWORDS_LEVEL))


Document: TypeAlias = Customer | Product | Order | Credential


def _known(record: type) -> tuple[tuple[str, int], ...]:
    """Name the fields that the JSON forms of a document or an order's item use themselves, and since which level."""
    fields = tuple((each.name, each.since) for each in describe(record) if each.form is not Form.CUSTOM_FIELDS)
    return (*fields, ("total", 1)) if hasattr(record, "total") else fields


def _names(record: type) -> tuple[str, ...]:
    return tuple(name for name, _ in _known(record))


def _rule(record: type, depth: int) -> CustomFieldsRule:
    first = tuple(name for name, level in _known(record) if level == 1)
    return CustomFieldsRule(first, depth, later=tuple(each for each in _known(record) if each[1] > 1))


KNOWN_FIELDS: Final = {Kind.CUSTOMER: _names(Customer), Kind.PRODUCT: _names(Product), Kind.ORDER: _names(Order)}
"""Names that a document's JSON forms use themselves; a custom field may not take them (RESERVED).

Credentials have no custom fields.
"""

KNOWN_ITEM_FIELDS: Final = _names(OrderItem)
"""The same for an item of an order."""

DOCUMENT_DEPTH: Final = 1
"""Brackets of a document around the value of one of its fields."""

ITEM_DEPTH: Final = 3
"""The same for a field of an order's item: the order, its list of items, the item."""

CustomerFields: TypeAlias = Annotated[CustomFields, _rule(Customer, DOCUMENT_DEPTH)]
ProductFields: TypeAlias = Annotated[CustomFields, _rule(Product, DOCUMENT_DEPTH)]
OrderFields: TypeAlias = Annotated[CustomFields, _rule(Order, DOCUMENT_DEPTH)]
ItemFields: TypeAlias = Annotated[CustomFields, _rule(OrderItem, ITEM_DEPTH)]
"""What a command may say of the custom fields of each."""
