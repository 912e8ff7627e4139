"""What is recorded of each kind of change: a decision table, and what is never recorded."""

from itertools import count

import pytest

from quitanda.domain import document_history, machine
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrder,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    ItemQuantity,
    PlaceOrder,
    Principal,
    RaiseLevel,
    Request,
    RotateCredential,
    SetOrderItems,
    UpdateCustomer,
)
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Kind
from quitanda.domain.webhook_commands import (
    CreateWebhook,
    DeleteWebhook,
    RecordDelivery,
    RepeatDeadLetters,
    RotateWebhookSecret,
    SendTestEvent,
    TakeSenderLease,
    UpdateWebhook,
)
from quitanda_testing.in_memory_state import InMemoryState

SECRET, NEXT_SECRET = "a" * 64, "b" * 64
STAFF, HERS = "staff2345672", "hers23456723"
NOW = 1_795_000_000_000
URL = "https://receiver.example/"


class Shop:
    """A state at the level of histories, and the record of the last request that changed it."""

    def __init__(self):
        self.state = InMemoryState()
        self._numbers = count(1)
        for level in range(2, SUPPORTED_LEVEL + 1):
            self.do(RaiseLevel(level))

    def do(self, command, principal=None):
        request = Request("", f"r{next(self._numbers)}", command, principal, NOW)
        execution = machine.execute(self.state, request, 7)
        record = document_history.recorded(self.state, request, execution.changes, self.deletion_of, execution.webhooks)
        self.state.apply(request, execution)
        assert self.state.last_version == (record.changes[-1].number if record.changes else self.state.last_version)
        return record

    @staticmethod
    def deletion_of(kind, document_id):
        return 2 if (kind, document_id) == (Kind.PRODUCT, "again") else 0


@pytest.fixture
def shop():
    shop = Shop()
    shop.do(CreateCustomer("ana", "Ana", (("vip", "true"),), HERS, SECRET, NOW))
    shop.do(CreateProduct("pen", "Pen", 250, 10))
    shop.do(CreateProduct("ink", "Ink", 300, 5))
    shop.do(CreateOrder("ana", "o1", NOW, (ItemQuantity("pen", 2, (("gift", "1"),)),), (("note", '"x"'),)))
    return shop


def told(record):
    return [
        (each.number, each.kind.value, each.document_id, each.previous, each.deleted, fields_of(each))
        for each in record.changes
    ]


def fields_of(change):
    return {
        f"{each.product_id}.{each.name}" if each.product_id else each.name: (each.before, each.after)
        for each in change.fields
    }


# versions before: customer 1, her credential 2, pen 3, ink 4, then o1 5, pen 6
TABLE = [
    (
        UpdateCustomer("ana", "Anne", (("since", "2026"), ("vip", "null"))),
        [(7, "customer", "ana", 1, False, {"name": ("Ana", "Anne"), "vip": ("true", None), "since": (None, "2026")})],
    ),
    (AdjustStock("pen", 5), [(7, "product", "pen", 6, False, {"quantity": (8, 13)})]),
    (
        SetOrderItems("ana", "o1", (ItemQuantity("pen", 3), ItemQuantity("ink", 1))),
        [
            (
                7,
                "order",
                "o1",
                5,
                False,
                {
                    "pen.quantity": (2, 3),
                    "ink.name": (None, "Ink"),
                    "ink.unit_price": (None, 300),
                    "ink.quantity": (None, 1),
                },
            ),
            (8, "product", "pen", 6, False, {"quantity": (8, 7)}),
            (9, "product", "ink", 4, False, {"quantity": (5, 4)}),
        ],
    ),
    (
        SetOrderItems("ana", "o1", (ItemQuantity("pen", 0),), extra=(("note", "2"),)),
        [
            (
                7,
                "order",
                "o1",
                5,
                False,
                {
                    "note": ('"x"', "2"),
                    "pen.name": ("Pen", None),
                    "pen.unit_price": (250, None),
                    "pen.quantity": (2, None),
                    "pen.gift": ("1", None),
                },
            ),
            (8, "product", "pen", 6, False, {"quantity": (8, 10)}),
        ],
    ),
    (
        CancelOrder("ana", "o1"),
        [
            (7, "product", "pen", 6, False, {"quantity": (8, 10)}),
            (8, "order", "o1", 5, False, {"state": ("open", "cancelled"), "state_since_ms": (0, NOW)}),
        ],
    ),
    (
        PlaceOrder("ana", "o1"),
        [
            (
                7,
                "order",
                "o1",
                5,
                False,
                {"state": ("open", "placed"), "state_since_ms": (0, NOW), "placed_at_ms": (0, NOW)},
            )
        ],
    ),
    (
        DeleteProduct("pen", cascade=True),
        [
            (
                7,
                "order",
                "o1",
                5,
                False,
                {
                    "pen.name": ("Pen", None),
                    "pen.unit_price": (250, None),
                    "pen.quantity": (2, None),
                    "pen.gift": ("1", None),
                },
            ),
            (8, "product", "pen", 6, True, {}),
        ],
    ),
    (
        DeleteCustomer("ana", cascade=True),
        [
            (7, "product", "pen", 6, False, {"quantity": (8, 10)}),
            (
                8,
                "order",
                "o1",
                5,
                False,
                {
                    "customer_id": (None, ""),
                    "state": ("open", "cancelled"),
                    "state_since_ms": (0, NOW),
                    "note": (None, None),
                    "pen.gift": (None, None),
                },
            ),
            (9, "credential", HERS, 2, True, {}),
            (10, "customer", "ana", 1, True, {}),
        ],
    ),
    (
        CreateProduct("again", "Again", 100, 1),
        [
            (
                7,
                "product",
                "again",
                2,
                False,
                {
                    "name": (None, "Again"),
                    "description": (None, ""),
                    "price": (None, 100),
                    "quantity": (None, 1),
                },
            )
        ],
    ),
    (UpdateCustomer("ana", "Ana"), []),
    (UpdateCustomer("bob", "Bob"), []),
]


@pytest.mark.parametrize(("command", "expected"), TABLE, ids=[type(command).__name__ for command, _ in TABLE])
def test_what_is_recorded(shop, command, expected):
    assert told(shop.do(command)) == expected


def test_a_record_says_who_asked_what(shop):
    shop.do(CreateCredential(STAFF, "admin", "Office", SECRET, NOW))

    record = shop.do(AdjustStock("pen", 1), Principal(STAFF, 1))

    assert (record.command, record.credential_id, record.request.received_at_ms) == ("adjust_stock", STAFF, NOW)


def test_no_hash_of_a_secret_is_ever_recorded(shop):
    created = shop.do(CreateCredential(STAFF, "admin", "Office", SECRET, NOW))
    rotated = shop.do(RotateCredential(STAFF, NEXT_SECRET))

    assert "role" in fields_of(created.changes[0])
    assert fields_of(rotated.changes[0]) == {"generation": (1, 2)}
    recorded = [
        value for record in (created, rotated) for pair in fields_of(record.changes[0]).values() for value in pair
    ]
    assert not {SECRET, NEXT_SECRET} & set(recorded)


def test_of_a_webhook_what_administrators_change_is_recorded_and_no_secret(shop):
    shop.do(CreateCredential(STAFF, "admin", "Office", SECRET, NOW))
    created = shop.do(CreateWebhook("hook", URL, "order_placed", SECRET, NOW), Principal(STAFF, 1))
    changed = shop.do(UpdateWebhook("hook", enabled=False))
    rotated = shop.do(RotateWebhookSecret("hook", NEXT_SECRET))
    deleted = shop.do(DeleteWebhook("hook"))

    assert fields_of(created.changes[0]) == {
        "url": (None, URL),
        "events": (None, "order_placed"),
        "enabled": (None, True),
        "created_at_ms": (None, NOW),
    }
    assert (created.command, created.credential_id) == ("create_webhook", STAFF)
    assert fields_of(changed.changes[0]) == {"enabled": (True, False)}
    assert fields_of(rotated.changes[0]) == {}
    assert (deleted.changes[0].deleted, deleted.changes[0].fields) == (True, ())
    changes = [record.changes[0] for record in (created, changed, rotated, deleted)]
    assert {(change.kind, change.document_id) for change in changes} == {(Kind.WEBHOOK, "hook")}
    assert [change.previous for change in changes] == [0, *(change.number for change in changes[:-1])]


def test_what_a_sender_writes_down_and_what_changes_nothing_is_not_recorded(shop):
    shop.do(CreateWebhook("hook", URL, "order_placed", SECRET, NOW))
    for command in (
        UpdateWebhook("hook", URL, "order_placed", enabled=True),
        SendTestEvent("hook"),
        RepeatDeadLetters("hook"),
        TakeSenderLease("portal", 0, 0),
        RecordDelivery("hook", 1, "delivered", shop.state.last_version),
    ):
        assert shop.do(command).changes == ()


def test_versions_that_are_not_the_next_ones_are_a_bug_and_no_record(shop):
    request = Request("", "r", AdjustStock("pen", 1), None, NOW)
    execution = machine.execute(shop.state, request, 7)
    shop.do(AdjustStock("ink", 1))

    with pytest.raises(ValueError, match="product pen got version 7 instead of 8"):
        document_history.recorded(shop.state, request, execution.changes, Shop.deletion_of)
