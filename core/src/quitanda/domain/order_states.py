"""The life of an order: the one table of the moves that its state allows, and of who may ask for each.

    open ──place──> placed ──fulfil──> fulfilled ──return──> returned
      │                │
      └────────────────┴──> cancelled (by the customer, while open; by the shop) or expired (by the clock)

Refusals, the roles that may ask for a command (`permissions`) and the tests of the rules follow from the table. An
order that is open or placed is *live*: it holds its units, and stands in the indexes. The others are *closed*: they
hold nothing, and are kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from quitanda.domain import refusals
from quitanda.domain.commands import (
    AdvanceClock,
    CancelOrder,
    CancelOrderItems,
    Command,
    FulfilOrder,
    PlaceOrder,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
    command_name,
)
from quitanda.domain.model import Order, OrderState
from quitanda.domain.outcomes import Refused


class Asker(StrEnum):
    """On whose behalf an order is moved."""

    CUSTOMER = "customer"
    """The order's own customer, or staff who act for her."""
    SHOP = "shop"
    CLOCK = "clock"
    """The replicas themselves, as time passes."""


@dataclass(frozen=True, slots=True)
class Move:
    """What a command by somebody does to an order that is `before`; several states where it depends on the order."""

    before: OrderState
    command: type[Command]
    asker: Asker
    after: tuple[OrderState, ...]


_OPEN: Final = OrderState.OPEN
_PLACED: Final = OrderState.PLACED
_FULFILLED: Final = OrderState.FULFILLED

MOVES: Final[tuple[Move, ...]] = (
    Move(_OPEN, SetOrderItems, Asker.CUSTOMER, (_OPEN,)),
    Move(_OPEN, SetOrderDeadline, Asker.CUSTOMER, (_OPEN,)),
    Move(_OPEN, PlaceOrder, Asker.CUSTOMER, (_PLACED,)),
    Move(_OPEN, CancelOrder, Asker.CUSTOMER, (OrderState.CANCELLED,)),
    Move(_OPEN, SetOrderDeadline, Asker.SHOP, (_OPEN,)),
    Move(_OPEN, CancelOrderItems, Asker.SHOP, (_OPEN, OrderState.CANCELLED)),
    Move(_PLACED, SetOrderDeadline, Asker.SHOP, (_PLACED,)),
    Move(_PLACED, CancelOrderItems, Asker.SHOP, (_PLACED, OrderState.CANCELLED)),
    Move(_PLACED, FulfilOrder, Asker.SHOP, (_FULFILLED,)),
    Move(_FULFILLED, ReturnOrder, Asker.SHOP, (_FULFILLED, OrderState.RETURNED)),
    Move(_OPEN, AdvanceClock, Asker.CLOCK, (OrderState.EXPIRED,)),
    Move(_PLACED, AdvanceClock, Asker.CLOCK, (OrderState.EXPIRED,)),
)

LIVE_STATES: Final = (_OPEN.value, _PLACED.value)
"""The states of orders that hold their units."""

_ALLOWED: Final[Mapping[tuple[str, type[Command], Asker], Move]] = {
    (move.before.value, move.command, move.asker): move for move in MOVES
}


def is_live(order: Order) -> bool:
    """Whether the order holds its units."""
    return order.state in LIVE_STATES


def check_move(order: Order, command: type[Command], asker: Asker) -> Refused | None:
    """Refuse a command that the order's state does not allow to somebody."""
    if (order.state, command, asker) in _ALLOWED:
        return None
    return refusals.order_state(order, map(command_name, _possible(order.state, asker)))


def askers_of(command: type[Command]) -> tuple[Asker, ...]:
    """Tell on whose behalf a command may move an order; empty where it moves none."""
    return tuple(asker for asker in Asker if any(each.command is command and each.asker is asker for each in MOVES))


def _possible(state: str, asker: Asker) -> Iterator[type[Command]]:
    return (move.command for move in MOVES if move.before == state and move.asker is asker)
