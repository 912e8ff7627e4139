"""A history falls apart into parts without a customer, product, order or request in common: each is checked alone."""

from collections.abc import Iterable, Iterator

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import NOBODY, Customer, Document, Order, Product
from quitanda.domain.outcomes import Done
from quitanda_testing.history.operations import Listed, RecordedOperation

Names = frozenset[str]


def parts(history: Iterable[RecordedOperation]) -> list[list[RecordedOperation]]:
    """Give the connected parts, each in the order of the history; the one that begins first comes first."""
    forest = _Forest()
    operations = list(history)
    for operation in operations:
        forest.join(named(operation) | _request(operation))
    by_root: dict[str, list[RecordedOperation]] = {}
    for operation in operations:
        by_root.setdefault(forest.root(next(iter(named(operation)))), []).append(operation)
    return list(by_root.values())


def named(operation: RecordedOperation) -> Names:
    """Name the documents that an operation is about, by its arguments and its answer: never empty."""
    return frozenset({*_in_action(operation), *_in_outcome(operation)})


def _request(operation: RecordedOperation) -> Names:
    """Name the request, if it is one: whatever else is asked under its id has to do with it."""
    request_id = operation.request_id  # which neither reads have nor expiries
    return frozenset({f"request {operation.scope} {request_id}"}) if request_id else frozenset()


def _in_action(operation: RecordedOperation) -> Iterator[str]:
    action = operation.action
    for kind in ("customer", "product", "order"):
        if document_id := getattr(action, f"{kind}_id", ""):
            yield f"{kind} {document_id}"
    for item in getattr(action, "items", ()):
        if isinstance(item, ItemQuantity):
            yield f"product {item.product_id}"


def _in_outcome(operation: RecordedOperation) -> Iterator[str]:
    match operation.outcome:
        case Done(document) if document is not None:
            yield from _in_document(document)
        case Listed(orders):
            for summary in orders:
                yield f"order {summary.order_id}"


def _in_document(document: Document) -> Iterator[str]:
    match document:
        case Customer(customer_id):
            yield f"customer {customer_id}"
        case Product(product_id):
            yield f"product {product_id}"
        case Order(order_id, customer_id):
            yield f"order {order_id}"
            if customer_id != NOBODY:  # whom orders of all parts have in common
                yield f"customer {customer_id}"
            for item in document.items:
                yield f"product {item.product_id}"


class _Forest:
    """Sets of names, joined where they have one in common."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def join(self, names: Names) -> None:
        first, *others = map(self.root, names)
        for other in others:
            self._parent[self.root(other)] = self.root(first)

    def root(self, name: str) -> str:
        path = []
        while (parent := self._parent.setdefault(name, name)) != name:
            path.append(name)
            name = parent
        for passed in path:
            self._parent[passed] = name
        return name
