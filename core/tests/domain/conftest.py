"""A small shop to decide commands on, and outcomes written as lines of text, for decision tables."""

from itertools import count

import pytest

from quitanda.domain.commands import (
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    ItemQuantity,
    RaiseLevel,
    Request,
)
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.machine import decide, execute
from quitanda.domain.model import Credential, Customer, Order, Product
from quitanda.domain.outcomes import Done, Refused
from quitanda.domain.state import Delete, Put
from quitanda_testing.in_memory_state import InMemoryState


class Shop:
    """A state in memory with a log that grows by one request at a time."""

    def __init__(self):
        self.state = InMemoryState()
        self._revisions = count(1)

    def do(self, command, request_id=None, scope="", principal=None):
        revision = next(self._revisions)
        return self.execute(Request(scope, request_id or f"r{revision}", command, principal), revision)

    def raise_level(self, level=SUPPORTED_LEVEL):
        for following in range(FIRST_LEVEL + 1, level + 1):
            self.do(RaiseLevel(following))

    def execute(self, request, revision):
        execution = execute(self.state, request, revision)
        self.state.apply(request, execution)
        return execution

    def decide(self, command):
        return told(decide(self.state, command))


def told(decision):
    """Write an outcome, and what it changes: one line each."""
    return [_outcome(decision.outcome), *map(_change, decision.changes)]


def _outcome(outcome):
    match outcome:
        case Done(document, orders_affected):
            affected = f", {orders_affected} orders affected" if orders_affected else ""
            return f"done: {_document(document) if document else 'nothing left'}{affected}"
        case Refused(reason, field, details):
            return " ".join([reason.value, field or "-", *(f"{name}={value}" for name, value in details)])


def _change(change):
    match change:
        case Put(document):
            return f"put {_document(document)}"
        case Delete(kind, document_id):
            return f"delete {kind.value} {document_id}"


def _document(document):
    match document:
        case Customer(customer_id, name, extra, version):
            return f"customer {customer_id} v{version} '{name}'{_extra(extra)}"
        case Product(product_id, name, description, price, quantity, extra, version, reorder_level):
            about = f" '{description}'" if description else ""
            least = f" reorder at {reorder_level}" if reorder_level else ""
            return f"product {product_id} v{version} '{name}'{about} {quantity} at {price}{least}{_extra(extra)}"
        case Order(order_id, customer_id, created_at_ms, items, version, extra):
            lines = ", ".join(map(_item, items)) or "nothing"
            return f"order {order_id} v{version} of {customer_id} @{created_at_ms}{_extra(extra)}: {lines}"
        case Credential():
            owner = f" of {document.customer_id}" if document.customer_id else ""
            hashes = f"{document.secret_hash[:1]}{document.previous_hash[:1] or '-'}"
            until = f" until {document.expires_at_ms}" if document.expires_at_ms else ""
            return (
                f"credential {document.credential_id[:1]} v{document.version} {document.role}{owner} "
                f"'{document.label}' g{document.generation} {hashes} @{document.created_at_ms}{until}"
            )


def _item(item):
    return f"{item.quantity} {item.product_id} '{item.name}' at {item.unit_price}{_extra(item.extra)}"


def _extra(extra):
    return "".join(f" {name}={text}" for name, text in extra)


@pytest.fixture
def empty_shop():
    return Shop()


@pytest.fixture
def shop():
    """Two customers and three products; Ana has two orders, the second of them empty. The last version is 9."""
    shop = Shop()
    for command in (
        CreateCustomer("ana", "Ana"),
        CreateCustomer("bia", "Bia", (("age", "30"), ("vip", "true"))),
        CreateProduct("rice", "Rice", 250, 100),
        CreateProduct("beans", "Beans", 800, 10, "Black ones", (("origin", '"Minas"'),)),
        CreateProduct("salt", "Salt", 0, 0),
        CreateOrder("ana", "o1", 1000, (ItemQuantity("rice", 5), ItemQuantity("beans", 2))),
        CreateOrder("ana", "o2", 2000),
    ):
        assert isinstance(shop.do(command).outcome, Done)
    assert shop.state.last_version == 9
    return shop
