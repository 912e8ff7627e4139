"""Histories told by hand, one line for each operation."""

from dataclasses import replace
from itertools import count

from quitanda.domain.commands import CreateCustomer, CreateProduct
from quitanda.domain.model import Customer, Order, OrderItem, Product
from quitanda.domain.outcomes import Done
from quitanda_testing.history.operations import NEVER, Action, Outcome, Read, RecordedOperation, TurnedAway, Unknown

PRICE = 250
BEGUN_AT_MS = 1_795_000_000_000


class HistoryBuilder:
    """A history that begins with some customers and one product, and goes on as it is told.

    Documents in answers have version 0, so that nothing but their content is compared.
    """

    def __init__(self, *customers: str, units: int = 10, product_id: str = "bread") -> None:
        self.history: list[RecordedOperation] = []
        self._numbers = count(1)
        self._product = product_id
        self.add(0.0, 0.1, CreateProduct(product_id, product_id, PRICE, units), Done(self.product(units)))
        for customer_id in customers:
            created = CreateCustomer(customer_id, customer_id)
            self.add(0.0, 0.1, created, Done(Customer(customer_id, customer_id, (), version=0)))

    def add(
        self, begun: float, ended: float, action: Action, outcome: Outcome, *, request_id: str = "", by: str = ""
    ) -> RecordedOperation:
        """Add an operation from a moment until another."""
        number = next(self._numbers)
        decided = not isinstance(outcome, Unknown | TurnedAway)
        key = "" if isinstance(action, Read) else request_id or f"{self._product}-{number}"
        client = by or getattr(action, "customer_id", "") or "clerk"
        operation = RecordedOperation(
            *(number, client, "told", action, key, begun, ended if decided else NEVER, outcome),
            begun_at_ms=self.clock_ms(begun),
        )
        self.history.append(operation)
        return operation

    def clock_ms(self, moment: float) -> int:
        """Tell what the machine's clock shows at a moment of the history, in milliseconds since 1970."""
        return BEGUN_AT_MS + int(moment * 1_000)

    def product(self, units: int, product_id: str = "", price: int = PRICE) -> Product:
        """Give the product with so many units on hand."""
        name = product_id or self._product
        return Product(name, name, "", price, units, (), version=0)

    def order(self, order_id: str, customer_id: str, units: int, price: int = PRICE) -> Order:
        """Give an order of the product; without units an empty one."""
        items = (OrderItem(self._product, self._product, price, units),) if units else ()
        return Order(order_id, customer_id, 1, items, version=0)


def without_versions(operation: RecordedOperation) -> RecordedOperation:
    """Take the versions out of an answer."""
    match operation.outcome:
        case Done(document, affected) if document is not None:
            return replace(operation, outcome=Done(replace(document, version=0), affected))
        case _:
            return operation
