"""Bytes that are no message: every method of every service, and every string in every message."""

import itertools

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor

from quitanda.domain.outcomes import Reason
from quitanda.runtime.grpc_options import PORTAL_RECEIVE_BYTES_MAX, REFUSED_BYTES_FACTOR
from quitanda.v1 import admin_portal_pb2, client_portal_pb2, replica_pb2
from quitanda_testing.raw_grpc import NEED_AN_IDENTITY, offered, raw_portal

pytest_plugins = ("bad_input_fixtures",)
pytestmark = pytest.mark.usefixtures("unharmed")

PORTALS = (admin_portal_pb2.DESCRIPTOR, client_portal_pb2.DESCRIPTOR)
SERVICES = [service for file in PORTALS for service in file.services_by_name.values()]
NOT_UTF8 = b"\xff\xfe\xfd"
TORN = (
    b"\xff" * 11,
    b"\x0a\xff\xff\xff\xff\x0f",
    b"\x0a\x05ab",
    b"\x00",
    b"\x0b",
    b"\x0f",
    b"\x0c" * 1_000,
    b"\x0a" * 10_001,
    b'{"customer_id": "ana"}',
    b"GET / HTTP/1.1\r\n\r\n",
)
"""Bytes that are no fields at all: endless, too short, of no field, of unknown kinds, of other protocols."""


OF_A_CREDENTIAL = {"RotateOwnCredential"}
"""In the open mode nobody has one, whatever else the request says."""


def field_bytes(number, content):
    """Write one field whose content has a length."""
    tag, length = number << 3 | 2, len(content)
    assert length < 128
    return bytes([tag, length]) + content


def strings_of(descriptor):
    """Give each string that a message holds, as (the field that is named, bytes that hold one that is not UTF-8)."""
    for field in descriptor.fields:
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
            yield f"{field.name}[1]", field_bytes(field.number, b"good") + field_bytes(field.number, NOT_UTF8)
        elif field.type == FieldDescriptor.TYPE_STRING:
            yield field.name, field_bytes(field.number, NOT_UTF8)
        elif is_map:
            for number in (1, 2):
                yield field.name, field_bytes(field.number, field_bytes(number, NOT_UTF8))
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            good = field_bytes(field.number, field_bytes(1, b"good"))
            for name, content in strings_of(field.message_type):
                yield f"{field.name}[1].{name}", good + field_bytes(field.number, content)


def portal_of(cluster, service):
    return (cluster.admin_portals if service.name == "AdminPortal" else cluster.client_portals)[0]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_a_string_that_is_not_utf8_is_named_wherever_it_stands(cluster, state_unchanged, service):
    async with state_unchanged(), raw_portal(cluster, portal_of(cluster, service), service.full_name) as portal:
        for method in offered(cluster, service):
            for name, data in strings_of(method.input_type):
                told = await portal.call(method.name, data)
                assert (method.name, *told.verdict) == (method.name, "INVALID_ARGUMENT", name, "not_utf8")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_bytes_that_are_no_message_are_refused_as_a_whole(cluster, state_unchanged, service):
    async with state_unchanged(), raw_portal(cluster, portal_of(cluster, service), service.full_name) as portal:
        for method, data in itertools.product(offered(cluster, service), TORN):
            told = await portal.call(method.name, data)
            assert (method.name, data[:20], *told.verdict) == (
                method.name,
                data[:20],
                "INVALID_ARGUMENT",
                "request",
                "malformed",
            )


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_a_message_that_was_cut_short_is_refused(cluster, state_unchanged, service):
    async with state_unchanged(), raw_portal(cluster, portal_of(cluster, service), service.full_name) as portal:
        for method in offered(cluster, service):
            if not method.input_type.fields:
                continue
            whole = field_bytes(method.input_type.fields[0].number, b"x" * 40)
            for end in (1, 2, 3, len(whole) - 1):
                told = await portal.call(method.name, whole[:end])
                assert told.verdict == ("INVALID_ARGUMENT", "request", "malformed")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_a_string_sent_as_a_number_is_missing(cluster, state_unchanged, service):
    """A field of another kind is an unknown field to Protocol Buffers, so the one that is known is not there."""
    async with state_unchanged(), raw_portal(cluster, portal_of(cluster, service), service.full_name) as portal:
        for method in offered(cluster, service):
            ids = [field for field in method.input_type.fields if field.name in {"customer_id", "product_id"}]
            numbers = b"".join(bytes([field.number << 3, 7]) for field in ids)
            if ids and not method.name.startswith(("List", "Find")):  # there an id only chooses
                told = await portal.call(method.name, numbers)
                nobodys = method.name in OF_A_CREDENTIAL and not cluster.callers.secure
                reason = "UNAUTHENTICATED" if nobodys else "INVALID_ARGUMENT"
                assert (method.name, told.reason, told.problem) == (method.name, reason, "missing")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_a_message_that_is_too_large_is_refused(cluster, state_unchanged, service):
    async with state_unchanged(), raw_portal(cluster, portal_of(cluster, service), service.full_name) as portal:
        for method in offered(cluster, service):
            told = await portal.call(method.name, bytes(PORTAL_RECEIVE_BYTES_MAX + 1))
            assert (method.name, *told.verdict) == (method.name, "INVALID_ARGUMENT", "request", "too_large")
            cut_off = await portal.call(method.name, bytes(REFUSED_BYTES_FACTOR * PORTAL_RECEIVE_BYTES_MAX + 1))
            assert cut_off.code == "RESOURCE_EXHAUSTED"


async def test_a_client_is_told_at_once_that_its_request_is_too_large(shop, refused):
    admin = await shop.admin()
    for size in (PORTAL_RECEIVE_BYTES_MAX, REFUSED_BYTES_FACTOR * PORTAL_RECEIVE_BYTES_MAX):
        with refused(Reason.INVALID_ARGUMENT, "request") as details:
            await admin.create_customer(shop.new_id(), "x" * size)
        assert details["problem"] == "too_large"


async def test_a_method_that_does_not_exist_is_said_to_be_unimplemented(cluster):
    for service in SERVICES:
        async with raw_portal(cluster, portal_of(cluster, service), service.full_name) as portal:
            for method in ("Nonsense", "createcustomer", "../../x", "Execute"):
                assert (await portal.call(method, b"")).code == "UNIMPLEMENTED"
    async with raw_portal(cluster, cluster.client_portals[0], "quitanda.v1.AdminPortal") as portal:
        assert (await portal.call("CreateCustomer", b"")).code == "UNIMPLEMENTED"


@pytest.mark.processes_only(reason="containers have no open mode")
async def test_in_the_open_mode_a_portal_has_no_method_that_needs_an_identity(open_cluster):
    async with raw_portal(open_cluster, open_cluster.client_portals[0], "quitanda.v1.ClientPortal") as portal:
        for method in NEED_AN_IDENTITY:
            assert (await portal.call(method, b"")).code == "UNIMPLEMENTED"


async def test_a_stream_where_one_message_is_expected_ends_and_harms_nobody(cluster, shop, state_unchanged):
    customer = await shop.customer()
    async with state_unchanged(), cluster.callers.channel(cluster.address(cluster.client_portals[0])) as channel:
        call = channel.stream_stream("/quitanda.v1.ClientPortal/ListOrders")(iter([b"", b"\xff", b""]), timeout=5)
        with pytest.raises(grpc.aio.AioRpcError):
            async for _ in call:
                pass
        assert (await customer.list_orders()).documents == ()


REPLICA = replica_pb2.DESCRIPTOR.services_by_name["Replica"]


async def test_a_replica_refuses_bytes_that_are_no_message(cluster, state_unchanged):
    async with state_unchanged():
        for replica, method in itertools.product(cluster.replicas, REPLICA.methods):
            async with raw_portal(cluster, replica, REPLICA.full_name) as raw:
                for data in TORN:
                    told = await raw.call(method.name, data)
                    assert (method.name, data[:20], told.code) == (method.name, data[:20], "INVALID_ARGUMENT")
