"""The table of operations: complete, and each row reads what it writes."""

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from arbitrary_values import all_commands, credentials, customers, customers_commands, json_values, orders, products
from hypothesis import given, settings
from hypothesis import strategies as st

from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.documents import summarize
from quitanda.codec.json_fields import parse_object
from quitanda.codec.json_text import dump_json, parse_json
from quitanda.codec.queries import FindOrders, GetDocument, ListDocuments
from quitanda.codec.watches import (
    WATCHED_KINDS,
    WatchDocuments,
    WatchedChange,
    WatchedChanges,
    change_to_text,
    changes_from_result,
    changes_to_result,
)
from quitanda.domain.commands import (
    AdjustStock,
    CancelOrderItems,
    Command,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    ItemQuantity,
    OpenSession,
    OwnCommand,
    ReturnOrder,
    RotateCredential,
    SetOrderDeadline,
    SetOrderItems,
    SetPassword,
)
from quitanda.domain.field_types import describe
from quitanda.domain.limits import (
    ITEM_QUANTITY_MAX,
    PAGE_SIZE_MAX,
    PRICE_MAX,
    QUANTITY_MAX,
    TIMESTAMP_MS_MAX,
    VERSION_MAX,
)
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.webhook_commands import SenderCommand
from quitanda.operations import (
    OPERATIONS,
    TOKEN_FIELD,
    DocumentOperation,
    FindOperation,
    GetOperation,
    ListOperation,
    OperationAnswer,
    PortalKind,
    RotateOwnCredential,
    SetOrderItem,
    SetOwnOrderDeadline,
    WatchOperation,
    WebhookOperation,
    WriteOperation,
    document_operations_of,
    operations_of,
)

WRITES = [row for row in OPERATIONS if isinstance(row, WriteOperation)]
ROWS = [row for row in OPERATIONS if isinstance(row, DocumentOperation)]
CLIENT = document_operations_of(PortalKind.CLIENT)
ADMIN = document_operations_of(PortalKind.ADMIN)
BY_COMMAND = {row.carries: row for row in WRITES if row.command is None}
BYTES_MAX = 1_000_000


def row_id(row):
    return f"{row.portal.name.lower()}.{row.name}"


def documents_of(kind):
    known = {Kind.CUSTOMER: customers, Kind.PRODUCT: products, Kind.ORDER: orders, Kind.CREDENTIAL: credentials}
    return known[kind]


@pytest.mark.parametrize("portal", PortalKind)
def test_the_table_has_exactly_the_methods_of_the_contract_in_their_order(portal):
    rows = operations_of(portal)

    assert [row.label for row in rows.values()] == [method.name for method in portal.service.methods]
    assert [row.streams for row in rows.values()] == [method.server_streaming for method in portal.service.methods]


def test_every_command_has_an_operation_but_those_that_the_replicas_and_the_senders_give_themselves():
    of_webhooks = {row.carries for row in OPERATIONS if isinstance(row, WebhookOperation) and row.writes}

    of_passwords = {SetPassword, OpenSession}
    by_themselves = {*OwnCommand.__args__, *SenderCommand.__args__}

    assert {*BY_COMMAND, *of_webhooks, *of_passwords} == set(Command.__args__) - by_themselves


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_every_field_of_a_response_is_one_that_the_table_names(row):
    told = {"revision", row.result_field, row.count_field} - {""}
    told |= {"request_id"} if row.writes else set()
    told |= {TOKEN_FIELD} if row.writes and row.gives_token else set()
    told |= {"next_page_token"} if isinstance(row, ListOperation) else set()

    assert set(row.response_class.DESCRIPTOR.fields_by_name) == told


def asked_by_the_shop(command):
    """Whether the command can be asked for at the admin portal, if its operation is there."""
    units = command.items if isinstance(command, CancelOrderItems | ReturnOrder) else ()
    own = isinstance(command, SetOrderDeadline) and command.customer_id is not None
    return not own and not any(item.extra for item in units)


def chosen_by_the_portal(command):
    """What a command has beside what its caller says; of a new customer also the first credential."""
    row = BY_COMMAND[type(command)]
    credential = ("credential_id", "secret_hash") if isinstance(command, CreateCustomer) else ()
    return {name: getattr(command, name) for name in (*row.generated_fields, *credential)}


@given(all_commands.filter(lambda command: type(command) in BY_COMMAND and asked_by_the_shop(command)))
def test_a_command_comes_back_the_same_through_its_request(command):
    row = BY_COMMAND[type(command)]
    generated = chosen_by_the_portal(command)

    message = row.to_message(command, "r1")

    assert row.from_message(type(message).FromString(message.SerializeToString()), generated) == command
    assert message.request_id == "r1"


@pytest.mark.slow
@given(customers_commands)
def test_a_customers_command_comes_back_the_same_through_its_json_object(command):
    row = BY_COMMAND[type(command)]
    generated = {name: getattr(command, name) for name in row.generated_fields}

    fields = parse_object(dump_json(row.to_fields(command)).encode(), BYTES_MAX)

    assert row.from_fields(command.customer_id, fields, generated) == command


def test_one_item_of_an_order_becomes_the_command_for_several():
    row = CLIENT["set_order_item"]
    asked = SetOrderItem("ana", "o1", "tea", 2, (("cup", '"big"'),), 7)
    command = SetOrderItems("ana", "o1", (ItemQuantity("tea", 2, (("cup", '"big"'),)),), 7)

    assert row.from_message(row.to_message(asked)) == command
    assert row.from_fields("ana", row.to_fields(asked)) == command


def test_a_deadline_of_ones_own_order_becomes_the_command_of_its_customer():
    row = CLIENT["set_order_deadline"]
    asked = SetOwnOrderDeadline("ana", "o1", 5_000, 7)
    command = SetOrderDeadline("o1", 5_000, "ana", 7)

    assert row.from_message(row.to_message(asked)) == command
    assert row.from_fields("ana", row.to_fields(asked)) == command


@pytest.mark.parametrize("row", [row for row in ROWS if isinstance(row, GetOperation)], ids=row_id)
@pytest.mark.parametrize("cached", [True, False])
def test_a_request_for_a_document_comes_back_the_same(row, cached):
    asked = GetDocument(row.kind, "x1", "ana" if row.portal.names_customer else "", cached=cached, min_revision=9)

    assert row.from_message(row.to_message(asked)) == asked
    if row.portal is PortalKind.CLIENT:
        assert row.from_fields("ana", row.to_fields(asked)) == asked


@pytest.mark.parametrize("row", [row for row in ROWS if type(row) is ListOperation], ids=row_id)
def test_a_request_for_a_page_comes_back_the_same(row):
    wanted = {Kind.CUSTOMER: DocumentFilter("zé"), Kind.PRODUCT: DocumentFilter("café", 100, 250, True, True)}
    asked = ListDocuments(row.kind, "ana" if row.portal.names_customer else "", 7, "t1")
    if isinstance(row, FindOperation):
        asked = replace(asked, filter=wanted[row.kind])

    assert row.from_message(row.to_message(asked)) == asked
    if row.portal is PortalKind.CLIENT:
        assert row.from_fields("ana", row.to_fields(asked)) == asked


def test_a_request_for_closed_orders_comes_back_the_same():
    order = GetDocument(Kind.ORDER, "o1", "ana", include_closed=True)
    page = ListDocuments(Kind.ORDER, "ana", 7, "t1", ("open", "expired"))

    for row, asked in ((CLIENT["get_order"], order), (CLIENT["list_orders"], page)):
        assert row.from_message(row.to_message(asked)) == asked
        assert row.from_fields("ana", row.to_fields(asked)) == asked


def test_a_request_for_found_orders_comes_back_the_same():
    asked = FindOrders(("open", "expired"), "ana", "tea", 5, 6, newest_first=True, page_size=7, page_token="t1")

    assert ADMIN["find_orders"].from_message(ADMIN["find_orders"].to_message(asked)) == asked
    assert ADMIN["find_orders"].from_message(ADMIN["find_orders"].request_class()) == FindOrders()


@pytest.mark.parametrize(
    ("asked", "field", "problem"),
    [
        (FindOrders(("sold",)), "states[0]", Problem.UNKNOWN_VALUE),
        (FindOrders(("open",) * 7), "states", Problem.TOO_MANY),
        (FindOrders(customer_id="a b"), "customer_id", Problem.ALPHABET),
        (FindOrders(product_id="x" * 65), "product_id", Problem.TOO_LONG),
        (FindOrders(created_from_ms=-1), "created_from_ms", Problem.NEGATIVE),
        (FindOrders(created_before_ms=TIMESTAMP_MS_MAX + 1), "created_before_ms", Problem.TOO_LARGE),
        (FindOrders(created_from_ms=5, created_before_ms=5), "created_before_ms", Problem.EMPTY_RANGE),
        (FindOrders(page_size=PAGE_SIZE_MAX + 1), "page_size", Problem.TOO_LARGE),
    ],
)
def test_what_no_order_can_be_asked_for_by_is_refused(asked, field, problem):
    refused = ADMIN["find_orders"].from_message(ADMIN["find_orders"].to_message(asked))

    assert (refused.field, dict(refused.details)["problem"]) == (field, problem)


def test_the_states_of_a_list_are_brought_in_their_order_and_count_once():
    message = CLIENT["list_orders"].to_message(ListDocuments(Kind.ORDER, "ana", 7, "", ("expired", "open", "expired")))

    assert CLIENT["list_orders"].from_message(message).states == ("open", "expired")


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=row_id)
@settings(max_examples=20)  # for each row
@given(data=st.data())
def test_an_answer_comes_back_the_same_through_its_response(row, data):
    answer = answer_of(row, data)
    told = shown(row, answer)

    response = row.response(answer)

    assert row.read_response(type(response).FromString(response.SerializeToString())) == told


@pytest.mark.slow
@pytest.mark.parametrize("row", CLIENT.values(), ids=row_id)
@settings(max_examples=20)  # for each row
@given(data=st.data())
def test_an_answer_comes_back_the_same_through_its_reply(row, data):
    answer = answer_of(row, data)

    result = parse_json(row.reply(answer), "result").value

    told = shown(row, answer)
    assert row.read_reply(result, 5) == OperationAnswer(5, told.documents, told.next_page_token)


def answer_of(row, data):
    documents = documents_of(row.kind)
    request_id = "r1" if row.writes else ""
    if isinstance(row, ListOperation):
        return OperationAnswer(5, tuple(data.draw(st.lists(documents, max_size=3))), "t1")
    if row.count_field:
        return OperationAnswer(5, orders_affected=3, request_id=request_id)
    if not row.result_field:
        return OperationAnswer(5, request_id=request_id)
    token = "qt1_a_b" if row.writes and row.gives_token else ""
    return OperationAnswer(5, (data.draw(documents),), request_id=request_id, token=token)


def shown(row, answer):
    if type(row) is ListOperation and row.kind is Kind.ORDER:
        return OperationAnswer(answer.revision, tuple(map(summarize, answer.documents)), answer.next_page_token)
    if row.kind is Kind.CREDENTIAL:  # nobody is shown the hash of a secret
        shown_documents = tuple(replace(each, secret_hash="", previous_hash="") for each in answer.documents)
        return replace(answer, documents=shown_documents)
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if row.result_field], ids=row_id)
@settings(max_examples=20)  # for each row
@given(data=st.data())
def test_a_document_of_another_kind_is_never_shown(row, data):
    other = Kind.CUSTOMER if row.kind is Kind.ORDER else Kind.ORDER
    answer = OperationAnswer(5, (data.draw(documents_of(other)),))

    with pytest.raises(TypeError, match=row.name):
        row.response(answer)


@pytest.mark.parametrize("row", [row for row in CLIENT.values() if not isinstance(row, WriteOperation)], ids=row_id)
@settings(max_examples=20)  # for each row
@given(json_values)
def test_a_reply_is_read_or_refused_whatever_it_holds(row, value):
    try:
        row.read_reply(value, 1)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("asked", "field", "problem", "limit"),
    [
        (CreateProduct("p", "P", 2**63, 1), "price", Problem.TOO_LARGE, PRICE_MAX),
        (CreateProduct("p", "P", -(2**63), 1), "price", Problem.NEGATIVE, 0),
        (AdjustStock("p", -(2**63)), "delta", Problem.TOO_LARGE, QUANTITY_MAX),
        (AdjustStock("p", 1, 2**64), "expected_version", Problem.TOO_LARGE, VERSION_MAX),
        (AdjustStock("p", 1, -1), "expected_version", Problem.NEGATIVE, 0),
        (
            CreateOrder("c", "o", 1, (ItemQuantity("p", 1), ItemQuantity("p", 2**63))),
            "items[1].quantity",
            Problem.TOO_LARGE,
            ITEM_QUANTITY_MAX,
        ),
    ],
)
def test_a_number_that_no_message_can_hold_is_refused_with_the_limit_of_the_rules(asked, field, problem, limit):
    assert BY_COMMAND[type(asked)].to_message(asked) == invalid(field, problem, limit=limit)


def test_a_number_that_no_message_can_hold_is_refused_in_a_query_too():
    page = ListDocuments(Kind.ORDER, "ana", 2**31)
    old = GetDocument(Kind.ORDER, "o1", "ana", min_revision=-1)
    found = FindOrders(created_from_ms=2**63)

    assert ADMIN["find_orders"].to_message(found) == invalid(
        "created_from_ms", Problem.TOO_LARGE, limit=TIMESTAMP_MS_MAX
    )
    assert CLIENT["list_orders"].to_message(page) == invalid("page_size", Problem.TOO_LARGE, limit=PAGE_SIZE_MAX)
    assert CLIENT["get_order"].to_message(old) == invalid("min_revision", Problem.NEGATIVE, limit=0)


def test_a_price_that_no_message_can_hold_is_refused_in_a_search_too():
    asked = ListDocuments(Kind.PRODUCT, "ana", filter=DocumentFilter(price_to=2**63))

    assert CLIENT["find_products"].to_message(asked) == invalid("price_to", Problem.TOO_LARGE, limit=PRICE_MAX)


def test_a_price_that_is_wrong_in_the_message_of_a_search_is_named_as_there():
    row = CLIENT["find_products"]
    message = row.request_class(customer_id="ana", price_to_minor_units=-1)

    assert row.from_message(message) == invalid("price_to_minor_units", Problem.NEGATIVE, limit=0, value=-1)


def test_a_price_of_a_search_is_named_as_the_message_or_the_filter_has_it():
    row, wrong = CLIENT["find_products"], invalid("price_to", Problem.NEGATIVE)
    named = invalid("price_to_minor_units", Problem.NEGATIVE)

    assert (row.name_message_field(wrong), row.name_command_field(named)) == (named, wrong)


def test_a_custom_field_that_is_not_json_is_refused_before_it_is_sent():
    command = SetOrderItems("ana", "o1", (ItemQuantity("tea", 1, (("cup", "{"),)),))

    refused = CLIENT["set_order_items"].to_fields(command)

    assert isinstance(refused, Refused)
    assert (refused.field, dict(refused.details)["problem"]) == ("items[0].extra.cup", Problem.NOT_JSON)


@pytest.mark.parametrize(
    ("in_command", "in_message"),
    [("price", "price_minor_units"), ("quantity", "quantity"), ("extra.price", "extra.price"), ("", "")],
)
def test_a_field_at_fault_is_named_as_the_message_or_the_command_has_it(in_command, in_message):
    by_command, by_message = (invalid(field, Problem.NEGATIVE, value=-1) for field in (in_command, in_message))

    for row in (ADMIN["create_product"], ADMIN["update_product"]):
        assert row.name_message_field(by_command) == by_message
        assert row.name_command_field(by_message) == by_command


@pytest.mark.parametrize("row", WRITES, ids=row_id)
def test_whatever_the_rules_name_is_a_field_of_the_message(row):
    of_others = {
        CreateCustomer: {"credential_id", "secret_hash"},
        SetOrderDeadline: {"customer_id"},
    }  # the portal, customers
    of_portals = of_others.get(row.carries, set())
    for each in describe(row.carries):
        if each.name not in {*row.generated_fields, *of_portals}:
            named = row.name_message_field(invalid(each.name, Problem.WRONG_TYPE)).field
            assert named in row.request_class.DESCRIPTOR.fields_by_name


def test_a_field_of_the_only_item_is_named_without_the_list():
    quantity = invalid("items[0].quantity", Problem.NEGATIVE)

    assert CLIENT["set_order_item"].name_field(quantity) == invalid("quantity", Problem.NEGATIVE)
    assert CLIENT["set_order_items"].name_field(quantity) == quantity


def test_a_holders_new_secret_comes_as_the_command_of_the_log_over_both_transports():
    row = CLIENT["rotate_own_credential"]
    asked = RotateOwnCredential("ana", "a" * 12, "0" * 64)

    assert row.from_message(row.to_message(asked)) == RotateCredential("a" * 12, "0" * 64)
    assert row.from_fields("ana", row.to_fields(asked)) == RotateCredential("a" * 12, "0" * 64)


def test_money_is_a_decimal_number_in_json():
    assert ADMIN["create_product"].to_fields(CreateProduct("p", "P", 250, 1))["price"] == Decimal("2.50")


def test_the_schemas_table_of_requests_over_mqtt_has_exactly_the_customers_operations_and_their_fields():
    page = (Path(__file__).parents[2] / "docs" / "SCHEMA.md").read_text()
    table = page.partition("| operation | fields | result |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [re.fullmatch(r"\| `(\w+)` \| (.+?) \| .+ \|", line).groups() for line in table.splitlines()]

    assert [(name, set(re.findall(r"`(\w+)`", fields))) for name, fields in rows] == [
        (name, fields_of(row))
        for name, row in operations_of(PortalKind.CLIENT).items()
        if isinstance(row, DocumentOperation | WatchOperation)
    ]


def fields_of(row):
    """The fields of an operation's JSON object: those of its message, without what says who asks and how."""
    names = row.request_class.DESCRIPTOR.fields_by_name
    return {name.removesuffix("_minor_units") for name in names} - {"customer_id", "request_id"}


WATCHES = [row for row in OPERATIONS if isinstance(row, WatchOperation)]
watched = st.builds(
    WatchDocuments,
    st.lists(st.sampled_from(WATCHED_KINDS), min_size=1, unique=True).map(tuple),
    st.just("ana"),
    st.none() | st.integers(0, VERSION_MAX),
)
changes = st.one_of(
    products.map(lambda product: WatchedChange(Kind.PRODUCT, product.product_id, product)),
    orders.map(lambda order: WatchedChange(Kind.ORDER, order.order_id, order)),
    st.builds(WatchedChange, st.sampled_from(WATCHED_KINDS), st.just("gone"), st.none()),
)


@pytest.mark.parametrize("row", WATCHES, ids=row_id)
@given(watched)
def test_what_is_watched_comes_back_the_same_through_its_request(row, asked):
    asked = asked if row.portal.names_customer else replace(asked, customer_id="")
    message = row.to_message(asked)

    assert row.from_message(type(message).FromString(message.SerializeToString())) == asked
    assert (
        row.from_fields(asked.customer_id, parse_object(dump_json(row.to_fields(asked)).encode(), BYTES_MAX)) == asked
    )


@settings(max_examples=30)
@given(st.lists(changes, max_size=3).map(tuple), st.integers(0, VERSION_MAX))
def test_what_a_watch_tells_comes_back_the_same_through_its_response_and_its_reply(told, revision):
    (row, _) = WATCHES
    message = row.response(WatchedChanges(revision, told))
    text = changes_to_result(map(change_to_text, told), 7, ends=True)

    assert row.read_response(type(message).FromString(message.SerializeToString())) == WatchedChanges(revision, told)
    result = parse_json(text, "result", depth_max=100).value
    assert changes_from_result(result, revision) == (7, WatchedChanges(revision, told), True)
