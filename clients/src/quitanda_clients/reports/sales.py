"""What orders come to: orders, units and money by state, for each day, product or customer. Pure.

An order belongs to the day on which it was created, in the report's time zone. Money is in minor units. An order that
was cancelled or has expired counts with the items that it had last.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from quitanda.domain.limits import TIMESTAMP_MS_MAX
from quitanda.domain.model import Order, OrderItem, OrderState

SOLD_STATES: Final = frozenset({OrderState.FULFILLED.value, OrderState.RETURNED.value})
"""The states of orders whose units have left."""

_STATE_PLACES: Final = {state.value: place for place, state in enumerate(OrderState)}


class SalesBy(StrEnum):
    """For what each row stands, besides a state."""

    DAY = "day"
    PRODUCT = "product"
    CUSTOMER = "customer"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in a time zone, from the first to the last one."""

    first: date
    last: date
    zone: tzinfo = UTC

    @property
    def from_ms(self) -> int:
        """When the first day begins, in milliseconds since 1970-01-01T00:00Z."""
        return _begin_ms(self.first, self.zone)

    @property
    def to_ms(self) -> int:
        """When the day after the last one begins; the end of all times where there is none."""
        if self.last == date.max:
            return TIMESTAMP_MS_MAX
        return min(TIMESTAMP_MS_MAX, _begin_ms(self.last + timedelta(days=1), self.zone))


@dataclass(slots=True)
class SalesRow:
    """What the orders of one state come to, for one day, product or customer.

    `key` is the day (ISO 8601) or the id; empty for all together. `name` is the product's in the newest of these
    orders. `returned` of the `units` were given back, and had cost `returned_total`.
    """

    key: str
    name: str
    state: str
    orders: int = 0
    units: int = 0
    total: int = 0
    returned: int = 0
    returned_total: int = 0


@dataclass(slots=True)
class Sold:
    """What was sold for good: the units that have left, without those that were given back, and their price."""

    units: int = 0
    total: int = 0


@dataclass(slots=True)
class SalesTally:
    """Adds up orders, one after the other, in any order of their ids."""

    by: SalesBy
    zone: tzinfo = UTC
    sold: Sold = field(default_factory=Sold)
    _rows: dict[tuple[str, str], SalesRow] = field(default_factory=dict)
    _totals: dict[str, SalesRow] = field(default_factory=dict)
    _named_by: dict[tuple[str, str], str] = field(default_factory=dict)
    """The order from which a row has its name."""

    def add(self, order: Order) -> None:
        """Count one more order."""
        totals = self._totals.setdefault(order.state, SalesRow("", "", order.state))
        _count(totals, order.items)
        if order.state in SOLD_STATES:
            self.sold.units += sum(item.quantity - item.returned for item in order.items)
            self.sold.total += sum(item.unit_price * (item.quantity - item.returned) for item in order.items)
        match self.by:
            case SalesBy.DAY:
                _count(self._row(day_of(order.created_at_ms, self.zone), order), order.items)
            case SalesBy.CUSTOMER:
                _count(self._row(order.customer_id, order), order.items)
            case SalesBy.PRODUCT:
                for item in order.items:
                    _count(self._row(item.product_id, order, item.name), (item,))
            case SalesBy.STATE:
                pass

    def rows(self) -> list[SalesRow]:
        """Give the rows, by key and state; by state alone, those are the totals."""
        if self.by is SalesBy.STATE:
            return self.totals()
        return sorted(self._rows.values(), key=lambda row: (row.key, _STATE_PLACES[row.state]))

    def totals(self) -> list[SalesRow]:
        """Give a row for each state that an order has; each order counts once in all of them together."""
        return sorted(self._totals.values(), key=lambda row: _STATE_PLACES[row.state])

    def _row(self, key: str, order: Order, name: str = "") -> SalesRow:
        place = (key, order.state)
        row = self._rows.setdefault(place, SalesRow(key, name, order.state))
        if name and order.order_id >= self._named_by.get(place, ""):
            self._named_by[place], row.name = order.order_id, name
        return row


def day_of(at_ms: int, zone: tzinfo) -> str:
    """Tell the day in the time zone, by ISO 8601, of a moment in milliseconds since 1970-01-01T00:00Z."""
    try:
        return datetime.fromtimestamp(at_ms // 1_000, zone).date().isoformat()
    except (OverflowError, ValueError):  # the last hours that a moment can tell are in the year 10000 in some zones
        return date.max.isoformat()


def _count(row: SalesRow, items: Iterable[OrderItem]) -> None:
    row.orders += 1
    for item in items:
        row.units += item.quantity
        row.total += item.total
        row.returned += item.returned
        row.returned_total += item.unit_price * item.returned


def _begin_ms(day: date, zone: tzinfo) -> int:
    return max(0, int(datetime.combine(day, time.min, zone).timestamp()) * 1_000)
