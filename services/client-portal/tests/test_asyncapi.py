"""docs/asyncapi.yaml and docs/SCHEMA.md say what the code does: topics, operations, fields, bounds, errors."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from known_callers import raise_to_highest_level

from quitanda.codec.json_fields import parse_object
from quitanda.codec.watches import WATCHED_KINDS, WatchedChange, change_to_text, changes_to_result
from quitanda.domain import limits
from quitanda.domain.commands import CreateOrder, ItemQuantity
from quitanda.domain.model import CallerRole, Credential, Kind, OrderState
from quitanda.domain.outcomes import Reason, Refused
from quitanda.error_status import describe, to_json_error
from quitanda.errors import InternalError, NotLeader, OutcomeUnknown, Overloaded, QuitandaError, Rejected
from quitanda.identity.tokens import hash_secret, new_credential_id, new_secret, new_token
from quitanda.mqtt import topics
from quitanda.operations import OperationAnswer, PortalKind, document_operations_of, operations_of
from quitanda.runtime import tracing

DOCUMENT = yaml.safe_load((Path(__file__).parents[3] / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
SCHEMA_PAGE = (Path(__file__).parents[3] / "docs" / "SCHEMA.md").read_text(encoding="utf-8")
SCHEMAS = DOCUMENT["components"]["schemas"]
WATCH = operations_of(PortalKind.CLIENT)["watch"]
ROWS = {**document_operations_of(PortalKind.CLIENT), WATCH.name: WATCH}
OPERATIONS = set(ROWS)
ENVELOPE = {"request_id", "reply_to", "correlation", "token"}
GENERATED = {"order_id": "o", "created_at_ms": 1}
EXAMPLES = {
    "Id": "a",
    "ItemQuantity": 1,
    "Items": [{"product_id": "a", "quantity": 1, "extra": {}}],
    "CustomFields": {},
    "Version": 1,
    "Revision": 1,
    "Timestamp": 1,
    "Consistency": "cached",
    "IncludeClosed": True,
    "OrderStates": ["placed"],
    "WatchedKinds": ["order"],
    "PageSize": 1,
    "PageToken": "",
    "SearchWords": "a",
    "Price": 1.25,
    "Flag": True,
    "CredentialId": "a" * limits.CREDENTIAL_ID_LENGTH,
    "SecretHash": "0" * limits.SECRET_HASH_LENGTH,
}


def resolve(reference):
    """Follow a reference inside the document."""
    found = DOCUMENT
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return resolve(found) if "$ref" in found else found


def request_of(operation):
    return resolve(DOCUMENT["channels"][operation]["messages"]["request"])["payload"]


def fields_of(operation):
    """Give a value of the right kind for every field that the document knows, the envelope's left out."""
    properties = request_of(operation)["properties"]
    return {
        name: EXAMPLES[schema["$ref"].rpartition("/")[2]]
        for name, schema in properties.items()
        if name not in ENVELOPE | {"customer_id"}
    }


def read(operation, fields):
    """Read a request as the portal does."""
    parsed = parse_object(json.dumps(fields).encode(), 10_000)
    chosen = (GENERATED,) if operation == "create_order" else ()
    row: Any = ROWS[operation]
    return row.from_fields("ana", parsed, *chosen)


def references(part):
    """Give every reference in a part of the document."""
    if isinstance(part, dict):
        yield from [part] if "$ref" in part else []
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_every_operation_is_there_with_its_topics_and_no_other_is():
    channels = DOCUMENT["channels"]

    assert set(DOCUMENT["operations"]) == OPERATIONS
    assert set(channels) == {"replies", *OPERATIONS}
    assert channels["replies"]["address"] == topics.reply_topic("{customer_id}", "{reply_to}")
    for operation in OPERATIONS:
        assert channels[operation]["address"] == topics.request_topic("{customer_id}", operation)
        assert DOCUMENT["operations"][operation]["channel"] == {"$ref": f"#/channels/{operation}"}


def test_both_documents_name_the_user_property_that_carries_a_trace():
    assert f"user property {tracing.TRACEPARENT} " in DOCUMENT["info"]["description"]
    assert f"user property `{tracing.TRACEPARENT}` names" in SCHEMA_PAGE


def test_the_table_of_the_document_about_data_names_every_operation_and_its_fields():
    table = re.findall(r"^\| `(\w+)` \| (.*) \| .* \|$", SCHEMA_PAGE.partition("\n## MQTT\n")[2], re.MULTILINE)
    fields = {operation: set(re.findall(r"`(\w+)`", text)) for operation, text in table if operation in OPERATIONS}

    assert fields == {operation: set(fields_of(operation)) for operation in OPERATIONS}


def test_every_reference_leads_somewhere():
    assert all(resolve(reference) for reference in references(DOCUMENT))


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_fields_of_a_request_are_those_that_the_portal_reads(operation):
    fields, schema = fields_of(operation), request_of(operation)
    needed = set(schema["required"]) - ENVELOPE

    assert not isinstance(read(operation, fields), Refused)
    assert read(operation, {**fields, "another": 1}).field == "another"
    for name in fields:
        missing = read(operation, {other: value for other, value in fields.items() if other != name})
        assert (isinstance(missing, Refused) and missing.field == name) == (name in needed), name
    assert schema["properties"].keys() >= ENVELOPE
    assert isinstance(read("create_order", fields_of("create_order")), CreateOrder)


def test_the_bounds_are_those_of_the_rules():
    assert SCHEMAS["Id"]["pattern"] == f"^{limits.ID_PATTERN}$"
    assert SCHEMAS["Id"]["maxLength"] == limits.ID_LENGTH_MAX
    assert SCHEMAS["ItemQuantity"]["maximum"] == limits.ITEM_QUANTITY_MAX
    assert SCHEMAS["Items"]["maxItems"] == limits.ITEMS_PER_ORDER_MAX
    assert SCHEMAS["CustomFields"]["maxProperties"] == limits.EXTRA_FIELDS_MAX
    assert SCHEMAS["Version"]["maximum"] == limits.VERSION_MAX
    assert SCHEMAS["PageSize"]["maximum"] == limits.PAGE_SIZE_MAX
    assert re.fullmatch(SCHEMAS["Token"]["pattern"], new_token().text())
    assert re.fullmatch(SCHEMAS["CredentialId"]["pattern"], new_credential_id())
    assert re.fullmatch(SCHEMAS["SecretHash"]["pattern"], hash_secret(new_secret()))
    assert set(SCHEMAS["Credential"]["properties"]["role"]["enum"]) == set(CallerRole)


def test_the_errors_are_those_of_the_table():
    failures = [
        *(Refused(reason) for reason in Reason),
        *(QuitandaError(), NotLeader(), Overloaded(), OutcomeUnknown(), InternalError()),
        Rejected(Refused(Reason.INTERNAL)),
    ]

    assert set(SCHEMAS["Error"]["properties"]["reason"]["enum"]) == {describe(failure).reason for failure in failures}
    assert set(SCHEMAS["Error"]["required"]) == set(to_json_error(OutcomeUnknown()))
    assert set(SCHEMAS["Error"]["properties"]) == {*SCHEMAS["Error"]["required"], "request_id", "retry_after_seconds"}


@pytest.mark.parametrize("operation", sorted(OPERATIONS - {"rotate_own_credential", WATCH.name}))
async def test_a_reply_has_the_members_that_the_document_names(cluster, mqtt_caller, operation):
    raise_to_highest_level(cluster)
    item = {"product_id": "caneta", "quantity": 1}
    _, order = await mqtt_caller.call("create_order", "ana", items=[item])
    values = {"order_id": order.order_id, **item, "items": [item], "expires_at_ms": limits.TIMESTAMP_MS_MAX}
    fields = {name: values[name] for name in fields_of(operation) if name in values}
    await mqtt_caller.send(operation, "ana", {"request_id": "r", "reply_to": "s", **fields})
    reply = await mqtt_caller.reply("r")
    schema = resolve({"$ref": f"#/components/messages/{operation}_reply"})["payload"]

    assert set(reply) <= set(schema["properties"])
    check(reply["result"], schema["properties"]["result"])


async def test_a_part_of_a_watch_has_the_members_that_the_document_names(cluster):
    order = cluster.does(CreateOrder("ana", "order-1", 1, (ItemQuantity("caneta", 1),)), "ana")
    product = cluster.state.product("caneta")
    shown = [
        WatchedChange(Kind.PRODUCT, product.product_id, product),
        WatchedChange(Kind.ORDER, order.order_id, order),
        WatchedChange(Kind.PRODUCT, "lapis", None),
        WatchedChange(Kind.ORDER, "order-2", None),
    ]
    result = json.loads(changes_to_result(map(change_to_text, shown), 7, ends=False))

    assert set(result) == set(SCHEMAS["WatchedChanges"]["required"])
    assert {name for change in result["changes"] for name in change} == set(SCHEMAS["WatchedChange"]["properties"])
    check(result["changes"][0]["product"], SCHEMAS["Product"])
    check(result["changes"][1]["order"], SCHEMAS["Order"])
    assert set(SCHEMAS["WatchedKinds"]["items"]["enum"]) == set(WATCHED_KINDS)


def test_a_credential_is_shown_with_the_members_that_the_document_names():
    credential = Credential("a" * 12, "customer", "ana", "Ana", 1, 1, 0, 7, "0" * 64, "1" * 64)
    row = document_operations_of(PortalKind.CLIENT)["rotate_own_credential"]
    reply = row.reply(OperationAnswer(9, (credential,)))

    check(json.loads(reply), SCHEMAS["Credential"])


def test_only_orders_products_and_changes_that_are_told_have_members_that_may_be_absent():
    optional = {"state", "state_since_ms", "placed_at_ms", "expires_at_ms"}

    for order in (SCHEMAS["Order"], SCHEMAS["OrderSummary"]):
        assert set(order["properties"]) - set(order["required"]) == optional
    assert set(SCHEMAS["OrderState"]["enum"]) == set(OrderState)
    assert SCHEMAS["OrderStates"]["maxItems"] == len(OrderState)
    products = SCHEMAS["Product"]
    assert set(products["properties"]) - set(products["required"]) == {"reorder_level"}
    exempt = {"Order", "Product", "OrderSummary", "WatchedChange", "Error", "ItemQuantity", "CustomFields"}
    for name, schema in SCHEMAS.items():
        if schema["type"] == "object" and name not in exempt:
            assert set(schema.get("properties", ())) == set(schema.get("required", ())), name


def check(value, schema):
    """Hold a value against the members and types that a schema names."""
    schema = resolve(schema) if "$ref" in schema else schema
    if schema["type"] == "object":
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for name in value:
            check(value[name], schema["properties"][name])
    elif schema["type"] == "array":
        assert value
        for member in value:
            check(member, schema["items"])
    else:
        kinds = {"string": str, "integer": int, "number": (int, float, object), "boolean": bool}
        assert isinstance(value, kinds[schema["type"]])
