"""Bad requests over MQTT: every operation, every field, and payloads that are no requests at all."""

import asyncio
import json
from contextlib import suppress

import aiomqtt
import pytest
from unanswerable_mqtt import OTHER_TOPICS, UNANSWERABLE

from quitanda.domain.limits import EXTRA_BYTES_MAX, EXTRA_FIELDS_MAX, ITEMS_PER_ORDER_MAX, JSON_DEPTH_MAX
from quitanda.mqtt.topics import FEED_TOPIC, PREFIX, reply_topic, request_topic
from quitanda.operations import PortalKind, WatchOperation, document_operations_of, operations_of
from quitanda_clients.connecting import Transport
from quitanda_testing import bad_values as bad
from quitanda_testing.cluster.process_health import FORGERY_ALARM
from quitanda_testing.raw_mqtt import raw_client, raw_customer, verdict

pytest_plugins = ("bad_input_fixtures",)
pytestmark = pytest.mark.usefixtures("unharmed")

INVALID = "INVALID_ARGUMENT"
NESTED = "[" * JSON_DEPTH_MAX + "]" * JSON_DEPTH_MAX
MISTYPED = {
    "string": ("7", "1.5", "true", "[]", '["a"]', "{}"),
    "integer": ('"7"', '""', "true", "[]", "[7]", "{}"),
    "list": ("7", '"7"', "true", "{}", '{"product_id":"a"}'),
    "object": ("7", '"7"', "true", "[]", '[["a",1]]'),
}
"""JSON texts of other types than each."""

NUMBERS = (
    ("1.5", "not_an_integer"),
    ("1e-3", "not_an_integer"),
    ("0.1e0", "not_an_integer"),
    ("NaN", "not_a_number"),
    ("Infinity", "not_a_number"),
    ("-Infinity", "not_a_number"),
    ("1e999", "too_large"),
    ("-1e999", "negative"),
    ("1e9999", "too_large"),
    ("9" * 900, "too_large"),
    ("-" + "9" * 5_000, "too_large"),
    (str(2**63), "too_large"),
)
"""JSON texts that are no integers that anybody takes."""


def texts(values):
    """Write Python values as JSON texts."""
    return [(json.dumps(value), problem) for value, problem in values]


def string_rows(field, values, name=None):
    rows = [*texts(values), *((text, "wrong_type") for text in MISTYPED["string"])]
    rows += [("NaN", "not_a_number"), ('"\\ud800"', "not_utf8"), ("9" * 5_000, "too_large"), ('"a","x":1', None)]
    return [(field, text, name or field, problem) for text, problem in rows if problem]


def integer_rows(field, values, name=None):
    rows = [*texts(values), *NUMBERS, *((text, "wrong_type") for text in MISTYPED["integer"])]
    return [(field, text, name or field, problem) for text, problem in rows]


ORDER_ID, PRODUCT_ID = (string_rows(f"{kind}_id", bad.IDS) for kind in ("order", "product"))
REQUEST_ID = [("request_id", text, "request_id", problem) for text, problem in texts(bad.IDS)] + [
    ("request_id", text, "request_id", "wrong_type") for text in MISTYPED["string"]
]
QUANTITY = [*integer_rows("quantity", bad.ITEM_QUANTITIES[::2]), ("quantity", "-1e2", "quantity", "negative")]
VERSION = integer_rows("expected_version", [(0, "zero"), (-1, "negative")])
READ = [
    *string_rows("consistency", [("", "unknown_value"), ("CACHED", "unknown_value"), ("x" * 1_000, "unknown_value")]),
    *integer_rows("min_revision", [(-1, "negative"), (2**63 - 1, "too_large")]),
]
WORDS = string_rows("words", bad.WORDS)
PRICES = [
    *(
        (field, text, field, problem)
        for field in ("price_from", "price_to")
        for text, problem in (
            ("-0.01", "negative"),
            ("10000000.01", "too_large"),
            ("1.005", "too_many_decimals"),
            ('"cheap"', "not_a_number"),
            ("true", "wrong_type"),
            ("[]", "wrong_type"),
        )
    ),
    ("price_from", '2,"price_to":1.99', "price_from", "too_large"),
    *((field, "1", field, "wrong_type") for field in ("in_stock", "low")),
]
PAGE = [
    *integer_rows("page_size", bad.PAGE_SIZES),
    *((field, text, field, problem) for field, text, _, problem in string_rows("page_token", bad.PAGE_TOKENS)),
]
CLOSED = [("include_closed", text, "include_closed", "wrong_type") for text in ("1", '"yes"', "[]", "{}")]
STATES = [
    *(("states", text, "states", "wrong_type") for text in MISTYPED["list"]),
    *(("states", f'["open",{text}]', "states[1]", "wrong_type") for text in ("1", "null", "[]", "{}", "true")),
    *(("states", f'["open","{text}"]', "states[1]", "unknown_value") for text in ("", "OPEN", "sold", "x" * 1_000)),
    ("states", json.dumps(["open"] * 7), "states", "too_many"),
]


KINDS = [
    *(("kinds", text, "kinds", "wrong_type") for text in MISTYPED["list"]),
    ("kinds", "[]", "kinds", "missing"),
    *(("kinds", f'["order",{text}]', "kinds[1]", "wrong_type") for text in ("1", "null", "[]", "{}", "true")),
    *(
        ("kinds", f'["order","{text}"]', "kinds[1]", "unknown_value")
        for text in ("", "customer", "Product", "x" * 1_000)
    ),
    ("kinds", '["order","order"]', "kinds", "duplicate"),
    ("kinds", '["order","product","order"]', "kinds", "too_many"),
]


def extra_rows(reserved):
    """Rows of an object of fields of one's own, at a place that uses the name `reserved` itself."""
    yield from (("extra", text, "extra", "wrong_type") for text in MISTYPED["object"])
    yield "extra", f'{{"{reserved}":1}}', f"extra.{reserved}", "reserved"
    yield "extra", '{"":1}', "extra", "missing"
    yield "extra", '{"a":NaN}', "extra.a", "not_a_number"
    yield "extra", '{"a":1,"a":2}', "extra.a", "duplicate"
    yield "extra", f'{{"a":{NESTED}}}', "request", "too_deep"
    yield "extra", json.dumps(dict.fromkeys(map(str, range(EXTRA_FIELDS_MAX + 1)))), "extra", "too_many"
    yield "extra", json.dumps({"a": "x" * EXTRA_BYTES_MAX}), "extra.a", "too_large"


ORDER_EXTRA, ITEM_EXTRA = list(extra_rows("total")), list(extra_rows("unit_price"))


def item_rows():
    good = '{"product_id":"good","quantity":1}'
    for _, text, _, problem in PRODUCT_ID:
        yield "items", f'[{good},{{"product_id":{text},"quantity":1}}]', "items[1].product_id", problem
    for _, text, _, problem in QUANTITY:
        yield "items", f'[{good},{{"product_id":"a","quantity":{text}}}]', "items[1].quantity", problem
    yield "items", f'[{good},{{"product_id":"a"}}]', "items[1].quantity", "missing"
    yield "items", f'[{good},{{"quantity":1}}]', "items[1].product_id", "missing"
    yield "items", f'[{good},{{"product_id":"a","quantity":1,"price":0}}]', "items[1].price", "unknown_field"
    yield "items", f'[{good},{{"product_id":"a","quantity":1,"quantity":1}}]', "items[1].quantity", "duplicate"
    yield from (("items", f"[{good},{text}]", "items[1]", "wrong_type") for text in ("7", '"a"', "null", "[]"))
    yield from (("items", text, "items", "wrong_type") for text in MISTYPED["list"])
    yield from (
        (
            "items",
            f'[{good},{{"product_id":"a","quantity":1,"extra":{text}}}]',
            named if named == "request" else f"items[1].{named}",
            problem,
        )
        for _, text, named, problem in ITEM_EXTRA
    )
    yield "items", f"[{','.join([good] * (ITEMS_PER_ORDER_MAX + 1))}]", "items", "too_many"
    half = '{"product_id":"a","quantity":600000}'
    yield "items", f"[{half},{half}]", "items[1].quantity", "too_large"


ITEMS = list(item_rows())
SET_ITEM = {"order_id": '"o"', "product_id": '"p"', "quantity": "1"}
SET_ITEMS = {"order_id": '"o"', "items": '[{"product_id":"p","quantity":1}]'}
MATRIX = {
    "create_order": ({}, [*ITEMS, *ORDER_EXTRA, *REQUEST_ID]),
    "set_order_item": (SET_ITEM, [*ORDER_ID, *PRODUCT_ID, *QUANTITY, *ITEM_EXTRA, *VERSION, *REQUEST_ID]),
    "set_order_items": (
        SET_ITEMS,
        [*ORDER_ID, *ITEMS, *ORDER_EXTRA, *VERSION, *REQUEST_ID, ("items", "[]", "items", "missing")],
    ),
    "cancel_order": ({"order_id": '"o"'}, [*ORDER_ID, *VERSION, *REQUEST_ID]),
    "place_order": ({"order_id": '"o"'}, [*ORDER_ID, *VERSION, *REQUEST_ID]),
    "set_order_deadline": (
        {"order_id": '"o"', "expires_at_ms": "0"},
        [*ORDER_ID, *integer_rows("expires_at_ms", bad.TIMES), *VERSION, *REQUEST_ID],
    ),
    "get_order": ({"order_id": '"o"'}, [*ORDER_ID, *READ, *CLOSED, *REQUEST_ID]),
    "list_orders": ({}, [*PAGE, *STATES, *REQUEST_ID]),
    "get_product": ({"product_id": '"p"'}, [*PRODUCT_ID, *READ, *REQUEST_ID]),
    "list_products": ({}, [*PAGE, *REQUEST_ID]),
    "find_products": ({}, [*WORDS, *PRICES, *PAGE, *REQUEST_ID]),
    "watch": ({"kinds": '["product"]'}, [*KINDS, *integer_rows("after_revision", [(-1, "negative")]), *REQUEST_ID]),
}
"""For each operation the fields of a good request, as JSON texts, and rows (field, JSON text, field named, problem)."""

OF_PROVED_CALLERS = {"rotate_own_credential"}
"""For customers' own credentials: core/tests/portal/test_callers.py has its fields."""

WRONG_FOR_ALL = (
    ("unheard_of", "1", "unheard_of", "unknown_field"),
    ("quantitiy", "1", "quantitiy", "unknown_field"),
    ("x" * 1_000, "1", "x" * 64, "unknown_field"),
    ("customer_id", '"somebody-else"', "customer_id", "unknown_value"),
    ("customer_id", "7", "customer_id", "unknown_value"),
    ("unheard_of", NESTED, "request", "too_deep"),
    ("unheard_of", '{"a":1,"a":2}', "unheard_of.a", "duplicate"),
)


def test_the_matrix_has_every_operation_of_the_customers():
    watches = {name for name, each in operations_of(PortalKind.CLIENT).items() if isinstance(each, WatchOperation)}

    assert set(MATRIX) == (set(document_operations_of(PortalKind.CLIENT)) - OF_PROVED_CALLERS) | watches


def request(fields, proof):
    """Write a request of fields that are JSON texts, and of those that say who asks."""

    def write(reply_to):
        members = {"reply_to": json.dumps(reply_to), **{name: json.dumps(proof[name]) for name in proof}, **fields}
        return f"{{{','.join(f'{json.dumps(name)}:{text}' for name, text in members.items())}}}"

    return write


def rows_of(operation):
    """Give all rows of an operation as (fields, field named, problem)."""
    good, rows = MATRIX[operation]
    for field, text, named, problem in (*rows, *WRONG_FOR_ALL):
        yield {**good, field: text}, named, problem
    for field in good:
        yield {name: text for name, text in good.items() if name != field}, field, "missing"
        yield {**good, field: "null"}, field, "missing"


@pytest.mark.parametrize("operation", MATRIX)
async def test_a_bad_value_is_refused_by_its_field_and_changes_nothing(cluster, shop, state_unchanged, operation):
    customer_id = (await shop.customer()).customer_id
    rows = list(rows_of(operation))
    async with state_unchanged(), raw_customer(cluster, customer_id) as client:
        replies = await client.ask_all((operation, request(fields, client.proof)) for fields, _, _ in rows)

    assert [
        (str(fields)[:200], verdict(reply), (named, problem))
        for (fields, named, problem), reply in zip(rows, replies, strict=True)
        if verdict(reply) != (INVALID, named, problem)
    ] == []
    assert [reply["error"] for reply in replies if reply["error"]["field"] not in reply["error"]["message"]] == []


UNREADABLE = [
    (lambda start: start, "request", "not_json"),
    (lambda start: start + b"}", "request", "not_json"),
    (lambda start: start + b'"\xff\xfe"}', "request", "not_utf8"),
    (lambda start: start + b'"\0"}', "request", "not_json"),
    (lambda start: start + b"1}}", "request", "not_json"),
    (lambda start: b"[" + start + b"1}]", "request", "wrong_type"),
    (lambda start: start + b"[" * 60_000, "request", "too_deep"),
    (lambda start: start + b'{"a":' * 10_000, "request", "too_deep"),
    (lambda start: start + b"1," + start[1:] + b"2}", "reply_to", "duplicate"),
    (lambda start: start + b'"' + b"x" * 65_536 + b'"}', "request", "too_large"),
    (lambda start: start + b"9" * 60_000 + b"}", "x", "too_large"),
]
"""What follows the reply address in payloads that are no acceptable JSON objects; the field named; the problem."""


@pytest.mark.parametrize("operation", ["create_order", "list_products"])
async def test_a_payload_that_cannot_be_read_is_answered_where_it_names_a_reply_address(
    cluster, shop, state_unchanged, operation
):
    def writing(complete, proof):
        known = "".join(f'"{name}":"{text}",' for name, text in proof.items())
        return lambda reply_to: complete(f'{{"reply_to":"{reply_to}",{known}"request_id":"r-1","x":'.encode())

    customer_id = (await shop.customer()).customer_id
    async with state_unchanged(), raw_customer(cluster, customer_id) as client:
        replies = await client.ask_all((operation, writing(complete, client.proof)) for complete, _, _ in UNREADABLE)

    assert [verdict(reply) for reply in replies] == [(INVALID, field, problem) for _, field, problem in UNREADABLE]
    assert {reply["request_id"] for reply in replies} == {"r-1"}


@pytest.mark.parametrize("operation", ["CREATE_ORDER", "create order", "x" * 5_000, "_reader", "__class__", "🍎"])
async def test_an_operation_that_does_not_exist_is_said_so(cluster, shop, state_unchanged, operation):
    customer_id = (await shop.customer()).customer_id
    async with state_unchanged(), raw_customer(cluster, customer_id) as client:
        assert verdict(await client.ask(operation, client.envelope())) == (INVALID, "operation", "unknown_value")


@pytest.mark.parametrize("customer_id", ["a b", "Conceição", "-a", "x" * 65, "x" * 5_000, "$SYS", "🍎", "."])
@pytest.mark.processes_only(reason="containers have no open mode")
async def test_a_customer_who_cannot_be_is_refused(open_cluster, customer_id):
    """Where everybody has an identity she can have no certificate, and nobody else may publish on such a topic."""
    async with raw_customer(open_cluster, customer_id) as client:
        replies = await client.ask_all((operation, request(good, {})) for operation, (good, _) in MATRIX.items())

    assert {(reply["error"]["reason"], reply["error"]["field"]) for reply in replies} == {(INVALID, "customer_id")}


async def test_a_request_without_a_reply_address_has_no_effect_and_others_are_served(cluster, shop, state_unchanged):
    customer_id = (await shop.customer()).customer_id
    async with state_unchanged(), raw_customer(cluster, customer_id) as client:
        for operation in MATRIX:
            topic = request_topic(customer_id, operation)
            await asyncio.gather(*(client.publish(topic, data) for data in UNANSWERABLE))
            assert await client.orders() == []


async def test_a_payload_larger_than_the_broker_carries_ends_only_its_sender(cluster, shop):
    bystander = await shop.customer(Transport.MQTT)
    with suppress(aiomqtt.MqttError):  # the broker may throw the sender out
        async with raw_client(cluster, bystander.customer_id) as client:
            await client.publish(
                request_topic(bystander.customer_id, "create_order"), b"x" * 4_000_000, qos=1, timeout=2
            )

    assert (await bystander.list_orders()).documents == ()


async def test_a_request_on_another_topic_has_no_effect(cluster, shop, state_unchanged):
    customer = await shop.customer()
    async with state_unchanged(), raw_customer(cluster, customer.customer_id) as bystander:
        for topic in OTHER_TOPICS:
            with suppress(aiomqtt.MqttError):  # a broker may throw the sender out
                async with raw_client(cluster, customer.customer_id) as client:
                    for data in (b"", b"\xff", b'{"reply_to":"a"}'):
                        await client.publish(topic, data, qos=1, timeout=1)
        assert await bystander.orders() == []


@pytest.mark.parametrize("topic", ["+", "#", f"{PREFIX}/customers/+/requests/create_order", f"{PREFIX}/customers/#"])
async def test_wildcards_are_no_topics_to_publish_to(cluster, shop, topic):
    """The client's library refuses, so a broker sees them only from one that is written to do harm."""
    bystander = await shop.customer(Transport.MQTT)
    async with raw_customer(cluster, bystander.customer_id) as client:
        with pytest.raises(ValueError, match=r"(?i)topic"):
            await client.publish(topic, b"{}")

    assert (await bystander.list_orders()).documents == ()


async def test_a_retained_request_takes_no_effect_or_at_an_old_broker_one(cluster, shop):
    customer = await shop.customer()
    topic = request_topic(customer.customer_id, "create_order")
    async with raw_customer(cluster, customer.customer_id) as client:
        with suppress(aiomqtt.MqttError):  # a broker with identities ends the connection of who retains
            async with raw_client(cluster, customer.customer_id) as careless:
                kept = client.envelope(request_id="kept")("nobody")
                for data in (kept, kept, kept, b""):  # the last one takes it away
                    await careless.publish(topic, data, qos=1, retain=True, timeout=2)

        # amqtt, which does not share requests, does not speak MQTT 5 either: the flag of the first is not to be seen
        assert len(await client.orders()) <= (0 if cluster.shares_mqtt else 1)
    await customer.create_order(request_id="afterwards")


async def test_hostile_replies_do_not_end_a_clients_session(cluster, shop):
    victim = await shop.customer(Transport.MQTT)
    portal = cluster.client_portals[0]  # nobody else may publish replies where everybody has an identity
    async with raw_client(cluster, victim.customer_id) as herself, raw_client(cluster, portal) as hostile:
        await herself.subscribe(reply_topic(victim.customer_id, "+"))
        await victim.list_orders()
        its_topic = (await anext(aiter(herself.messages))).topic.value
        for data in (b"", b"\xff", b"[" * 500_000, b"null", b'{"request_id":[]}', b'{"request_id":1e9999999999999}'):
            await hostile.publish(its_topic, data, qos=1)

    assert (await victim.create_order()).document.customer_id == victim.customer_id


async def test_garbage_on_the_feed_never_makes_a_read_wrong(cluster, shop):
    product = await shop.product(7)
    customer = await shop.customer()
    message = {"term": 1, "revision": 1, "previous_revision": 0, "changes": []}
    replica = cluster.replicas[0]  # nobody else may publish on the feed where everybody has an identity
    async with raw_client(cluster, replica) as hostile:
        for data in (
            *(b"", b"\xff", b"{}", b"[]", b"7", b"null", b"[" * 100_000, b"9" * 10_000),
            *(json.dumps({**message, name: value}) for name in message for value in (None, -1, 1.5, "x", [], {}, [7])),
            *(json.dumps({**message, "changes": [change]}) for change in ({}, {"kind": "x"}, {"kind": [], "id": {}})),
        ):
            await hostile.publish(FEED_TOPIC, data, qos=1)
            if not cluster.callers.secure:  # a broker with identities ends the connection of who retains
                await hostile.publish(FEED_TOPIC, data, qos=1, retain=True)
                await hostile.publish(FEED_TOPIC, b"", qos=1, retain=True)
    await (await shop.admin()).adjust_stock(product.product_id, 5)

    for consistency in ("linearizable", "cached"):
        answer = await customer.get_product(product.product_id, consistency=consistency, min_revision=customer.revision)
        assert answer.document.quantity in ({12} if consistency == "linearizable" else {7, 12})
    reporting = cluster.admin_portals + cluster.client_portals
    assert all(any(FORGERY_ALARM in line for line in cluster.log(portal)) for portal in reporting)
