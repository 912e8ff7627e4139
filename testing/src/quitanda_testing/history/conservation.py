"""No unit comes from nowhere and none is lost: simple arithmetic on what was read at the end.

For each product: the units it began with, and what administrators are known to have added and taken, are the units
on hand and in live orders. Nothing of the domain's rules is used for that.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Final

from quitanda.domain.commands import AdjustStock, CreateProduct, DeleteProduct
from quitanda.domain.model import Order, Product
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda_testing.history.operations import GetOrder, GetProduct, Listed, ListOrders, RecordedOperation, TurnedAway

AUDITOR: Final = "auditor"
"""How the name of a client begins who reads everything at the end."""
DOUBTS_MAX: Final = 12
"""Adjustments of one product without an answer whose every combination is looked at; more only bound the sum."""


@dataclass(slots=True)
class Account:
    """What is known of one product."""

    begun_with: int | None = None
    adjusted: int = 0
    in_doubt: list[int] = field(default_factory=list)
    came_and_went: bool = False
    """It was, or may have been, created again or deleted: then its units are not to be added up."""
    on_hand: int | None = None
    in_orders: int = 0


@dataclass(frozen=True, slots=True)
class Conservation:
    """How many products were added up, how many of these with adjustments in doubt, and what is wrong, in words."""

    products: int
    in_doubt: int
    left_out: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        verdict = f"NOT BALANCED: {len(self.wrong)} products" if self.wrong else "balanced"
        return (
            f"{verdict}: {self.products} products added up, {self.in_doubt} of them with adjustments in doubt, "
            f"{self.left_out} were deleted"
        )


def check_conservation(history: Iterable[RecordedOperation]) -> Conservation:
    """Add everything up."""
    operations = list(history)
    accounts: dict[str, Account] = defaultdict(Account)
    for sendings in _by_request(operations):
        _enter(accounts, sendings)
    audit = [operation for operation in operations if operation.client.startswith(AUDITOR)]
    orders = _orders_at_the_end(audit, wrong := [])
    for operation in audit:
        match operation.action, operation.outcome:
            case GetProduct(product_id), Done(Product() as product):
                accounts[product_id].on_hand = product.quantity
            case GetProduct(product_id), Refused(Reason.PRODUCT_NOT_FOUND):
                accounts[product_id].on_hand = None
    for item in chain.from_iterable(order.items for order in orders):
        accounts[item.product_id].in_orders += item.quantity
    summed = {product_id: account for product_id, account in accounts.items() if not account.came_and_went}
    wrong += chain.from_iterable(_wrong(product_id, account) for product_id, account in sorted(accounts.items()))
    return Conservation(
        products=len(summed),
        in_doubt=sum(bool(account.in_doubt) for account in summed.values()),
        left_out=len(accounts) - len(summed),
        wrong=tuple(wrong),
    )


def _by_request(operations: Iterable[RecordedOperation]) -> Iterable[list[RecordedOperation]]:
    """Put together what was sent under one request id: it takes effect once."""
    requests: dict[tuple[str, str], list[RecordedOperation]] = defaultdict(list)
    for operation in operations:
        if isinstance(operation.action, AdjustStock | CreateProduct | DeleteProduct):
            requests[operation.request_id, repr(operation.action)].append(operation)
    return requests.values()


def _enter(accounts: dict[str, Account], sendings: Sequence[RecordedOperation]) -> None:
    answered = [operation for operation in sendings if operation.is_decided]
    done = any(isinstance(operation.outcome, Done) for operation in answered)
    possible = not answered and not all(isinstance(operation.outcome, TurnedAway) for operation in sendings)
    action = sendings[0].action
    account = accounts[action.product_id]
    match action:
        case CreateProduct(quantity=quantity) if done:
            account.came_and_went |= account.begun_with is not None
            account.begun_with = quantity
        case AdjustStock(delta=delta) if done:
            account.adjusted += delta
        case AdjustStock(delta=delta) if possible:
            account.in_doubt.append(delta)
        case CreateProduct() | DeleteProduct() if done or possible:
            account.came_and_went = True


def _orders_at_the_end(audit: Iterable[RecordedOperation], wrong: list[str]) -> list[Order]:
    """Give the live orders, which the lists name and of which each was read."""
    listed: set[str] = set()
    read: dict[str, Order] = {}
    for operation in audit:
        match operation.action, operation.outcome:
            case ListOrders(), Listed(summaries):
                listed |= {summary.order_id for summary in summaries}
            case GetOrder(), Done(Order() as order):
                read[order.order_id] = order
    wrong += [f"order {order_id} is in a list, but could not be read" for order_id in sorted(listed - read.keys())]
    return list(read.values())


def _wrong(product_id: str, account: Account) -> Iterable[str]:
    if account.on_hand is None:
        if account.in_orders:
            yield f"product {product_id} does not exist, but live orders hold {account.in_orders} units of it"
        elif not account.came_and_went:
            yield f"product {product_id} was created and never deleted, but could not be read at the end"
        return
    if account.came_and_went:
        return
    found = account.on_hand + account.in_orders
    known = (account.begun_with or 0) + account.adjusted
    if not _explains(found - known, account.in_doubt):
        yield (
            f"product {product_id}: {account.on_hand} on hand and {account.in_orders} in orders are {found}, but it "
            f"began with {account.begun_with} and was adjusted by {account.adjusted}; in doubt are {account.in_doubt}"
        )


def _explains(difference: int, in_doubt: Sequence[int]) -> bool:
    """Tell whether some of the adjustments in doubt make up the difference."""
    if len(in_doubt) > DOUBTS_MAX:
        return sum(delta for delta in in_doubt if delta < 0) <= difference <= sum(d for d in in_doubt if d > 0)
    sizes = range(len(in_doubt) + 1)
    return any(sum(some) == difference for size in sizes for some in combinations(in_doubt, size))
