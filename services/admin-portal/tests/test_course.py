"""The course's contract for administrators: every operation, its success and its refusals, over real gRPC."""

import json

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from quitanda.compat.errors import ERROR_NUMBERS
from quitanda.course import contract_pb2 as pb
from quitanda.course.contract_pb2_grpc import AdminPortalStub
from quitanda.domain.commands import CreateOrder, ItemQuantity
from quitanda.domain.limits import EXTRA_BYTES_MAX
from quitanda.domain.model import Kind
from quitanda.errors import OutcomeUnknown, Overloaded, Unavailable
from quitanda.runtime.grpc_options import PORTAL_RECEIVE_BYTES_MAX

CALL_SECONDS = 10.0
DONE = pb.Reply(error=0)
PRODUCT = {"PID": 3, "name": "Chá", "quantity": "40", "price": 2.5, "description": "Verde", "organic": True}


class Course:
    """A client of the course: documents in, documents out."""

    def __init__(self, channel):
        self.stub = AdminPortalStub(channel)

    async def call(self, method, message):
        return await getattr(self.stub, method)(message, timeout=CALL_SECONDS)

    async def write(self, method, own_id, document):
        data = document if isinstance(document, str) else json.dumps(document)
        message = pb.Client(CID=own_id, data=data) if "Client" in method else pb.Product(PID=own_id, data=data)
        return await self.call(method, message)

    async def ask(self, method, own_id):
        return await self.call(method, pb.ID(ID=own_id))


@pytest.fixture
async def course(portal):
    async with grpc.aio.insecure_channel(str(portal.servers.course.address)) as channel:
        yield Course(channel)


@pytest.fixture
def order(cluster):
    return cluster.does(CreateOrder("ana", "order-1", 1, (ItemQuantity("caneta", 3),)), scope="ana")


class TestClients:
    async def test_a_client_is_created_with_whatever_it_has(self, course, portal, cluster):
        document = {"CID": "7", "name": "Bia", "age": 33, "version": "old"}

        assert await course.write("CreateClient", "7", document) == DONE
        assert not DONE.HasField("description")
        assert cluster.state.customer("7").extra == (("age", "33"), ("course.version", '"old"'))
        assert portal.reader.recorded == [(cluster.state.customer("7"), cluster.revision)]

    async def test_a_client_is_shown_with_a_read_that_misses_nothing(self, course, portal):
        shown = await course.ask("RetrieveClient", "ana")

        assert (shown.CID, json.loads(shown.data)) == ("ana", {"CID": "ana", "name": "Ana", "city": "Uberlândia"})
        assert portal.reader.asked == [(False, 0)]

    async def test_an_update_changes_what_is_given(self, course, cluster):
        assert await course.write("UpdateClient", "ana", {"city": None, "vip": True}) == DONE

        customer = cluster.state.customer("ana")
        assert (customer.name, customer.extra) == ("Ana", (("vip", "true"),))

    async def test_an_update_without_a_change_asks_only_whether_there_is_such_a_client(self, course, cluster):
        there = await course.write("UpdateClient", "ana", {"CID": "ana"})
        not_there = await course.write("UpdateClient", "x", "")

        assert there == DONE
        assert not_there.error == ERROR_NUMBERS["CUSTOMER_NOT_FOUND"]
        assert cluster.requests == []

    async def test_a_client_is_deleted_and_the_cache_is_told(self, course, portal, cluster):
        assert await course.ask("DeleteClient", "ana") == DONE
        assert cluster.state.customer("ana") is None
        assert portal.reader.recorded == [((Kind.CUSTOMER, "ana"), cluster.revision)]

    async def test_an_id_of_any_text_is_kept(self, course, cluster):
        assert await course.write("CreateClient", "", {"CID": "São João", "name": "J"}) == DONE

        shown = await course.ask("RetrieveClient", "São João")
        assert (shown.CID, json.loads(shown.data)["CID"]) == ("São João", "São João")
        assert cluster.state.customer("S~c3~a3o~20Jo~c3~a3o").name == "J"

    @pytest.mark.parametrize("cid", ["x", "", "0", "y" * 65])
    async def test_who_is_not_there_is_the_empty_client(self, course, cid):
        assert await course.ask("RetrieveClient", cid) == pb.Client(CID="0", data='{"CID":"0"}')

    async def test_each_call_is_a_request_of_its_own(self, course, cluster):
        await course.write("CreateClient", "7", {"name": "Bia"})
        again = await course.write("CreateClient", "7", {"name": "Bia"})

        assert again.error == ERROR_NUMBERS["CUSTOMER_EXISTS"]
        assert len({request.request_id for request in cluster.requests}) == 2
        assert {request.scope for request in cluster.requests} == {""}


class TestProducts:
    async def test_a_product_is_created_with_exact_numbers(self, course, cluster):
        assert await course.write("CreateProduct", "3", PRODUCT) == DONE

        product = cluster.state.product("3")
        assert (product.price, product.quantity, product.description) == (250, 40, "Verde")
        assert product.extra == (("organic", "true"),)

    async def test_a_product_is_shown_with_its_numbers_as_texts(self, course):
        await course.write("CreateProduct", "3", PRODUCT)
        shown = await course.ask("RetrieveProduct", "3")

        assert shown.PID == "3"
        assert json.loads(shown.data) == {**PRODUCT, "PID": "3", "quantity": "40", "price": "2.50"}

    @pytest.mark.usefixtures("order")
    async def test_an_update_sets_the_units_on_hand(self, course, cluster):
        assert await course.write("UpdateProduct", "caneta", {"PID": "caneta", "quantity": "5"}) == DONE

        product = cluster.state.product("caneta")
        assert (product.quantity, product.price, product.description) == (5, 250, "Azul")

    @pytest.mark.usefixtures("order")
    async def test_an_update_of_the_price_leaves_the_stock_alone(self, course, cluster):
        assert await course.write("UpdateProduct", "caneta", {"price": "3.00"}) == DONE
        assert (cluster.state.product("caneta").price, cluster.state.product("caneta").quantity) == (300, 7)

    async def test_a_product_is_deleted(self, course, cluster):
        assert await course.ask("DeleteProduct", "caneta") == DONE
        assert cluster.state.product("caneta") is None

    @pytest.mark.parametrize("pid", ["x", "", "0", "y" * 65])
    async def test_what_is_not_there_is_the_empty_product(self, course, pid):
        assert await course.ask("RetrieveProduct", pid) == pb.Product(PID="0", data='{"PID":"0"}')


class TestRefusals:
    @pytest.mark.parametrize(
        ("method", "own_id", "document", "reason"),
        [
            ("CreateClient", "ana", {"name": "A"}, "CUSTOMER_EXISTS"),
            ("CreateClient", "7", {}, "INVALID_ARGUMENT"),
            ("CreateClient", "", {"name": "A"}, "INVALID_ARGUMENT"),
            ("CreateClient", "0", {"name": "A"}, "INVALID_ARGUMENT"),
            ("CreateClient", "7", {"CID": "8", "name": "A"}, "INVALID_ARGUMENT"),
            ("CreateClient", "x" * 65, {"name": "A"}, "INVALID_ARGUMENT"),
            ("CreateClient", "7", {"name": "A", "big": "x" * EXTRA_BYTES_MAX}, "INVALID_ARGUMENT"),
            ("CreateClient", "7", "{", "INVALID_ARGUMENT"),
            ("CreateClient", "7", "[]", "INVALID_ARGUMENT"),
            ("UpdateClient", "x", {"name": "X"}, "CUSTOMER_NOT_FOUND"),
            ("UpdateClient", "ana", {"name": ""}, "INVALID_ARGUMENT"),
            ("CreateProduct", "caneta", {"name": "C", "quantity": 1, "price": 1}, "PRODUCT_EXISTS"),
            ("CreateProduct", "3", {"name": "C", "quantity": 1}, "INVALID_ARGUMENT"),
            ("CreateProduct", "3", {"name": "C", "quantity": "1.5", "price": 1}, "INVALID_ARGUMENT"),
            ("CreateProduct", "3", {"name": "C", "quantity": -1, "price": 1}, "INVALID_ARGUMENT"),
            ("CreateProduct", "3", {"name": "C", "quantity": 1, "price": "2.505"}, "INVALID_ARGUMENT"),
            ("UpdateProduct", "x", {"price": 1}, "PRODUCT_NOT_FOUND"),
            ("UpdateProduct", "caneta", {"quantity": 10**10}, "INVALID_ARGUMENT"),
        ],
    )
    async def test_a_write_that_is_refused_has_its_number_and_a_sentence(
        self, course, cluster, method, own_id, document, reason
    ):
        before = (list(cluster.state.customers()), list(cluster.state.products()))
        told = await course.write(method, own_id, document)

        assert told.error == ERROR_NUMBERS[reason]
        assert told.description
        assert (list(cluster.state.customers()), list(cluster.state.products())) == before

    @pytest.mark.parametrize("own_id", ["x", "", "0", "y" * 65])
    async def test_what_is_not_there_cannot_be_deleted(self, course, own_id):
        client, product = await course.ask("DeleteClient", own_id), await course.ask("DeleteProduct", own_id)

        assert client.error == ERROR_NUMBERS["CUSTOMER_NOT_FOUND"]
        assert product.error == ERROR_NUMBERS["PRODUCT_NOT_FOUND"]

    @pytest.mark.usefixtures("order")
    async def test_what_is_in_use_cannot_be_deleted(self, course):
        client, product = await course.ask("DeleteClient", "ana"), await course.ask("DeleteProduct", "caneta")

        assert (client.error, client.description) == (12, "The client ana has 1 order. Delete all its orders first.")
        assert (product.error, product.description) == (
            22,
            "The product caneta is in 1 order. Take it out of all orders first.",
        )


class TestTrouble:
    @pytest.mark.parametrize(
        ("raised", "reason"),
        [
            (Unavailable("no leader"), "UNAVAILABLE"),
            (Overloaded(), "OVERLOADED"),
            (OutcomeUnknown("no answer"), "OUTCOME_UNKNOWN"),
            (RuntimeError("a defect"), "INTERNAL"),
        ],
    )
    async def test_a_write_tells_of_it_in_its_reply_and_in_the_counts(self, course, portal, cluster, raised, reason):
        cluster.fail_next(raised)
        told = await course.write("UpdateClient", "ana", {"name": "A"})

        assert told.error == ERROR_NUMBERS[reason]
        labels = {"operation": "update_client", "transport": "course", "reason": reason}
        assert portal.registry.get_sample_value("quitanda_requests_total", labels) == 1

    async def test_a_read_ends_with_the_status_of_the_native_contract(self, course, cluster):
        cluster.fail_next(Unavailable("no leader"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await course.ask("RetrieveClient", "ana")

        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    async def test_a_request_that_is_no_message_ends_with_a_status(self, portal):
        async with grpc.aio.insecure_channel(str(portal.servers.course.address)) as channel:
            raw = channel.unary_unary("/project.AdminPortal/CreateClient", request_serializer=bytes)
            for request in (b"\x0a\x02\xff\xfe", b"\x0a\xff", b"\x12" * (PORTAL_RECEIVE_BYTES_MAX + 1)):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await raw(request, timeout=CALL_SECONDS)
                assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    @pytest.mark.parametrize(("deadline", "allowed"), [(None, 4.9), (60.0, 4.9), (2.0, 1.9)])
    async def test_the_cluster_gets_the_callers_time_or_ours_less_a_margin(self, course, cluster, deadline, allowed):
        await course.stub.RetrieveClient(pb.ID(ID="ana"), timeout=deadline)
        await course.stub.DeleteClient(pb.ID(ID="ana"), timeout=deadline)

        assert cluster.timeouts[-2:] == [pytest.approx(allowed, abs=0.1)] * 2


class TestTheDoor:
    async def test_the_contract_can_be_reflected(self, portal):
        async with grpc.aio.insecure_channel(str(portal.servers.course.address)) as channel:
            call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
            await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
            response = await call.read()
            await call.done_writing()

        names = {service.name for service in response.list_services_response.service}
        assert "project.AdminPortal" in names
        assert "quitanda.v1.AdminPortal" not in names

    async def test_it_is_ready_when_the_portal_is(self, portal):
        async def asked(service):
            async with grpc.aio.insecure_channel(str(portal.servers.course.address)) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status

        before = [await asked(service) for service in ("", "readiness", "liveness")]
        await portal.servers.set_ready(ready=True)
        after = [await asked(service) for service in ("", "readiness", "liveness")]

        serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
        assert (before, after) == ([not_serving, not_serving, serving], [serving, serving, serving])

    async def test_the_native_door_does_not_serve_it(self, portal):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await AdminPortalStub(portal.channel).DeleteClient(pb.ID(ID="ana"))

        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
