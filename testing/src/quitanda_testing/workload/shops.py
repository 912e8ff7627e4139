"""Small shops, each with customers, an administrator and few units, so that everybody is in each other's way.

A shop has ids of its own and is open for a while; then another one opens. So a history falls apart into parts that
are small enough to be judged.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CancelOrderItems,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    ReturnOrder,
    SetOrderDeadline,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.model import Order, OrderState, Product
from quitanda.domain.order_states import is_live
from quitanda_testing.history.operations import Action, GetCustomer, GetOrder, GetProduct, ListOrders

PRODUCTS: Final = 4
CUSTOMERS: Final = 4
UNITS: Final = 12
"""Of each product at the beginning: some orders are refused."""
ITEM_UNITS_MAX: Final = 3
PRICES: Final = (150, 250, 1_000)
DEADLINE_MS: Final = (300, 4_000)
"""How soon an order expires, at least and at most, after its customer has asked for it."""
REMEMBERED_REQUESTS: Final = 8
"""Requests of a client that may be sent again later."""


@dataclass(slots=True)
class ContendedShop:
    """One shop's ids, and what its clients have heard of its documents: their latest versions, as far as told."""

    name: str
    customer_count: int = CUSTOMERS
    moves_orders: bool = False
    """Whether orders are placed, fulfilled and given back, for which the cluster must be at the level of states."""
    products: Sequence[str] = ()
    customers: Sequence[str] = ()
    orders: dict[str, Order] = field(default_factory=dict)
    """The live ones."""
    fulfilled: dict[str, Order] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    """The customers of orders that somebody was told are closed, by the orders' ids."""
    versions: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.products = [f"{self.name}-p{number}" for number in range(1, PRODUCTS + 1)]
        self.customers = [f"{self.name}-c{number}" for number in range(1, self.customer_count + 1)]

    @property
    def seasonal(self) -> str:
        """The product that comes and goes."""
        return self.products[-1]

    @property
    def visitor(self) -> str:
        """The customer who comes and goes."""
        return self.customers[-1]

    def opening(self) -> list[Action]:
        """Give what an administrator does first."""
        customers = [CreateCustomer(customer_id, "Conceição") for customer_id in self.customers]
        products = [CreateProduct(product_id, "Pão de queijo", PRICES[0], UNITS) for product_id in self.products]
        return [*customers, *products]

    def orders_of(self, customer_id: str) -> list[Order]:
        """Give the customer's live orders, as far as somebody was told."""
        return [order for order in self.orders.values() if order.customer_id == customer_id]

    def heard(self, document: object) -> None:
        """Take note of a document in an answer."""
        match document:
            case Order():
                self._heard_of_order(document)
            case Product():
                self.versions[document.product_id] = document.version

    def _heard_of_order(self, order: Order) -> None:
        self.orders.pop(order.order_id, None)
        self.fulfilled.pop(order.order_id, None)
        if is_live(order):
            self.orders[order.order_id] = order
            return
        self.closed[order.order_id] = order.customer_id
        if order.state == OrderState.FULFILLED:
            self.fulfilled[order.order_id] = order

    def heard_gone(self, order_id: str) -> None:
        """Take note of an order that is not there any more."""
        known = self.orders.pop(order_id, None)
        if known is not None and self.moves_orders:
            self.closed[order_id] = known.customer_id


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client does next; `request_id` is empty for a new request and for reads."""

    action: Action
    request_id: str = ""


@dataclass(slots=True)
class Habits(ABC):
    """What one client does, drawn from its own dice; `sent` are its latest writes, to be sent again."""

    shop: ContendedShop
    dice: Random
    customer_id: str = ""
    """Who acts; empty for an administrator."""
    sent: list[Wish] = field(default_factory=list)

    @abstractmethod
    def next(self) -> Wish:
        """Choose what the client does next."""

    def remember(self, wish: Wish) -> None:
        """Keep a request that may be sent again."""
        self.sent = [*self.sent, wish][-REMEMBERED_REQUESTS:]

    def repeat(self, other: Callable[[], Action]) -> Wish:
        """Now and then send an earlier request again, rarely with something else under its id."""
        if self.sent and self.dice.random() < 0.06:
            earlier = self.dice.choice(self.sent)
            return earlier if self.dice.random() < 0.85 else Wish(other(), earlier.request_id)
        return Wish(other())

    def expected(self, version: int) -> int | None:
        """Now and then make a change depend on the version that was seen."""
        return version if version and self.dice.random() < 0.2 else None


class CustomerHabits(Habits):
    """Orders, changes orders, looks, cancels; now and then asks for what is not there or another's."""

    def next(self) -> Wish:
        """Choose what the customer does next."""
        kind = self.dice.random()
        if kind < 0.72:
            return self.repeat(self._write)
        mine = self.shop.orders_of(self.customer_id)
        if kind < 0.82 and mine:
            return Wish(GetOrder(self.customer_id, self.dice.choice(mine).order_id))
        if kind < 0.90:
            return Wish(self._listing())
        if kind < 0.92 and self.shop.orders:
            return Wish(GetOrder(self.customer_id, self.dice.choice(list(self.shop.orders))))
        return Wish(GetProduct(self.dice.choice(self.shop.products), self.customer_id))

    def _listing(self) -> Action:
        """Ask for the live orders, or now and then for closed ones."""
        closed = [order_id for order_id, owner in self.shop.closed.items() if owner == self.customer_id]
        if not self.shop.moves_orders or self.dice.random() < 0.6:
            return ListOrders(self.customer_id)
        if closed and self.dice.random() < 0.5:
            return GetOrder(self.customer_id, self.dice.choice(closed), include_closed=True)
        states = self.dice.sample([state.value for state in OrderState], self.dice.randint(1, len(OrderState)))
        return ListOrders(self.customer_id, tuple(states))

    def _write(self) -> Action:
        mine = self.shop.orders_of(self.customer_id)
        kind = self.dice.random()
        if not mine or kind < 0.4:
            return CreateOrder(self.customer_id, "", 0, self._items(least=0))
        order = self.dice.choice(mine)
        expected = self.expected(order.version)
        if kind < 0.78:
            return SetOrderItems(self.customer_id, order.order_id, self._items(least=1), expected_version=expected)
        if kind < 0.86 and self.shop.moves_orders:
            return PlaceOrder(self.customer_id, order.order_id, expected)
        if kind < 0.91 and self.shop.moves_orders:
            deadline_ms = time.time_ns() // 1_000_000 + self.dice.randint(*DEADLINE_MS)
            return SetOrderDeadline(order.order_id, deadline_ms, self.customer_id, expected)
        if kind < 0.97:
            return CancelOrder(self.customer_id, order.order_id, expected_version=expected)
        another = self.dice.choice(list(self.shop.orders))
        return CancelOrder(self.customer_id, another)

    def _items(self, least: int) -> tuple[ItemQuantity, ...]:
        chosen = self.dice.choices(self.shop.products, k=self.dice.randint(least, 3))
        return tuple(ItemQuantity(product_id, self.dice.randint(0, ITEM_UNITS_MAX)) for product_id in chosen)


class ClerkHabits(Habits):
    """Counts units in and out, changes prices, moves orders, and lets a product and a customer come and go."""

    def next(self) -> Wish:
        """Choose what the administrator does next."""
        kind = self.dice.random()
        if kind < 0.85:
            return self.repeat(self._write)
        if kind < 0.95:
            return Wish(GetProduct(self.dice.choice(self.shop.products)))
        return Wish(GetCustomer(self.dice.choice(self.shop.customers)))

    def _write(self) -> Action:
        shop, dice = self.shop, self.dice
        product_id = dice.choice(shop.products)
        expected = self.expected(shop.versions.get(product_id, 0))
        kind = dice.random()
        if kind < 0.5:
            return AdjustStock(product_id, dice.choice((-3, -2, -1, 1, 2, 3, 4)), expected_version=expected)
        if kind < 0.7:
            return UpdateProduct(product_id, price=dice.choice(PRICES), expected_version=expected)
        if kind < 0.75:
            return UpdateCustomer(dice.choice(shop.customers), name=dice.choice(("Conceição", "João", "Inês")))
        if shop.moves_orders and kind < 0.92 and (move := self._move()):
            return move
        cascade = dice.random() < 0.6
        return dice.choice(
            (
                DeleteProduct(shop.seasonal, cascade),
                CreateProduct(shop.seasonal, "Pamonha", dice.choice(PRICES), UNITS),
                DeleteCustomer(shop.visitor, cascade),
                CreateCustomer(shop.visitor, "Conceição"),
            )
        )

    def _move(self) -> Action | None:
        """Fulfil, lessen or take back an order that is far enough, if there is one."""
        placed = [order for order in self.shop.orders.values() if order.state == OrderState.PLACED]
        order = self.dice.choice([*placed, *self.shop.fulfilled.values(), None])
        if order is None:
            return None
        units = () if self.dice.random() < 0.5 else tuple(ItemQuantity(item.product_id, 1) for item in order.items[:1])
        if order.state == OrderState.FULFILLED:
            return ReturnOrder(order.order_id, units, self.dice.random() < 0.6, self.expected(order.version))
        if self.dice.random() < 0.7:
            return FulfilOrder(order.order_id, self.expected(order.version))
        return CancelOrderItems(order.order_id, units, self.expected(order.version))
