"""A request that does not parse is explained by the field at fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quitanda.domain.outcomes import Problem, invalid
from quitanda.runtime.malformed_requests import Malformed, explain, guarded_deserializer
from quitanda.v1 import admin_portal_pb2 as admin
from quitanda.v1 import client_portal_pb2 as client

WHOLE = invalid("request", Problem.MALFORMED)
MARK = "not-utf8"
ITEM = client.ItemQuantity


def spoilt(message):
    """The message's bytes with every mark replaced by as many bytes that are not UTF-8."""
    data = message.SerializeToString()
    assert MARK.encode() in data
    return data.replace(MARK.encode(), b"\xff" * len(MARK))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (admin.CreateCustomerRequest(name=MARK), "name"),
        (admin.CreateCustomerRequest(customer_id="ana", name="Ana", request_id=MARK), "request_id"),
        (admin.CreateCustomerRequest(extra={MARK: "1"}), "extra"),
        (admin.CreateCustomerRequest(extra={"a": "1", "b": MARK}), "extra"),
        (admin.UpdateProductRequest(price_minor_units=-1, quantity=2**40, description=MARK), "description"),
        (client.SetOrderItemsRequest(items=[ITEM(product_id="tea"), ITEM(product_id=MARK)]), "items[1].product_id"),
    ],
)
def test_a_string_that_is_not_utf8_is_named_by_its_path(message, field):
    data = spoilt(message)

    assert guarded_deserializer(type(message).FromString)(data) == Malformed(invalid(field, Problem.NOT_UTF8))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\x0a",
        b"\x0a\x05abc",
        b"\x0b",
        b"\x09\x01",
        b"\x0d\x01",
        b"\x80" * 20,
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ],
)
def test_bytes_that_are_no_message_at_all_are_the_whole_requests_fault(data):
    assert guarded_deserializer(admin.CreateCustomerRequest.FromString)(data) == Malformed(WHOLE)


def test_unknown_fields_are_passed_over_on_the_way_to_the_one_at_fault():
    unknown = b"\xf8\x06\x01" + b"\xf9\x06" + b"\x00" * 8 + b"\xfd\x06" + b"\x00" * 4 + b"\xfa\x06\x02\xff\xff"
    data = unknown + spoilt(admin.CreateCustomerRequest(name=MARK))

    assert explain(data, admin.CreateCustomerRequest.DESCRIPTOR) == invalid("name", Problem.NOT_UTF8)


def test_a_message_that_parses_is_left_as_it_is():
    message = admin.CreateCustomerRequest(name="Ana", extra={"a": "1"})

    assert guarded_deserializer(type(message).FromString)(message.SerializeToString()) == message


def test_a_deserializer_of_no_known_message_still_gives_an_answer():
    def parse(data):
        return admin.CreateCustomerRequest.FromString(data)

    assert guarded_deserializer(parse)(spoilt(admin.CreateCustomerRequest(name=MARK))) == Malformed(WHOLE)


@given(st.binary(max_size=60))
def test_any_bytes_are_explained(data):
    assert explain(data, client.SetOrderItemsRequest.DESCRIPTOR).reason == "INVALID_ARGUMENT"
