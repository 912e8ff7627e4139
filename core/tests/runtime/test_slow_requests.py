"""A call whose message does not arrive is ended; until then and afterwards others are served."""

import asyncio
import struct
import time
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.domain.outcomes import Problem, Reason, invalid, refused
from quitanda.errors import Rejected
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_options import WINDOW_BYTES
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.metrics import RequestMetrics, new_registry
from quitanda.runtime.slow_requests import RECEIVE_SECONDS_MAX
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1 import client_portal_pb2_grpc

GET_ORDER = "/quitanda.v1.ClientPortal/GetOrder"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
SECONDS = 0.5
HEADERS, END_STREAM = 1, 1


class Portal(client_portal_pb2_grpc.ClientPortalServicer):
    """Answers at once."""

    async def GetOrder(self, request, context):  # noqa: ARG002, N802 - the contract's names
        return pb.GetOrderResponse(revision=7)


@pytest.fixture
async def server():
    server = AioGrpcServer(
        Address("127.0.0.1", 0),
        lambda added: client_portal_pb2_grpc.add_ClientPortalServicer_to_server(Portal(), added),
        ("quitanda.v1.ClientPortal",),
        AccessLog(RequestMetrics(new_registry()), "grpc"),
        receive_seconds_max=SECONDS,
    )
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture
async def channel(server):
    async with grpc.aio.insecure_channel(str(server.address)) as opened:
        yield opened


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name, value):
    """A header that is not indexed (RFC 7541, section 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


@asynccontextmanager
async def half_a_call(server, method, sent, afterwards=b""):
    """Begin a call by hand, and send so much of its message, then a frame; gives the reader of the connection."""
    headers = {":method": "POST", ":scheme": "http", ":path": method, ":authority": "x", "te": "trailers"}
    headers["content-type"] = "application/grpc"
    block = b"".join(field(name, value) for name, value in headers.items())
    reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(HEADERS, 4, 1, block))
    writer.write(frame(0, 0, 1, sent) + afterwards)
    yield reader
    writer.close()


async def end_of_stream(reader):
    """Wait until the server ends the stream; give when that was."""
    while True:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] == HEADERS and head[4] & END_STREAM and int.from_bytes(head[5:], "big") == 1:
            return time.monotonic()


@pytest.mark.parametrize("method", [GET_ORDER, CHECK, WATCH])
@pytest.mark.parametrize("sent", [b"", b"\x00\x00\x00\x10\x00" + b"half of it"], ids=["nothing", "half of a message"])
async def test_a_call_whose_message_does_not_arrive_is_ended(server, channel, method, sent):
    begun = time.monotonic()
    async with half_a_call(server, method, sent) as reader:
        response = await client_portal_pb2_grpc.ClientPortalStub(channel).GetOrder(pb.GetOrderRequest())
        async with asyncio.timeout(10):
            ended = await end_of_stream(reader)

    assert response.revision == 7
    assert ended - begun >= SECONDS


async def test_a_stream_without_a_message_is_refused_as_malformed(channel):
    call = channel.stream_unary(GET_ORDER, pb.GetOrderRequest.SerializeToString, pb.GetOrderResponse.FromString)

    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call(iter(()))

    assert from_rpc_error(failure.value) == invalid("request", Problem.MALFORMED)


async def test_a_watch_of_the_health_lasts_longer_than_a_message_may_take(server, channel):
    watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="readiness"))
    first = await watching.read()
    still = time.monotonic() + 2 * SECONDS
    while time.monotonic() < still:
        await client_portal_pb2_grpc.ClientPortalStub(channel).GetOrder(pb.GetOrderRequest())
    await server.set_ready(ready=True)

    second = await watching.read()
    watching.cancel()

    assert [first.status, second.status] == [
        health_pb2.HealthCheckResponse.NOT_SERVING,
        health_pb2.HealthCheckResponse.SERVING,
    ]


class Tokens:
    """Lets nobody in, and counts who tried."""

    def __init__(self):
        self.asked = 0
        self.may_refuse = asyncio.Event()
        self.may_refuse.set()

    async def refuse(self, method, context, address):  # noqa: ARG002 - the server's signature
        self.asked += 1
        await self.may_refuse.wait()
        raise Rejected(refused(Reason.UNAUTHENTICATED, "token", problem="wrong"))


@pytest.fixture
async def guarded():
    """A server that knows nobody, and what asks it who calls."""
    tokens = Tokens()
    server = AioGrpcServer(
        Address("127.0.0.1", 0),
        lambda added: client_portal_pb2_grpc.add_ClientPortalServicer_to_server(Portal(), added),
        ("quitanda.v1.ClientPortal",),
        AccessLog(RequestMetrics(new_registry()), "grpc"),
        authenticate=tokens.refuse,
    )
    await server.start()
    yield server, tokens
    await server.stop(0)


async def test_a_caller_whom_nobody_knows_is_refused_before_its_message_is_received(guarded):
    server, tokens = guarded
    begun = time.monotonic()

    async with half_a_call(server, GET_ORDER, b"\x00\x00\x10\x00\x00" + b"a message of a mebibyte begins") as reader:
        async with asyncio.timeout(10):
            ended = await end_of_stream(reader)

    assert tokens.asked == 1
    assert ended - begun < RECEIVE_SECONDS_MAX / 2


SETTINGS, PING, WINDOW_UPDATE, ACKNOWLEDGED = 4, 6, 8, 1
INITIAL_WINDOW_SIZE = 4
WINDOW_DEFAULT = 65_535


async def window_of(reader):
    """Give how many bytes of stream 1 the server takes, by what it has said until it answers a ping."""
    window = WINDOW_DEFAULT
    while True:
        head = await reader.readexactly(9)
        payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind == SETTINGS and not flags & ACKNOWLEDGED:
            told = dict(struct.iter_unpack(">HI", payload))
            window += told.get(INITIAL_WINDOW_SIZE, WINDOW_DEFAULT) - WINDOW_DEFAULT
        elif kind == WINDOW_UPDATE and stream == 1:
            window += int.from_bytes(payload, "big")
        elif kind == PING and flags & ACKNOWLEDGED:
            return window


async def test_of_a_call_whose_caller_is_not_known_yet_the_server_takes_no_more_than_a_window(guarded):
    server, tokens = guarded
    tokens.may_refuse.clear()

    begun, ping = b"\x00\x00\x40\x00\x00" + bytes(16_000), frame(PING, 0, 0, bytes(8))
    async with half_a_call(server, GET_ORDER, begun, ping) as reader:
        window = await asyncio.wait_for(window_of(reader), 10)
        tokens.may_refuse.set()

    assert window <= 2 * WINDOW_BYTES
