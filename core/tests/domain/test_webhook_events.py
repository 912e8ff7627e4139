"""Which change of a document is which event, by what the history records of it."""

import json

import pytest

from quitanda.codec.change_records import encode_records, read_changes
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
    ImportedItem,
    ImportOrder,
    ItemQuantity,
    PlaceOrder,
    RaiseLevel,
    Request,
    ReturnOrder,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.document_history import recorded
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.machine import execute
from quitanda.domain.outcomes import Done
from quitanda.domain.webhook_events import event_of
from quitanda_testing.in_memory_state import InMemoryState


class ToldShop:
    def __init__(self):
        self.state = InMemoryState()
        self.number = 0
        for level in range(2, SUPPORTED_LEVEL + 1):
            self.events_of(RaiseLevel(level))
        self.events_of(CreateCustomer("ana", "Ana"))
        self.events_of(CreateProduct("tea", "Tea", 250, 10, reorder_level=3))

    def events_of(self, command):
        """Execute a command; give the events that its record is read as, by the documents' ids."""
        self.number += 1
        scope = "" if not hasattr(command, "customer_id") or "Customer" in type(command).__name__ else "ana"
        request = Request(scope, f"r{self.number}", command)
        execution = execute(self.state, request, self.number)
        assert isinstance(execution.outcome, Done), execution.outcome
        told = {}
        if execution.changes:
            record = recorded(self.state, request, execution.changes, lambda *_: 0)
            for _, _, name, kind, document_id, fields in read_changes(encode_records(self.number, [record])):
                if event := event_of(name, kind, fields):
                    told[document_id] = event
        self.state.apply(request, execution)
        return told


@pytest.fixture
def shop():
    return ToldShop()


def test_each_move_of_an_order_is_one_event(shop):
    tea = ItemQuantity("tea", 2)
    assert shop.events_of(CreateOrder("ana", "o1", 1, (tea,))) == {"o1": "order_created"}
    assert shop.events_of(SetOrderItems("ana", "o1", (ItemQuantity("tea", 3),))) == {}
    assert shop.events_of(PlaceOrder("ana", "o1")) == {"o1": "order_placed"}
    assert shop.events_of(FulfilOrder("o1")) == {"o1": "order_fulfilled"}
    assert shop.events_of(ReturnOrder("o1", (ItemQuantity("tea", 1),))) == {"o1": "order_returned"}
    assert shop.events_of(ReturnOrder("o1")) == {"o1": "order_returned"}


def test_a_cancelled_order_is_told_whoever_cancels_it_and_its_id_can_be_created_again(shop):
    for cancel in (CancelOrder("ana", "o1"), CancelOrderItems("o1")):
        shop.events_of(CreateOrder("ana", "o1", 1, (ItemQuantity("tea", 2),)))
        assert shop.events_of(cancel) == {"o1": "order_cancelled"}

    assert shop.events_of(CreateOrder("ana", "o1", 1)) == {"o1": "order_created"}


def test_a_product_that_comes_down_to_its_reorder_level_and_rises_again_is_told_once_each(shop):
    assert shop.events_of(AdjustStock("tea", -6)) == {}
    assert shop.events_of(AdjustStock("tea", -1)) == {"tea": "product_low"}
    assert shop.events_of(AdjustStock("tea", -1)) == {}
    assert shop.events_of(UpdateProduct("tea", reorder_level=1)) == {"tea": "product_restocked"}
    assert shop.events_of(CreateOrder("ana", "o1", 1, (ItemQuantity("tea", 1),))) == {
        "o1": "order_created",
        "tea": "product_low",
    }


def test_an_imported_order_is_no_event_and_its_later_moves_are(shop):
    assert shop.events_of(ImportOrder("o1", 5, "open", "ana", (ImportedItem("tea", "Tea", 250, 2),))) == {}
    assert shop.events_of(PlaceOrder("ana", "o1")) == {"o1": "order_placed"}
    assert shop.events_of(ImportOrder("o2", 5, "cancelled", "ana", (ImportedItem("tea", "Tea", 250, 2),))) == {}


def test_products_are_told_as_they_come_and_go(shop):
    assert shop.events_of(CreateProduct("pen", "Pen", 1, 1)) == {"pen": "product_created"}
    assert shop.events_of(DeleteProduct("pen")) == {"pen": "product_deleted"}


def test_changes_of_customers_are_no_events_and_a_deleted_customers_orders_are_not_created_anew(shop):
    shop.events_of(CreateOrder("ana", "o1", 1))
    shop.events_of(CancelOrder("ana", "o1"))

    assert shop.events_of(UpdateCustomer("ana", "Anna")) == {}
    assert shop.events_of(DeleteCustomer("ana")) == {}


@pytest.mark.parametrize("value", [True, False])
def test_a_custom_field_with_the_name_low_is_no_event(shop, value):
    assert shop.events_of(UpdateProduct("tea", extra=(("low", json.dumps(value)),))) == {}
