"""Bad values over gRPC: every operation of both contracts, every field, each refused by its reason and its name."""

import asyncio

import pytest

from quitanda.operations import OPERATIONS, DocumentOperation, PasswordOperation, WatchOperation, WebhookOperation
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import client_portal_pb2 as client
from quitanda_testing import bad_values as bad
from quitanda_testing.raw_grpc import NEED_AN_IDENTITY, raw_portal

pytest_plugins = ("bad_input_fixtures",)
pytestmark = pytest.mark.usefixtures("unharmed")

ADMIN, CLIENT = "quitanda.v1.AdminPortal", "quitanda.v1.ClientPortal"
INVALID = "INVALID_ARGUMENT"


def rows(field, values):
    """Rows of one field: (what is changed in a good request, the field that is named, the problem)."""
    return [({field: value}, field, problem) for value, problem in values]


REQUEST_ID = rows("request_id", bad.GIVEN_IDS)
VERSION = rows("expected_version", bad.VERSIONS)
EXTRA = [({"extra": extra}, field, problem) for extra, field, problem in bad.EXTRAS]
ORDER_EXTRA = [
    *(row for row in EXTRA if row[1] != "extra.name"),
    ({"extra": {"total": "1"}}, "extra.total", "reserved"),
]
ITEM_EXTRA = [
    *(row for row in EXTRA if row[1] != "extra.version"),
    ({"extra": {"unit_price": "1"}}, "extra.unit_price", "reserved"),
]
CUSTOMER_ID, PRODUCT_ID, ORDER_ID = (rows(f"{kind}_id", bad.IDS) for kind in ("customer", "product", "order"))
NAME, DESCRIPTION = rows("name", bad.NAMES), rows("description", bad.DESCRIPTIONS)
PRICE = rows("price_minor_units", bad.PRICES)
QUANTITY = rows("quantity", bad.QUANTITIES)
REORDER_LEVEL = rows("reorder_level", bad.QUANTITIES)
CONSISTENCY = [
    *rows("consistency", [(3, "unknown_value"), (-1, "unknown_value"), (2**31 - 1, "unknown_value")]),
    *rows("min_revision", [(10**15, "too_large"), (bad.UINT64_MAX, "too_large")]),
]
PAGE = rows("page_size", bad.PAGE_SIZES) + rows("page_token", bad.PAGE_TOKENS)
STATES = [
    *(({"states": ["open", name]}, "states[1]", "unknown_value") for name in ("", "OPEN", "sold", "x" * 1_000)),
    ({"states": ["open"] * 7}, "states", "too_many"),
]
WORDS = rows("words", bad.WORDS)
PRICES = [
    *rows("price_from_minor_units", bad.PRICES),
    *rows("price_to_minor_units", bad.PRICES),
    ({"price_from_minor_units": 2, "price_to_minor_units": 1}, "price_from_minor_units", "too_large"),
]
CREDENTIAL_ID = rows("credential_id", bad.CREDENTIAL_IDS)
GOOD_PASSWORD = "nine green bottles"
PASSWORD = rows("password", bad.PASSWORDS)
NO_PASSWORD = [({"password": ""}, "password", "missing")]
RECEIVER = "https://receiver.example/"
WEBHOOK_ID = rows("webhook_id", bad.IDS)
URLS = rows("url", bad.WEBHOOK_URLS)
EVENTS = rows("events", bad.WEBHOOK_EVENTS)
KINDS = [
    ({"kinds": []}, "kinds", "missing"),
    ({"kinds": ["customer"]}, "kinds[0]", "unknown_value"),
    ({"kinds": ["product", "Order"]}, "kinds[1]", "unknown_value"),
    ({"kinds": ["order", "order"]}, "kinds", "duplicate"),
    ({"kinds": ["order", "product", "order"]}, "kinds", "too_many"),
]
OF_CUSTOMER = [row for row in CUSTOMER_ID if row[0]["customer_id"]]
"""Without a customer, the list is of staff."""
OF_PRODUCT = [row for row in PRODUCT_ID if row[0]["product_id"]]
NO_TIME = [
    ({"created_from_ms": begin, "created_before_ms": end}, "created_before_ms", "empty_range")
    for begin, end in [(2, 1), (1, 1), (10**13, 1)]
]
OWNER = [
    *rows("customer_id", [*bad.IDS, ("a", "unknown_field")]),  # only a customer's credential has an owner
    ({"role": "customer"}, "customer_id", "missing"),
    *(({"role": "customer", "customer_id": value}, "customer_id", problem) for value, problem in bad.IDS),
]


def item_rows():
    """Rows of the second of two items, and of the list as a whole."""
    good = client.ItemQuantity(product_id="good", quantity=1)
    faults = [
        *(({"product_id": value, "quantity": 1}, "product_id", problem) for value, problem in bad.IDS),
        *(({"product_id": "a", "quantity": value}, "quantity", problem) for value, problem in bad.ITEM_QUANTITIES),
        ({"product_id": "a"}, "quantity", "missing"),
        *(({"product_id": "a", "quantity": 1, **changes}, name, problem) for changes, name, problem in ITEM_EXTRA),
    ]
    yield from (
        ({"items": [good, client.ItemQuantity(**fields)]}, f"items[1].{name}", problem)
        for fields, name, problem in faults
    )
    yield {"items": [good] * bad.TOO_MANY_ITEMS}, "items", "too_many"
    half = client.ItemQuantity(product_id="a", quantity=600_000)
    yield {"items": [half, half]}, "items[1].quantity", "too_large"


ITEMS = list(item_rows())


def unit_rows():
    """Rows of the second of two numbers of units of an order, and of the list as a whole."""
    good = admin.OrderUnits(product_id="good", quantity=1)
    faults = [
        *(({"product_id": value, "quantity": 1}, "product_id", problem) for value, problem in bad.IDS),
        *(({"product_id": "a", "quantity": value}, "quantity", problem) for value, problem in bad.ITEM_QUANTITIES),
        ({"product_id": "a", "quantity": 0}, "quantity", "zero"),
        ({"product_id": "a"}, "quantity", "missing"),
    ]
    yield from (
        ({"items": [good, admin.OrderUnits(**fields)]}, f"items[1].{name}", problem) for fields, name, problem in faults
    )
    yield {"items": [good] * bad.TOO_MANY_ITEMS}, "items", "too_many"


UNITS = list(unit_rows())
DEADLINE = [*rows("expires_at_ms", bad.TIMES), ({"expires_at_ms": None}, "expires_at_ms", "missing")]


def imported_rows():
    """Rows of the second of two items of an order that is imported, of its state and of its times."""
    good = {"product_id": "a", "name": "Pão", "unit_price_minor_units": 1, "quantity": 2}
    faults = [
        *(({"product_id": value}, "product_id", problem) for value, problem in bad.IDS),
        *(({"name": value}, "name", problem) for value, problem in bad.NAMES),
        *rows("unit_price_minor_units", [*bad.PRICES, (None, "missing")]),
        *rows("quantity", [*bad.ITEM_QUANTITIES, (0, "zero"), (None, "missing")]),
        *rows("returned", [*bad.ITEM_QUANTITIES, (3, "too_large"), (1, "too_large")]),  # an open order has no returns
        *rows("restocked", [*bad.ITEM_QUANTITIES, (1, "too_large")]),
        *ITEM_EXTRA,
        ({}, "product_id", "duplicate"),
    ]
    for changes, name, problem in faults:
        items = [admin.ImportedItem(**good), admin.ImportedItem(**good | {"product_id": "b"} | changes)]
        if problem == "duplicate":
            items[1].product_id = "a"
        yield {"items": items}, f"items[1].{name}", problem
    yield {"items": [admin.ImportedItem(**good)] * bad.TOO_MANY_ITEMS}, "items", "too_many"
    yield from rows("state", [("", "missing"), *((text, "unknown_value") for text in ("OPEN", "sold", "x" * 1_000))])
    yield from (({"state": state}, "items", "missing") for state in ("placed", "fulfilled", "returned"))
    for state, returned in [("fulfilled", 2), ("returned", 1)]:
        items = [admin.ImportedItem(**good, returned=returned)]
        yield {"state": state, "items": items}, "state", "unknown_value"
    yield {"created_at_ms": None}, "created_at_ms", "missing"
    yield {"customer_id": None}, "customer_id", "missing"
    for name in ("created_at_ms", "state_since_ms", "placed_at_ms", "expires_at_ms"):
        yield from rows(name, bad.TIMES)
    yield {"placed_at_ms": 1}, "placed_at_ms", "too_large"
    yield {"state": "cancelled", "expires_at_ms": 1}, "expires_at_ms", "too_large"


IMPORTED = list(imported_rows())

MATRIX = [
    (ADMIN, "CreateCustomer", admin.CreateCustomerRequest, {"customer_id": "a", "name": "Ana"},
     [*CUSTOMER_ID, *NAME, *EXTRA, *REQUEST_ID]),
    (ADMIN, "GetCustomer", admin.GetCustomerRequest, {"customer_id": "a"}, [*CUSTOMER_ID, *CONSISTENCY]),
    (ADMIN, "UpdateCustomer", admin.UpdateCustomerRequest, {"customer_id": "a", "name": "Ana"},
     [*CUSTOMER_ID, *NAME, *EXTRA, *REQUEST_ID, *VERSION, ({"name": None}, "", "nothing_to_change")]),
    (ADMIN, "DeleteCustomer", admin.DeleteCustomerRequest, {"customer_id": "a"},
     [*CUSTOMER_ID, *REQUEST_ID, *VERSION]),
    (ADMIN, "ListCustomers", admin.ListCustomersRequest, {}, PAGE),
    (ADMIN, "FindCustomers", admin.FindCustomersRequest, {}, [*WORDS, *PAGE]),
    (ADMIN, "CreateProduct", admin.CreateProductRequest,
     {"product_id": "a", "name": "Pão", "price_minor_units": 1, "quantity": 1},
     [*PRODUCT_ID, *NAME, *DESCRIPTION, *PRICE, *QUANTITY, *REORDER_LEVEL, *EXTRA, *REQUEST_ID,
      ({"price_minor_units": None}, "price_minor_units", "missing"), ({"quantity": None}, "quantity", "missing")]),
    (ADMIN, "GetProduct", admin.GetProductRequest, {"product_id": "a"}, [*PRODUCT_ID, *CONSISTENCY]),
    (ADMIN, "UpdateProduct", admin.UpdateProductRequest, {"product_id": "a", "name": "Pão"},
     [*PRODUCT_ID, *NAME, *DESCRIPTION, *PRICE, *QUANTITY, *REORDER_LEVEL, *EXTRA, *REQUEST_ID, *VERSION,
      ({"name": None}, "", "nothing_to_change")]),
    (ADMIN, "DeleteProduct", admin.DeleteProductRequest, {"product_id": "a"}, [*PRODUCT_ID, *REQUEST_ID, *VERSION]),
    (ADMIN, "ListProducts", admin.ListProductsRequest, {}, PAGE),
    (ADMIN, "FindProducts", admin.FindProductsRequest, {}, [*WORDS, *PRICES, *PAGE]),
    (ADMIN, "AdjustStock", admin.AdjustStockRequest, {"product_id": "a", "delta": 1},
     [*PRODUCT_ID, *rows("delta", bad.DELTAS), ({"delta": None}, "delta", "missing"), *REQUEST_ID, *VERSION]),
    (ADMIN, "GetOrder", admin.GetOrderForStaffRequest, {"order_id": "o"}, [*ORDER_ID, *CONSISTENCY]),
    (ADMIN, "FindOrders", admin.FindOrdersRequest, {},
     [*OF_CUSTOMER, *OF_PRODUCT, *STATES, *rows("created_from_ms", bad.TIMES), *rows("created_before_ms", bad.TIMES),
      *NO_TIME, *PAGE]),
    (ADMIN, "FulfilOrder", admin.FulfilOrderRequest, {"order_id": "o"}, [*ORDER_ID, *REQUEST_ID, *VERSION]),
    (ADMIN, "ReturnOrder", admin.ReturnOrderRequest, {"order_id": "o"}, [*ORDER_ID, *UNITS, *REQUEST_ID, *VERSION]),
    (ADMIN, "CancelOrderItems", admin.CancelOrderItemsRequest, {"order_id": "o"},
     [*ORDER_ID, *UNITS, *REQUEST_ID, *VERSION]),
    (ADMIN, "SetOrderDeadline", admin.SetOrderDeadlineRequest, {"order_id": "o", "expires_at_ms": 0},
     [*ORDER_ID, *DEADLINE, *REQUEST_ID, *VERSION]),
    (ADMIN, "ImportOrder", admin.ImportOrderRequest,
     {"order_id": "o", "customer_id": "a", "created_at_ms": 1, "state": "open"},
     [*ORDER_ID, *CUSTOMER_ID, *IMPORTED, *ORDER_EXTRA, *REQUEST_ID]),
    (ADMIN, "CreateCredential", admin.CreateCredentialRequest, {"role": "clerk", "label": "Ana"},
     [*rows("role", bad.ROLES), *rows("label", bad.NAMES), *rows("expires_at_ms", bad.TIMES), *OWNER, *REQUEST_ID]),
    (ADMIN, "ListCredentials", admin.ListCredentialsRequest, {}, [*OF_CUSTOMER, *PAGE]),
    (ADMIN, "RotateCredential", admin.RotateCredentialRequest, {"credential_id": "a" * 12},
     [*CREDENTIAL_ID, *REQUEST_ID, *VERSION]),
    (ADMIN, "RevokeCredential", admin.RevokeCredentialRequest, {"credential_id": "a" * 12},
     [*CREDENTIAL_ID, *REQUEST_ID, *VERSION]),
    (ADMIN, "CreateWebhook", admin.CreateWebhookRequest, {"url": RECEIVER, "events": "order_placed"},
     [*URLS, ({"url": None}, "url", "missing"), *EVENTS, ({"events": None}, "events", "missing"), *REQUEST_ID]),
    (ADMIN, "UpdateWebhook", admin.UpdateWebhookRequest, {"webhook_id": "w", "enabled": True},
     [*WEBHOOK_ID, *URLS, *EVENTS, *REQUEST_ID, ({"enabled": None}, "", "nothing_to_change")]),
    (ADMIN, "RotateWebhookSecret", admin.RotateWebhookSecretRequest, {"webhook_id": "w"}, [*WEBHOOK_ID, *REQUEST_ID]),
    (ADMIN, "DeleteWebhook", admin.DeleteWebhookRequest, {"webhook_id": "w"}, [*WEBHOOK_ID, *REQUEST_ID]),
    (ADMIN, "RepeatDeadLetters", admin.RepeatDeadLettersRequest, {"webhook_id": "w"},
     [*WEBHOOK_ID, *rows("letter_id", bad.LETTER_IDS), *REQUEST_ID]),
    (ADMIN, "SendTestEvent", admin.SendTestEventRequest, {"webhook_id": "w"}, [*WEBHOOK_ID, *REQUEST_ID]),
    (ADMIN, "ListWebhooks", admin.ListWebhooksRequest, {}, []),
    (CLIENT, "CreateOrder", client.CreateOrderRequest, {"customer_id": "a"},
     [*CUSTOMER_ID, *ITEMS, *ORDER_EXTRA, *REQUEST_ID]),
    (CLIENT, "SetOrderItem", client.SetOrderItemRequest,
     {"customer_id": "a", "order_id": "o", "product_id": "p", "quantity": 1},
     [*CUSTOMER_ID, *ORDER_ID, *PRODUCT_ID, *rows("quantity", bad.ITEM_QUANTITIES), *ITEM_EXTRA, *REQUEST_ID, *VERSION,
      ({"quantity": None}, "quantity", "missing")]),
    (CLIENT, "SetOrderItems", client.SetOrderItemsRequest,
     {"customer_id": "a", "order_id": "o", "items": [client.ItemQuantity(product_id="p", quantity=1)]},
     [*CUSTOMER_ID, *ORDER_ID, *ITEMS, *ORDER_EXTRA, *REQUEST_ID, *VERSION, ({"items": []}, "items", "missing")]),
    (CLIENT, "GetOrder", client.GetOrderRequest, {"customer_id": "a", "order_id": "o"},
     [*CUSTOMER_ID, *ORDER_ID, *CONSISTENCY]),
    (CLIENT, "ListOrders", client.ListOrdersRequest, {"customer_id": "CUSTOMER"}, [*CUSTOMER_ID, *PAGE, *STATES]),
    (CLIENT, "CancelOrder", client.CancelOrderRequest, {"customer_id": "a", "order_id": "o"},
     [*CUSTOMER_ID, *ORDER_ID, *REQUEST_ID, *VERSION]),
    (CLIENT, "PlaceOrder", client.PlaceOrderRequest, {"customer_id": "a", "order_id": "o"},
     [*CUSTOMER_ID, *ORDER_ID, *REQUEST_ID, *VERSION]),
    (CLIENT, "SetOrderDeadline", client.SetOwnOrderDeadlineRequest,
     {"customer_id": "a", "order_id": "o", "expires_at_ms": 0},
     [*CUSTOMER_ID, *ORDER_ID, *DEADLINE, *REQUEST_ID, *VERSION]),
    (CLIENT, "GetProduct", client.GetProductForCustomerRequest, {"customer_id": "a", "product_id": "p"},
     [*CUSTOMER_ID, *PRODUCT_ID, *CONSISTENCY]),
    (CLIENT, "ListProducts", client.ListProductsForCustomerRequest, {"customer_id": "CUSTOMER"}, [*CUSTOMER_ID, *PAGE]),
    (ADMIN, "Watch", admin.WatchRequest, {"kinds": ["product"]}, KINDS),
    (CLIENT, "Watch", client.WatchForCustomerRequest, {"customer_id": "CUSTOMER", "kinds": ["order"]},
     [*CUSTOMER_ID, *KINDS]),
    (CLIENT, "FindProducts", client.FindProductsForCustomerRequest, {"customer_id": "CUSTOMER"},
     [*CUSTOMER_ID, *WORDS, *PRICES, *PAGE]),
    (ADMIN, "SetPassword", admin.SetPasswordRequest, {"password": GOOD_PASSWORD},
     [*PASSWORD, *(row for row in CREDENTIAL_ID if row[0]["credential_id"]), *REQUEST_ID]),
    (ADMIN, "SignIn", admin.SignInRequest, {"name": "Ana", "password": GOOD_PASSWORD},
     [*NO_PASSWORD, *rows("name", [("", "missing"), ("x" * 201, "too_long"), ("x" * 50_000, "too_long")])]),
    (CLIENT, "SignIn", client.CustomerSignInRequest, {"customer_id": "a", "password": GOOD_PASSWORD},
     [*NO_PASSWORD, *CUSTOMER_ID]),
]  # fmt: skip


SHOPS = (DocumentOperation, PasswordOperation, WatchOperation, WebhookOperation)
OF_PROVED_CALLERS = {(CLIENT, "RotateOwnCredential"), (CLIENT, "SetPassword")}
"""For customers' own credentials: core/tests/portal has their fields (test_callers.py, test_passwords_over_grpc.py)."""


def with_changes(kind, good, changes):
    """Make a good request bad; None takes a field away."""
    return kind(**{name: value for name, value in {**good, **changes}.items() if value is not None})


def portal_of(cluster, service):
    """Name one of the portals that offer the service."""
    return (cluster.admin_portals if service == ADMIN else cluster.client_portals)[0]


@pytest.mark.parametrize(
    ("service", "method", "kind", "good", "faults"), MATRIX, ids=[f"{row[0][12:]}-{row[1]}" for row in MATRIX]
)
async def test_a_bad_value_is_refused_by_its_field_and_changes_nothing(
    cluster, shop, state_unchanged, service, method, kind, good, faults
):
    if method in NEED_AN_IDENTITY and not cluster.callers.secure:
        pytest.skip("a portal without an identity does not have it")
    customer = (await shop.customer()).customer_id
    good = {name: customer if value == "CUSTOMER" else value for name, value in good.items()}
    async with state_unchanged(), raw_portal(cluster, portal_of(cluster, service), service) as portal:
        answers = await asyncio.gather(*(portal.call(method, with_changes(kind, good, row[0])) for row in faults))
        told = list(zip(faults, answers, strict=True))
        wrong = [
            (str(changes)[:80], answer.verdict, (INVALID, field, problem))
            for (changes, field, problem), answer in told
            if answer.verdict != (INVALID, field, problem)
        ]
        assert wrong == []
    assert all(answer.code == INVALID and answer.message for _, answer in told)
    unnamed = [answer.message for _, answer in told if answer.field and answer.field not in answer.message]
    assert unnamed == []


def test_the_matrix_has_every_operation_of_the_shop():
    operations = {(row.portal.service.full_name, row.label) for row in OPERATIONS if isinstance(row, SHOPS)}

    assert {row[:2] for row in MATRIX} == operations - OF_PROVED_CALLERS
