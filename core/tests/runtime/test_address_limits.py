"""One address holds only so many calls of a server before anybody knows who calls, or without a token."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.errors import Overloaded
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.address_limits import LIMIT, STREAMS_MAX, AddressLimit
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.metrics import RequestMetrics, new_registry
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1 import client_portal_pb2_grpc

HERE, ELSEWHERE = "ipv4:192.0.2.7:50123", "ipv4:198.51.100.9:50124"


class Portal(client_portal_pb2_grpc.ClientPortalServicer):
    """Answers at once."""

    async def GetOrder(self, request, context):  # noqa: ARG002, N802 - the contract's names
        return pb.GetOrderResponse(revision=7)


def test_beyond_its_calls_an_address_is_refused_by_name_and_another_is_not():
    limit = AddressLimit(2)
    with limit.one_more(HERE), limit.one_more("ipv4:192.0.2.7:60000"):
        with pytest.raises(Overloaded) as refused, limit.one_more(HERE):
            pass
        with limit.one_more(ELSEWHERE):
            pass

    assert refused.value.limit == LIMIT
    assert refused.value.retry_after > 0
    with limit.one_more(HERE), limit.one_more(HERE):
        pass


async def test_watches_of_the_health_from_one_address_are_bounded_and_calls_are_answered_beside_them():
    server = AioGrpcServer(
        Address("127.0.0.1", 0),
        lambda added: client_portal_pb2_grpc.add_ClientPortalServicer_to_server(Portal(), added),
        ("quitanda.v1.ClientPortal",),
        AccessLog(RequestMetrics(new_registry())),
    )
    await server.start()
    async with grpc.aio.insecure_channel(str(server.address)) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch
        request = health_pb2.HealthCheckRequest(service="liveness")
        watches = [watch(request) for _ in range(STREAMS_MAX)]
        first = await asyncio.gather(*(each.read() for each in watches))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await watch(request).read()
        answer = await client_portal_pb2_grpc.ClientPortalStub(channel).GetOrder(pb.GetOrderRequest())
        for each in watches:
            each.cancel()
    await server.stop(0)

    assert {each.status for each in first} == {health_pb2.HealthCheckResponse.SERVING}
    assert from_rpc_error(refused.value).limit == LIMIT
    assert answer.revision == 7
