"""Messages and values of the domain are the same things in two forms."""

import pytest
from arbitrary_values import customers, documents, orders, outcomes, products, refusals, requests
from hypothesis import given
from hypothesis import strategies as st

from quitanda.codec import protobuf
from quitanda.codec.documents import kind_of, summarize
from quitanda.codec.protobuf import _COMMANDS, _READERS
from quitanda.domain.commands import (
    CancelOrder,
    Command,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    ItemQuantity,
    Request,
    SetOrderItems,
)
from quitanda.domain.model import Kind, Order, OrderItem, Product
from quitanda.domain.outcomes import Done, Problem, Reason, Refused, invalid, refused
from quitanda.v1 import replica_pb2 as pb

LARGEST_UINT64 = 2**64 - 1


@given(requests)
def test_a_request_comes_back_the_same_through_the_bytes_of_the_log(request):
    data = protobuf.request_to_proto(request).SerializeToString()

    assert protobuf.request_from_proto(pb.Request.FromString(data)) == request


@given(outcomes, st.integers(0, LARGEST_UINT64))
def test_an_outcome_comes_back_the_same_with_its_revision(outcome, revision):
    data = protobuf.outcome_to_proto(outcome, revision).SerializeToString()

    assert protobuf.outcome_from_proto(pb.Outcome.FromString(data)) == (outcome, revision)


@given(refusals)
def test_a_refusal_comes_back_the_same(refused):
    assert protobuf.refused_from_proto(protobuf.refused_to_proto(refused)) == refused


@given(customers)
def test_a_customer_comes_back_the_same(customer):
    assert (
        protobuf.DOCUMENT_CODECS[Kind.CUSTOMER].read(protobuf.DOCUMENT_CODECS[Kind.CUSTOMER].write(customer))
        == customer
    )


@given(products)
def test_a_product_comes_back_the_same(product):
    codec = protobuf.DOCUMENT_CODECS[Kind.PRODUCT]
    assert codec.read(codec.write(product)) == product


@given(orders)
def test_an_order_comes_back_the_same_and_its_message_has_totals(order):
    message = protobuf.DOCUMENT_CODECS[Kind.ORDER].write(order)

    assert protobuf.DOCUMENT_CODECS[Kind.ORDER].read(message) == order
    assert message.total_minor_units == order.total
    assert [item.total_minor_units for item in message.items] == [item.total for item in order.items]


def test_an_open_order_and_its_summary_have_the_fields_that_they_had_before_there_were_states():
    order = Order("o1", "ana", 1, (OrderItem("tea", "Tea", 250, 2),), 7)
    names = {
        type(message).__name__: [field.name for field, _ in message.ListFields()]
        for message in (
            protobuf.DOCUMENT_CODECS[Kind.ORDER].write(order),
            protobuf.SUMMARY_CODEC.write(summarize(order)),
        )
    }

    assert names == {
        "Order": ["order_id", "customer_id", "created_at_ms", "items", "total_minor_units", "version"],
        "OrderSummary": ["order_id", "created_at_ms", "item_count", "total_minor_units", "version"],
    }


@given(orders)
def test_a_summary_comes_back_the_same(order):
    assert protobuf.SUMMARY_CODEC.read(protobuf.SUMMARY_CODEC.write(summarize(order))) == summarize(order)


@given(documents)
def test_any_document_becomes_the_message_of_its_kind(document):
    assert type(protobuf.DOCUMENT_CODECS[kind_of(document)].write(document)).__name__ == type(document).__name__


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_number_of_its_own(kind):
    assert protobuf.kind_from_proto(protobuf.kind_to_proto(kind)) is kind


@pytest.mark.parametrize("number", [0, 99])
def test_a_number_that_stands_for_no_kind_gives_none(number):
    assert protobuf.kind_from_proto(number) is None


def test_every_command_is_in_the_contract_and_every_command_of_the_contract_is_read():
    in_contract = {field.name for field in pb.Request.DESCRIPTOR.oneofs_by_name["command"].fields}

    assert set(_COMMANDS) == set(Command.__args__)
    assert set(_READERS) == in_contract


def test_a_request_without_a_command_is_refused_as_malformed():
    message = pb.Request(scope="ana", request_id="r1")

    assert protobuf.request_from_proto(message) == invalid("request", Problem.MALFORMED)


def test_a_command_that_this_version_does_not_know_is_refused_as_malformed():
    unknown_field = b"\xfa\x06\x00"  # field 111, length-delimited, empty

    assert protobuf.request_from_proto(pb.Request.FromString(unknown_field)) == invalid("request", Problem.MALFORMED)


@pytest.mark.parametrize(
    "message",
    [
        pb.Request(create_customer=pb.CreateCustomerCommand(extra=[pb.ExtraField(name="a", value_json="?")])),
        pb.Request(update_customer=pb.UpdateCustomerCommand(extra=[pb.ExtraField(name="a", value_json="?")])),
        pb.Request(create_product=pb.CreateProductCommand(extra=[pb.ExtraField(name="a", value_json="?")])),
        pb.Request(update_product=pb.UpdateProductCommand(extra=[pb.ExtraField(name="a", value_json="?")])),
        pb.Request(create_order=pb.CreateOrderCommand(extra=[pb.ExtraField(name="a", value_json="?")])),
        pb.Request(set_order_items=pb.SetOrderItemsCommand(extra=[pb.ExtraField(name="a", value_json="?")])),
    ],
)
def test_an_extra_field_that_is_not_json_is_refused_even_in_the_log(message):
    refused = protobuf.request_from_proto(message)

    assert isinstance(refused, Refused)
    assert refused.field == "extra.a"


ITEMS_WITH_BROKEN_EXTRA = [
    pb.CommandItem(product_id="tea", quantity=1),
    pb.CommandItem(product_id="cup", quantity=1, extra=[pb.ExtraField(name="a", value_json="?")]),
]


@pytest.mark.parametrize(
    "message",
    [
        pb.Request(create_order=pb.CreateOrderCommand(items=ITEMS_WITH_BROKEN_EXTRA)),
        pb.Request(set_order_items=pb.SetOrderItemsCommand(items=ITEMS_WITH_BROKEN_EXTRA)),
    ],
)
def test_an_extra_field_of_an_item_that_is_not_json_is_refused_by_its_place(message):
    refused = protobuf.request_from_proto(message)

    assert isinstance(refused, Refused)
    assert refused.field == "items[1].extra.a"


@pytest.mark.parametrize(
    ("data", "command"),
    [
        (
            b'\n\x03ana\x12\x02r1R!\n\x03ana\x12\x02o1\x18\xe8\x07"\x08\n\x04rice\x10\x05"\t\n\x05beans\x10\x02',
            CreateOrder("ana", "o1", 1000, (ItemQuantity("rice", 5), ItemQuantity("beans", 2))),
        ),
        (
            b"\n\x03ana\x12\x02r1Z\x1f\n\x03ana\x12\x02o1\x1a\x08\n\x04rice\x10\x07\x1a\x08\n\x04rice\x10\x01 \x06",
            SetOrderItems("ana", "o1", (ItemQuantity("rice", 7), ItemQuantity("rice", 1)), 6),
        ),
    ],
)
def test_a_command_without_extra_fields_has_the_bytes_that_it_always_had_in_the_log(data, command):
    request = Request("ana", "r1", command)

    assert protobuf.request_from_proto(pb.Request.FromString(data)) == request
    assert protobuf.request_to_proto(request).SerializeToString(deterministic=True) == data


ENTRY_OF_BEFORE = (
    b"\n,\x12\x02r12&\n\x03tea\x12\x03Tea\x1a\x05green \xfa\x01((2\x0e\n\x06weight\x12\x040.50"
    b'\n-\n\x03ana\x12\x02r2Z"\n\x03ana\x12\x02o1\x1a\x15\n\x03tea\x10\x02\x1a\x0c\n\x03cup\x12\x05"big" \x07'
    b"\n\x14\n\x03ana\x12\x02r3b\t\n\x03ana\x12\x02o1"
)
"""Written while `requests` were messages: by LogEntry and, with the same bytes, by ExecuteRequest."""

REQUESTS_OF_BEFORE = [
    Request("", "r1", CreateProduct("tea", "Tea", 250, 40, "green", (("weight", "0.50"),))),
    Request("ana", "r2", SetOrderItems("ana", "o1", (ItemQuantity("tea", 2, (("cup", '"big"'),)),), 7)),
    Request("ana", "r3", CancelOrder("ana", "o1")),
]

ANSWER_OF_BEFORE = (
    b'\nt\x08\x05\x12p\x08\x02\x12l{"product_id":"tea","name":"Tea","description":"green","price":2.50,"quantity":40,'
    b'"version":1,"weight":0.50}\n/\x08\x06\x1a+\n\x0fORDER_NOT_FOUND\x12\x08order_id\x1a\x0e\n\x08order_id'
    b"\x12\x02o1\n\x06\x08\x07\x12\x02\x18\x03"
)
"""Written by ExecuteResponse while `outcomes` were messages."""

OUTCOMES_OF_BEFORE = [
    (Done(Product("tea", "Tea", "green", 250, 40, (("weight", "0.50"),), 1)), 5),
    (refused(Reason.ORDER_NOT_FOUND, "order_id", order_id="o1"), 6),
    (Done(None, 3), 7),
]


@pytest.mark.parametrize("message", [pb.LogEntry, pb.ExecuteRequest])
def test_encoded_requests_travel_and_are_logged_as_the_messages_were(message):
    read = [
        protobuf.request_from_proto(pb.Request.FromString(each))
        for each in message.FromString(ENTRY_OF_BEFORE).requests
    ]
    written = message(requests=[protobuf.encode_request(each) for each in REQUESTS_OF_BEFORE])

    assert read == REQUESTS_OF_BEFORE
    assert [protobuf.request_from_proto(each) for each in pb.DecodedEntry.FromString(ENTRY_OF_BEFORE).requests] == read
    assert written.SerializeToString() == ENTRY_OF_BEFORE


def test_encoded_outcomes_travel_as_the_messages_did():
    read = [protobuf.decode_outcome(each) for each in pb.ExecuteResponse.FromString(ANSWER_OF_BEFORE).outcomes]
    written = pb.ExecuteResponse(outcomes=[protobuf.encode_outcome(*each) for each in OUTCOMES_OF_BEFORE])

    assert read == OUTCOMES_OF_BEFORE
    assert written.SerializeToString() == ANSWER_OF_BEFORE


@given(st.binary(max_size=60))
def test_bytes_are_an_outcome_or_a_value_error(data):
    try:
        protobuf.decode_outcome(data)
    except ValueError:
        return


def test_extra_fields_in_the_log_are_brought_into_the_canonical_form():
    message = pb.Request(
        request_id="r1",
        create_customer=pb.CreateCustomerCommand(
            customer_id="ana",
            name="Ana",
            extra=[pb.ExtraField(name="b", value_json="[ 1 ]"), pb.ExtraField(name="a", value_json=" 2")],
        ),
    )

    assert protobuf.request_from_proto(message) == Request(
        "", "r1", CreateCustomer("ana", "Ana", (("a", "2"), ("b", "[1]")))
    )


@pytest.mark.parametrize(
    "message",
    [
        pb.Outcome(revision=1),
        pb.Outcome(done=pb.DoneOutcome(document=b"{}")),
        pb.Outcome(done=pb.DoneOutcome(kind=pb.DOCUMENT_KIND_ORDER, document=b"{}")),
        pb.Outcome(refused=pb.RefusedOutcome(reason="NO_SUCH_REASON")),
    ],
)
def test_a_corrupt_outcome_is_a_value_error(message):
    with pytest.raises(ValueError, match=r"."):
        protobuf.outcome_from_proto(message)
