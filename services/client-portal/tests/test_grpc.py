"""What only gRPC has: protobuf's own bad requests, deadlines, health, reflection."""

import asyncio

import grpc
import pytest
from callers import CallFailed
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from running_portal import wait_for

from quitanda.portal.readiness import PortalReadiness
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub

ITEM = {"product_id": "caneta", "quantity": 1}
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def channel(portal):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{portal.port}") as channel:
        yield channel


class TestBadRequests:
    @pytest.mark.parametrize(
        ("value", "problem"),
        [("", "missing"), ("x" * 65, "too_long"), ("a b", "alphabet"), ("/", "alphabet"), ("-a", "alphabet")],
    )
    @pytest.mark.parametrize(
        ("operation", "field", "rest"),
        [
            ("create_order", "customer_id", {}),
            ("set_order_item", "customer_id", {"order_id": "o", "product_id": "caneta", "quantity": 1}),
            ("set_order_item", "order_id", {"product_id": "caneta", "quantity": 1}),
            ("set_order_item", "product_id", {"order_id": "o", "quantity": 1}),
            ("set_order_items", "customer_id", {"order_id": "o", "items": [ITEM]}),
            ("set_order_items", "order_id", {"items": [ITEM]}),
            ("cancel_order", "customer_id", {"order_id": "o"}),
            ("cancel_order", "order_id", {}),
            ("get_order", "customer_id", {"order_id": "o"}),
            ("get_order", "order_id", {}),
            ("get_product", "customer_id", {"product_id": "caneta"}),
            ("get_product", "product_id", {}),
            ("list_orders", "customer_id", {}),
            ("list_products", "customer_id", {}),
        ],
    )
    async def test_a_bad_id_is_named_and_nobody_is_asked(
        self, grpc_caller, cluster, operation, field, rest, value, problem
    ):
        fields = {**rest, field: value}
        customer_id = fields.pop("customer_id", "ana")
        with pytest.raises(CallFailed) as caught:
            await grpc_caller.call(operation, customer_id, **fields)

        assert (caught.value.reason, caught.value.field, caught.value.problem) == ("INVALID_ARGUMENT", field, problem)
        assert (cluster.requests, cluster.reads) == ([], [])

    @pytest.mark.parametrize(
        ("operation", "fields", "field", "problem"),
        [
            ("create_order", {"request_id": "a/b"}, "request_id", "alphabet"),
            ("create_order", {"request_id": "x" * 65}, "request_id", "too_long"),
            ("create_order", {"items": [{"product_id": "caneta"}]}, "items[0].quantity", "missing"),
            ("create_order", {"items": [ITEM, {"quantity": 1}]}, "items[1].product_id", "missing"),
            ("create_order", {"items": [{"product_id": "caneta", "quantity": -1}]}, "items[0].quantity", "negative"),
            (
                "create_order",
                {"items": [{"product_id": "caneta", "quantity": 10**6 + 1}]},
                "items[0].quantity",
                "too_large",
            ),
            ("create_order", {"items": [ITEM] * 201}, "items", "too_many"),
            ("set_order_item", {"order_id": "o", "product_id": "caneta"}, "quantity", "missing"),
            ("set_order_item", {"order_id": "o", "product_id": "caneta", "quantity": -1}, "quantity", "negative"),
            (
                "set_order_item",
                {"order_id": "o", "product_id": "caneta", "quantity": 2**63 - 1},
                "quantity",
                "too_large",
            ),
            ("set_order_items", {"order_id": "o"}, "items", "missing"),
            ("cancel_order", {"order_id": "o", "expected_version": 0}, "expected_version", "zero"),
            ("cancel_order", {"order_id": "o", "expected_version": 2**64 - 1}, "expected_version", "too_large"),
            ("get_order", {"order_id": "o", "consistency": 9}, "consistency", "unknown_value"),
            ("get_product", {"product_id": "caneta", "consistency": -1}, "consistency", "unknown_value"),
            ("list_orders", {"page_size": -1}, "page_size", "negative"),
            ("list_orders", {"states": ["open", "sold"]}, "states[1]", "unknown_value"),
            ("list_orders", {"states": ["open"] * 7}, "states", "too_many"),
            ("list_products", {"page_size": 501}, "page_size", "too_large"),
            ("list_products", {"page_token": "\x00"}, "page_token", "malformed"),
        ],
    )
    async def test_a_bad_field_is_named(self, grpc_caller, cluster, operation, fields, field, problem):
        with pytest.raises(CallFailed) as caught:
            await grpc_caller.call(operation, "ana", **fields)

        assert (caught.value.reason, caught.value.field, caught.value.problem) == ("INVALID_ARGUMENT", field, problem)
        assert cluster.requests == []

    async def test_a_text_that_is_not_utf8_is_refused_with_its_field(self, channel):
        raw = channel.unary_unary("/quitanda.v1.ClientPortal/CreateOrder", request_serializer=bytes)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw(b"\x12\x02\xff\xfe", timeout=5.0)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "customer_id" in caught.value.details()

    async def test_a_page_size_of_zero_is_the_default_and_the_largest_is_allowed(self, grpc_caller, cluster):
        await grpc_caller.call("list_products", "ana", page_size=0)
        await grpc_caller.call("list_products", "ana", page_size=500)

        assert [reads[1].page_size for reads in cluster.reads] == [100, 500]


class TestDeadlines:
    @pytest.mark.parametrize(("deadline", "allowed"), [(None, 4.9), (60.0, 4.9), (2.0, 1.9), (0.5, 0.45)])
    async def test_the_cluster_gets_the_callers_time_or_ours_less_a_margin(self, channel, cluster, deadline, allowed):
        request = pb.GetProductForCustomerRequest(customer_id="ana", product_id="caneta")
        await ClientPortalStub(channel).GetProduct(request, timeout=deadline)

        assert cluster.timeouts[-1] == pytest.approx(allowed, abs=0.1)
        assert cluster.timeouts[-1] < (deadline or 5.0)

    async def test_a_caller_who_goes_away_leaves_nothing_behind(self, channel, cluster):
        cluster.hold()
        call = ClientPortalStub(channel).CreateOrder(pb.CreateOrderRequest(customer_id="ana"))
        await wait_for(lambda: cluster.waiting, "the request's execution")
        call.cancel()

        await wait_for(lambda: not cluster.waiting, "the end of the abandoned call")


class TestHealth:
    async def asked(self, channel, service) -> int:
        stub = health_pb2_grpc.HealthStub(channel)
        return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status

    async def becomes(self, channel, state: int, service: str = "readiness") -> None:
        """Wait until this is told, as the server tells those who watch."""
        stub = health_pb2_grpc.HealthStub(channel)
        async with asyncio.timeout(5.0):
            async for response in stub.Watch(health_pb2.HealthCheckRequest(service=service)):
                if response.status == state:
                    return

    async def test_readiness_follows_the_leader_and_liveness_does_not(self, portal, channel, cluster):
        cluster.leader_reached = False
        readiness = PortalReadiness(cluster, portal.reader, portal.servers)
        await readiness.start()
        before = [await self.asked(channel, service) for service in ("", "readiness", "liveness")]
        cluster.leader_reached = True
        await self.becomes(channel, SERVING)
        after = [await self.asked(channel, service) for service in ("", "readiness", "liveness")]
        cluster.leader_reached = False
        await self.becomes(channel, NOT_SERVING)
        await readiness.stop(1.0)

        assert before == [NOT_SERVING, NOT_SERVING, SERVING]
        assert after == [SERVING, SERVING, SERVING]

    async def test_a_silent_feed_is_told_and_takes_no_portal_out_of_service(self, portal, channel):
        readiness = PortalReadiness(portal.cluster, portal.reader, portal.servers)
        before = await self.asked(channel, "feed")
        await readiness.start()
        await self.becomes(channel, SERVING, "feed")
        portal.reader.hears_the_feed = False
        await self.becomes(channel, NOT_SERVING, "feed")

        assert before == NOT_SERVING
        assert [await self.asked(channel, service) for service in ("", "readiness", "liveness")] == [SERVING] * 3
        await readiness.stop(1.0)

    async def test_the_contract_can_be_reflected(self, channel):
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        response = await call.read()
        await call.done_writing()

        names = {service.name for service in response.list_services_response.service}
        assert "quitanda.v1.ClientPortal" in names


class TestRequestIds:
    async def test_a_write_without_an_id_whose_outcome_is_unknown_is_repeated_with_the_told_one_and_gives_one_order(
        self, grpc_caller, cluster
    ):
        cluster.lose_next_answer()
        with pytest.raises(CallFailed) as caught:
            await grpc_caller.call("create_order", "ana", items=[ITEM])
        told = caught.value.request_id
        _, order = await grpc_caller.call("create_order", "ana", items=[ITEM], request_id=told)

        assert (caught.value.reason, len(told)) == ("OUTCOME_UNKNOWN", 32)
        assert [request.request_id for request in cluster.requests] == [told, told]
        assert order == cluster.state.order(order.order_id)
        assert cluster.state.product("caneta").quantity == 9

    async def test_every_answer_and_every_error_of_a_write_tells_its_id(self, channel, grpc_caller, cluster):
        stub = ClientPortalStub(channel)
        generated = (await stub.CreateOrder(pb.CreateOrderRequest(customer_id="ana"))).request_id
        chosen = (await stub.CreateOrder(pb.CreateOrderRequest(customer_id="ana", request_id="mine"))).request_id

        assert (generated, chosen) == (cluster.requests[0].request_id, "mine")
        for refused in ({"customer_id": "nobody"}, {"customer_id": "ana", "items": [pb.ItemQuantity(product_id="x")]}):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.CreateOrder(pb.CreateOrderRequest(request_id="other", **refused))
            assert from_rpc_error_id(caught.value) == "other"
        cluster.fail_next(RuntimeError("a bug"))
        with pytest.raises(CallFailed) as failed:
            await grpc_caller.call("create_order", "ana")
        assert (failed.value.reason, failed.value.request_id) == ("INTERNAL", cluster.requests[-1].request_id)

    async def test_an_id_that_is_none_is_not_repeated_in_the_error(self, grpc_caller):
        with pytest.raises(CallFailed) as caught:
            await grpc_caller.call("create_order", "ana", request_id="x" * 100_000)

        assert (caught.value.field, caught.value.request_id) == ("request_id", None)


def from_rpc_error_id(error):
    """Read the request's id from the ErrorInfo of a refusal, as any client would."""
    info, status = error_details_pb2.ErrorInfo(), status_pb2.Status()
    status.ParseFromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    assert status.details[0].Unpack(info)
    return info.metadata["request_id"]
