"""The portals' server, as a client sees it through a real connection."""

import asyncio
import io
import json

import grpc
import pytest
import structlog
from collected_spans import parent_of, traced
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from quitanda.domain.outcomes import Problem, Reason, invalid, refused
from quitanda.errors import (
    InternalError,
    NoConnection,
    NotLeader,
    NotOffered,
    OutcomeUnknown,
    Overloaded,
    Rejected,
    Unavailable,
)
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime import log_context
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_options import PORTAL_RECEIVE_BYTES_MAX, REFUSED_BYTES_FACTOR, channel_options
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.metrics import RequestMetrics, new_registry
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1 import client_portal_pb2_grpc

ANY_PORT = Address("127.0.0.1", 0)
GET_ORDER = "/quitanda.v1.ClientPortal/GetOrder"
TIMEOUT = 10


class Portal(client_portal_pb2_grpc.ClientPortalServicer):
    """Answers with revision 7, or raises what it was given."""

    def __init__(self):
        self.failure = None
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def GetOrder(self, request, context):  # noqa: ARG002, N802 - the contract's names
        self.asked.set()
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return pb.GetOrderResponse(revision=7)

    async def CancelOrder(self, request, context):  # noqa: ARG002, N802 - the contract's names
        log_context.bind(request_id="minted")
        return pb.CancelOrderResponse(revision=8)


@pytest.fixture
def portal():
    return Portal()


@pytest.fixture
def registry():
    return new_registry()


@pytest.fixture
def log():
    stream = io.StringIO()
    structlog.configure(
        processors=[
            log_context.add_bound,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(stream),
    )
    yield stream
    structlog.reset_defaults()


@pytest.fixture
async def server(portal, registry, log):  # noqa: ARG001 - the log is configured first
    def register(server):
        client_portal_pb2_grpc.add_ClientPortalServicer_to_server(portal, server)

    server = AioGrpcServer(ANY_PORT, register, ["quitanda.v1.ClientPortal"], AccessLog(RequestMetrics(registry)))
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture
async def channel(server):
    async with grpc.aio.insecure_channel(str(server.address), options=channel_options()) as channel:
        yield channel


@pytest.fixture
def stub(channel):
    return client_portal_pb2_grpc.ClientPortalStub(channel)


async def failure_of(call):
    with pytest.raises(grpc.RpcError) as caught:
        await call
    return from_rpc_error(caught.value)


def request_lines(log):
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "request"]


@pytest.mark.parametrize(("flags", "kept"), [("01", True), ("00", False)])
async def test_a_traced_call_has_a_span_and_its_trace_in_the_log_unless_the_trace_is_not_kept(stub, log, flags, kept):
    traceparent = f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"
    request = pb.GetOrderRequest(customer_id="ana", order_id="o1")
    with traced() as ended:
        await stub.GetOrder(request, timeout=TIMEOUT, metadata=(("traceparent", traceparent),))
        spans = ended()

    (line,) = request_lines(log)
    assert line.get("trace_id") == ("0af7651916cd43dd8448eb211c80319c" if kept else None)
    assert [(parent_of(span), span.name, dict(span.attributes)) for span in spans] == kept * [
        (
            traceparent,
            "get_order",
            {
                "quitanda.operation": "get_order",
                "quitanda.transport": "grpc",
                "quitanda.reason": "OK",
                "quitanda.revision": 7,
            },
        )
    ]


async def test_an_answer_passes_and_is_logged_in_one_line(stub, log, registry):
    answer = await stub.GetOrder(pb.GetOrderRequest(customer_id="ana", order_id="o1"), timeout=TIMEOUT)

    (line,) = request_lines(log)
    assert answer.revision == 7
    assert line.pop("milliseconds") >= 0
    assert line == {
        "event": "request",
        "operation": "get_order",
        "transport": "grpc",
        "request_id": "",
        "customer_id": "ana",
        "reason": "OK",
        "revision": 7,
    }
    assert (
        registry.get_sample_value(
            "quitanda_requests_total", {"operation": "get_order", "transport": "grpc", "reason": "OK"}
        )
        == 1
    )


async def test_the_request_id_stands_in_the_line_also_where_the_portal_minted_it(stub, log):
    await stub.CancelOrder(pb.CancelOrderRequest(), timeout=TIMEOUT)
    await stub.CancelOrder(pb.CancelOrderRequest(request_id="r1"), timeout=TIMEOUT)

    assert [line["request_id"] for line in request_lines(log)] == ["minted", "minted"]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Rejected(refused(Reason.ORDER_NOT_FOUND, "order_id", order_id="o1")), grpc.StatusCode.NOT_FOUND),
        (Unavailable(), grpc.StatusCode.UNAVAILABLE),
        (NotLeader("replica2"), grpc.StatusCode.FAILED_PRECONDITION),
        (Overloaded(), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (OutcomeUnknown(), grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
async def test_a_failure_becomes_its_status_and_its_reason(stub, portal, log, failure, code):
    portal.failure = failure

    with pytest.raises(grpc.RpcError) as caught:
        await stub.GetOrder(pb.GetOrderRequest(), timeout=TIMEOUT)

    back = from_rpc_error(caught.value)
    assert caught.value.code() is code
    assert back == failure.refused if isinstance(failure, Rejected) else type(back) is type(failure)
    assert [line["reason"] for line in request_lines(log)] == [
        failure.refused.reason if isinstance(failure, Rejected) else failure.reason
    ]


async def test_a_contract_may_answer_instead_of_ending_the_call_but_the_log_still_tells(portal, registry, log):
    def render_error(method, failure):
        return pb.GetOrderResponse(revision=99) if (method, failure) == (GET_ORDER, portal.failure) else None

    def register(server):
        client_portal_pb2_grpc.add_ClientPortalServicer_to_server(portal, server)

    counted = AccessLog(RequestMetrics(registry), "other")
    server = AioGrpcServer(ANY_PORT, register, ["quitanda.v1.ClientPortal"], counted, render_error=render_error)
    await server.start()
    portal.failure = Overloaded()
    async with grpc.aio.insecure_channel(str(server.address)) as channel:
        told = await client_portal_pb2_grpc.ClientPortalStub(channel).GetOrder(pb.GetOrderRequest(), timeout=TIMEOUT)
        raw = channel.unary_unary(GET_ORDER, request_serializer=bytes)
        not_a_message = await failure_of(raw(b"\xff", timeout=TIMEOUT))
    await server.stop(0)

    assert told.revision == 99
    assert not_a_message.reason is Reason.INVALID_ARGUMENT
    assert [(line["operation"], line["transport"], line["reason"]) for line in request_lines(log)] == [
        ("get_order", "other", "OVERLOADED"),
        ("get_order", "other", "INVALID_ARGUMENT"),
    ]


async def test_an_unexpected_exception_is_logged_and_never_leaks(stub, portal, log):
    portal.failure = RuntimeError("the password is 1234")

    with pytest.raises(grpc.RpcError) as caught:
        await stub.GetOrder(pb.GetOrderRequest(), timeout=TIMEOUT)

    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert type(from_rpc_error(caught.value)) is InternalError
    assert "1234" not in f"{caught.value.details()} {caught.value.trailing_metadata()}"
    assert "RuntimeError: the password is 1234" in log.getvalue()
    assert [line["reason"] for line in request_lines(log)] == ["INTERNAL"]


async def test_a_defect_that_a_handler_noticed_itself_is_logged_with_its_traceback(stub, portal, log):
    portal.failure = InternalError("an order came where a product was asked for")

    assert type(await failure_of(stub.GetOrder(pb.GetOrderRequest(), timeout=TIMEOUT))) is InternalError
    assert "InternalError: an order came" in log.getvalue()


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"\x0a\x02\xff\xff", invalid("customer_id", Problem.NOT_UTF8)),
        (b"\xff", invalid("request", Problem.MALFORMED)),
    ],
)
async def test_bytes_that_do_not_parse_are_refused_by_their_field(channel, log, data, refusal):
    assert await failure_of(channel.unary_unary(GET_ORDER)(data, timeout=TIMEOUT)) == refusal
    assert [line["reason"] for line in request_lines(log)] == ["INVALID_ARGUMENT"]


async def test_a_message_that_is_too_large_does_not_reach_the_handler(channel, portal):
    for factor in (1, REFUSED_BYTES_FACTOR):
        call = channel.unary_unary(GET_ORDER)(b"\x0a" * (factor * PORTAL_RECEIVE_BYTES_MAX + 1), timeout=TIMEOUT)
        refusal = await failure_of(call)

        assert (refusal.field, dict(refusal.details)["problem"]) == ("request", Problem.TOO_LARGE)
    assert not portal.asked.is_set()


async def test_a_caller_that_goes_away_is_logged(stub, portal, log):
    portal.may_answer.clear()
    call = stub.GetOrder(pb.GetOrderRequest(), timeout=TIMEOUT)
    await asyncio.wait_for(portal.asked.wait(), TIMEOUT)

    call.cancel()

    async with asyncio.timeout(TIMEOUT):
        while not request_lines(log):  # noqa: ASYNC110 - a log tells nobody when it is written
            await asyncio.sleep(0.01)
    assert [line["reason"] for line in request_lines(log)] == ["ENDED"]


async def test_a_method_that_does_not_exist_is_definitely_not_executed(channel):
    failure = await failure_of(channel.unary_unary("/quitanda.v1.ClientPortal/Nothing")(b"", timeout=TIMEOUT))

    assert type(failure) is NotOffered


async def test_a_server_that_is_gone_is_definitely_unavailable(stub, server):
    await server.stop(0)

    assert type(await failure_of(stub.GetOrder(pb.GetOrderRequest(), timeout=TIMEOUT))) is NoConnection


async def health_of(channel, service):
    answer = await health_pb2_grpc.HealthStub(channel).Check(
        health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT
    )
    return answer.status


async def test_health_tells_alive_from_ready(server, channel, log):
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING

    async def health():
        return [await health_of(channel, service) for service in ("liveness", "readiness", "")]

    before = await health()
    await server.set_ready(ready=True)
    ready = await health()
    await server.set_ready(ready=False)
    after = await health()

    assert before == after == [serving, not_serving, not_serving]
    assert ready == [serving, serving, serving]
    assert request_lines(log) == []


async def test_reflection_lists_the_services(channel):
    listing = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=TIMEOUT
    )
    answer = await listing.read()

    assert {service.name for service in answer.list_services_response.service} == {
        "quitanda.v1.ClientPortal",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "grpc.reflection.v1.ServerReflection",
    }


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize(
    ("symbol", "message"),
    [
        ("google.rpc.ErrorInfo", "google.rpc.ErrorInfo"),
        ("quitanda.v1.ClientPortal", "quitanda.v1.CreateOrderRequest"),
        ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1.ServerReflectionRequest"),
    ],
)
async def test_a_generic_tool_learns_the_services_and_the_details_of_errors_by_either_version_of_reflection(
    channel, version, symbol, message
):
    ask = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    asked = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol)
    answer = await ask(iter([asked]), timeout=TIMEOUT).read()
    pool = descriptor_pool.DescriptorPool()
    for file in reversed(answer.file_descriptor_response.file_descriptor_proto):
        pool.AddSerializedFile(file)

    assert pool.FindMessageTypeByName(message).full_name == message


async def test_a_port_that_is_taken_is_an_error(server):
    second = AioGrpcServer(server.address, lambda _: None, [], AccessLog(RequestMetrics(new_registry())))

    with pytest.raises(OSError, match=str(server.address.port)):
        await second.start()

    await second.stop(0)


async def test_calls_in_flight_are_answered_while_the_server_stops(stub, portal, server):
    portal.may_answer.clear()
    call = asyncio.ensure_future(stub.GetOrder(pb.GetOrderRequest(), timeout=TIMEOUT))
    await asyncio.wait_for(portal.asked.wait(), TIMEOUT)
    stopping = asyncio.ensure_future(server.stop(TIMEOUT))

    portal.may_answer.set()

    assert (await call).revision == 7
    await asyncio.wait_for(stopping, TIMEOUT)


@pytest.fixture
async def full_server(portal, registry, log):  # noqa: ARG001 - the log is configured first
    """A server without a place for anybody who changes or asks for an order."""
    overloaded = Overloaded("full")
    overloaded.retry_after = 1.25

    def register(server):
        client_portal_pb2_grpc.add_ClientPortalServicer_to_server(portal, server)

    server = AioGrpcServer(
        ANY_PORT,
        register,
        ["quitanda.v1.ClientPortal"],
        AccessLog(RequestMetrics(registry)),
        refuse_unread=lambda method, _metadata: overloaded if method.endswith("Order") else None,
    )
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture
async def full_channel(full_server):
    async with grpc.aio.insecure_channel(str(full_server.address), options=channel_options()) as channel:
        yield channel


async def test_a_call_that_is_refused_unread_is_told_when_to_come_again_and_reaches_no_handler(
    full_channel, portal, registry
):
    garbage = full_channel.unary_unary(GET_ORDER)

    failures = [await failure_of(garbage(b"\xff" * size, timeout=TIMEOUT)) for size in (0, 1, 100_000)]

    assert {(type(failure), failure.retry_after) for failure in failures} == {(Overloaded, 1.25)}
    assert not portal.asked.is_set()
    labels = {"operation": "get_order", "transport": "grpc", "reason": "OVERLOADED"}
    assert registry.get_sample_value("quitanda_requests_total", labels) == 3


async def test_calls_that_are_refused_unread_write_a_line_in_a_second_not_one_each(full_channel, log):
    stub = client_portal_pb2_grpc.ClientPortalStub(full_channel)

    await asyncio.gather(*(failure_of(stub.GetOrder(pb.GetOrderRequest(), timeout=TIMEOUT)) for _ in range(200)))

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert 1 <= len(lines) < 50
    assert {line["event"] for line in lines} == {"requests_refused_unread"}
    assert lines[0]["count"] == 1


async def test_health_is_told_also_where_no_call_is_read(full_server, full_channel):
    await full_server.set_ready(ready=True)

    answer = await health_pb2_grpc.HealthStub(full_channel).Check(
        health_pb2.HealthCheckRequest(service="readiness"), timeout=TIMEOUT
    )

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_no_call_of_thousands_at_once_is_cancelled_by_the_library(full_channel):
    stub = client_portal_pb2_grpc.ClientPortalStub(full_channel)

    failures = await asyncio.gather(
        *(failure_of(stub.GetOrder(pb.GetOrderRequest(), timeout=60)) for _ in range(4_000))
    )

    assert {type(failure) for failure in failures} == {Overloaded}
