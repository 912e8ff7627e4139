"""The commands that move an order from state to state, as `commands` says of all of them, and what they are about.

Who may ask for which of them in which state: `order_states`.
"""

from dataclasses import dataclass
from typing import ClassVar

from quitanda.domain.compiled import fast_init
from quitanda.domain.field_types import Identifier, ItemUnits, Name, Price, TimestampMs, Version
from quitanda.domain.model import ORDER_STATES_LEVEL, ItemFields, OrderFields, OrderStateName


@fast_init
@dataclass(frozen=True, slots=True)
class ItemQuantity:
    """A product and the number of units that an order shall hold of it; `extra` is about the order's item."""

    product_id: Identifier
    quantity: ItemUnits
    extra: ItemFields = ()


@fast_init
@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Let the customer commit herself to her open order; only the shop changes it from then on."""

    since: ClassVar[int] = ORDER_STATES_LEVEL
    customer_id: Identifier
    order_id: Identifier
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class SetOrderDeadline:
    """Let a live order expire at a time, by the state's clock (`AdvanceClock`); 0 stands for never.

    With `customer_id` a customer asks, about her own open order; without one the shop asks, about any live order.
    """

    since: ClassVar[int] = ORDER_STATES_LEVEL
    order_id: Identifier
    expires_at_ms: TimestampMs
    customer_id: Identifier | None = None
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class CancelOrderItems:
    """Let the shop take units out of a live order and return them to stock; without `items`, all that it has.

    Where the order would have no units left, it is cancelled.
    """

    since: ClassVar[int] = ORDER_STATES_LEVEL
    order_id: Identifier
    items: tuple[ItemQuantity, ...] = ()
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class FulfilOrder:
    """Let the units of a placed order leave for good."""

    since: ClassVar[int] = ORDER_STATES_LEVEL
    order_id: Identifier
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class ReturnOrder:
    """Take units of a fulfilled order back; without `items`, all that were not given back before.

    With `restock` they are on hand again; without, they are written off.
    """

    since: ClassVar[int] = ORDER_STATES_LEVEL
    order_id: Identifier
    items: tuple[ItemQuantity, ...] = ()
    restock: bool = False
    expected_version: Version | None = None


@fast_init
@dataclass(frozen=True, slots=True)
class ImportedItem:
    """Units of one product in an order that is imported, as `OrderItem`; each product is there once."""

    product_id: Identifier
    name: Name
    unit_price: Price
    quantity: ItemUnits
    extra: ItemFields = ()
    returned: ItemUnits = 0
    restocked: ItemUnits = 0


@fast_init
@dataclass(frozen=True, slots=True)
class ImportOrder:
    """Bring an order that the shop had elsewhere, in whichever state, under its own id, which nobody may have used.

    A live order brings its units with it: the units on hand stay as they are. A deadline that has passed lets it
    expire at once. A closed order whose customer was deleted has no `customer_id`.
    """

    since: ClassVar[int] = ORDER_STATES_LEVEL
    order_id: Identifier
    created_at_ms: TimestampMs
    state: OrderStateName
    customer_id: Identifier | None = None
    items: tuple[ImportedItem, ...] = ()
    extra: OrderFields = ()
    state_since_ms: TimestampMs = 0
    placed_at_ms: TimestampMs = 0
    expires_at_ms: TimestampMs = 0


@fast_init
@dataclass(frozen=True, slots=True)
class AdvanceClock:
    """Let the state's clock be at `now_ms` at least, and the orders expire whose deadlines have passed by then.

    The leader's own command, with what its machine's clock shows; sent while an order is due. No portal may send it. A
    command expires at most EXPIRED_AT_ONCE_MAX orders, those with the earliest deadlines.
    """

    since: ClassVar[int] = ORDER_STATES_LEVEL
    now_ms: TimestampMs
