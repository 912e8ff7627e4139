"""What can be asked of the state machine.

Commands are named in the imperative. Ids, times and everything random were chosen by the portal that
made the command: executing it is the same on every replica. Fields marked `minted` are not the
caller's: a repeated request may carry other values there and is still the same request.
"""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from quitanda.domain.model import CustomFields

MINTED: dict[str, Any] = {"minted": True}
"""Metadata of a field whose value the portal chose, not the caller."""


@dataclass(frozen=True, slots=True)
class CreateCustomer:
    """Refused with CUSTOMER_EXISTS where there is one."""

    customer_id: str
    name: str
    extra: CustomFields = ()


@dataclass(frozen=True, slots=True)
class UpdateCustomer:
    """Change what is given; an extra field set to JSON `null` is removed, one not named stays."""

    customer_id: str
    name: str | None = None
    extra: CustomFields = ()
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteCustomer:
    """Refused with CUSTOMER_HAS_ORDERS, or with `cascade` cancels them in the same step."""

    customer_id: str
    cascade: bool = False
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class CreateProduct:
    """Refused with PRODUCT_EXISTS where there is one. `price` is in minor units."""

    product_id: str
    name: str
    price: int
    quantity: int
    description: str = ""
    extra: CustomFields = ()


@dataclass(frozen=True, slots=True)
class UpdateProduct:
    """Change what is given, as UpdateCustomer; `quantity` sets the units on hand."""

    product_id: str
    name: str | None = None
    description: str | None = None
    price: int | None = None
    quantity: int | None = None
    extra: CustomFields = ()
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteProduct:
    """Refused with PRODUCT_IN_USE, or with `cascade` removes it from the orders in the same step."""

    product_id: str
    cascade: bool = False
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """Add `delta` (not zero, maybe negative) to the units on hand; never below zero."""

    product_id: str
    delta: int
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ItemQuantity:
    """A product and the number of units that an order shall hold of it; `extra` is about the order's item."""

    product_id: str
    quantity: int
    extra: CustomFields = ()


@dataclass(frozen=True, slots=True)
class CreateOrder:
    """Place an order, empty or with first items, all or nothing.

    A product named twice counts with the sum; of an extra field named twice the later value counts.
    """

    customer_id: str
    order_id: str = field(metadata=MINTED)
    created_at_ms: int = field(metadata=MINTED)
    items: tuple[ItemQuantity, ...] = ()
    extra: CustomFields = ()


@dataclass(frozen=True, slots=True)
class SetOrderItems:
    """Set the quantities of some products, or only extra fields; all or nothing.

    Zero removes an item, with its extra fields; duplicates are put together first, as in CreateOrder. CustomFields
    fields of the order and of the items named change as in UpdateCustomer.
    """

    customer_id: str
    order_id: str
    items: tuple[ItemQuantity, ...]
    expected_version: int | None = None
    extra: CustomFields = ()


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Remove the order and return its units to stock."""

    customer_id: str
    order_id: str
    expected_version: int | None = None


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
)


@dataclass(frozen=True, slots=True)
class Request:
    """A command with the key under which its outcome is remembered.

    `scope` says who chose `request_id`: a customer's id, or "" for administrators, so that nobody can
    use up another's ids.
    """

    scope: str
    request_id: str
    command: Command
