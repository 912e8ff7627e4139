"""The course's contract for orders: every operation, its success and its refusals, over real gRPC."""

import itertools
import json

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from running_portal import wait_for

from quitanda.compat.errors import ERROR_NUMBERS
from quitanda.course import contract_pb2 as pb
from quitanda.course.contract_pb2_grpc import OrderPortalStub
from quitanda.domain.commands import CancelOrder, CreateCustomer, CreateOrder, DeleteCustomer, ItemQuantity
from quitanda.domain.limits import PAGE_SIZE_MAX
from quitanda.domain.model import Kind
from quitanda.errors import OutcomeUnknown, Overloaded, Unavailable
from quitanda.portal.compat_servicer import DELETE_ATTEMPTS
from quitanda.runtime.access_log import operation_name
from quitanda.runtime.addresses import Address

CALL_SECONDS = 10.0
DONE = pb.Reply(error=0)
NO_ORDER = pb.Order(OID="0", CID="0", data='{"OID":"0","CID":"0"}')


class Course:
    """A client of the course: documents in, documents out."""

    def __init__(self, channel):
        self.stub = OrderPortalStub(channel)

    async def create(self, oid, cid, document=None):
        return await self._write(self.stub.CreateOrder, oid, cid, document)

    async def update(self, oid, cid, document=None):
        return await self._write(self.stub.UpdateOrder, oid, cid, document)

    async def retrieve(self, oid):
        return await self.stub.RetrieveOrder(pb.ID(ID=oid), timeout=CALL_SECONDS)

    async def delete(self, oid):
        return await self.stub.DeleteOrder(pb.ID(ID=oid), timeout=CALL_SECONDS)

    async def all_of(self, cid):
        return [order async for order in self.stub.RetrieveClientOrders(pb.ID(ID=cid), timeout=CALL_SECONDS)]

    async def _write(self, method, oid, cid, document):
        data = document if isinstance(document, str) else json.dumps(document or {})
        return await method(pb.Order(OID=oid, CID=cid, data=data), timeout=CALL_SECONDS)


@pytest.fixture
async def portal(portals):
    async with portals(course_listen=Address("127.0.0.1", 0)) as portal:
        yield portal


@pytest.fixture
async def course(portal):
    async with grpc.aio.insecure_channel(str(portal.servers.course.address)) as channel:
        yield Course(channel)


@pytest.fixture
def order(cluster):
    return cluster.does(CreateOrder("ana", "9", 1, (ItemQuantity("caneta", 3),)), scope="ana")


def lines(*pairs):
    return {"products": [{"PID": pid, "quantity": quantity} for pid, quantity in pairs]}


class TestCreating:
    async def test_an_order_is_placed_with_all_its_products_and_fields(self, course, cluster, portal):
        document = {"OID": 9, "CID": "ana", **lines(("caneta", "2"), ("lapis", 1)), "gift": {"to": "Bia"}}

        assert await course.create("9", "ana", document) == DONE
        order = cluster.state.order("9")
        assert [(item.product_id, item.quantity, item.unit_price) for item in order.items] == [
            ("caneta", 2, 250),
            ("lapis", 1, 120),
        ]
        assert (order.customer_id, order.extra) == ("ana", (("gift", '{"to":"Bia"}'),))
        assert order.created_at_ms > 1_600_000_000_000
        assert portal.reader.recorded == [(order, cluster.revision)]
        assert cluster.requests[0].scope == "ana"

    async def test_an_order_may_be_empty(self, course, cluster):
        assert await course.create("9", "ana", "") == DONE
        assert cluster.state.order("9").items == ()

    async def test_lines_of_one_product_are_summed_before_the_check(self, course, cluster):
        too_many = await course.create("9", "ana", lines(("caneta", 6), ("caneta", 5)))
        enough = await course.create("9", "ana", lines(("caneta", 6), ("caneta", "4")))

        assert (too_many.error, enough) == (ERROR_NUMBERS["OUT_OF_STOCK"], DONE)
        assert cluster.state.product("caneta").quantity == 0

    async def test_nothing_is_placed_where_one_product_is_short(self, course, cluster):
        told = await course.create("9", "ana", lines(("caneta", 1), ("lapis", 6)))

        assert told.error == ERROR_NUMBERS["OUT_OF_STOCK"]
        assert "product lapis: you asked for 6" in told.description
        assert (cluster.state.order("9"), cluster.state.product("caneta").quantity) == (None, 10)

    @pytest.mark.usefixtures("order")
    async def test_an_id_is_taken_whoever_has_it(self, course):
        assert (await course.create("9", "bia")).error == ERROR_NUMBERS["ORDER_EXISTS"]

    @pytest.mark.parametrize(
        ("oid", "cid", "document", "reason"),
        [
            ("", "ana", {}, "INVALID_ARGUMENT"),
            ("9", "", {}, "INVALID_ARGUMENT"),
            ("0", "ana", {}, "INVALID_ARGUMENT"),
            ("9", "ana", {"OID": "8"}, "INVALID_ARGUMENT"),
            ("9", "ana", {"CID": "bia"}, "INVALID_ARGUMENT"),
            ("9", "ana", lines(("caneta", -1)), "INVALID_ARGUMENT"),
            ("9", "ana", lines(("caneta", "1.5")), "INVALID_ARGUMENT"),
            ("9", "ana", lines(("", 1)), "INVALID_ARGUMENT"),
            ("9", "ana", {"products": {"PID": "caneta"}}, "INVALID_ARGUMENT"),
            ("9", "ana", "not JSON", "INVALID_ARGUMENT"),
            ("9", "ana", lines(("x", 1)), "PRODUCT_NOT_FOUND"),
            ("9", "x", {}, "CUSTOMER_NOT_FOUND"),
        ],
    )
    async def test_refusals(self, course, cluster, oid, cid, document, reason):
        told = await course.create(oid, cid, document)

        assert told.error == ERROR_NUMBERS[reason]
        assert told.description
        assert cluster.state.order("9") is None


@pytest.mark.usefixtures("order")
class TestUpdating:
    async def test_products_named_are_set_and_others_stay(self, course, cluster):
        assert await course.update("9", "ana", lines(("lapis", "2"))) == DONE
        assert await course.update("9", "ana", lines(("lapis", 1), ("caneta", 10))) == DONE

        quantities = {item.product_id: item.quantity for item in cluster.state.order("9").items}
        assert quantities == {"caneta": 10, "lapis": 1}
        assert (cluster.state.product("caneta").quantity, cluster.state.product("lapis").quantity) == (0, 4)

    async def test_no_units_remove_a_product_and_they_return_to_stock(self, course, cluster):
        assert await course.update("9", "ana", lines(("caneta", "0"))) == DONE
        assert (cluster.state.order("9").items, cluster.state.product("caneta").quantity) == ((), 10)

    async def test_fields_change_without_products(self, course, cluster):
        assert await course.update("9", "ana", {"gift": True}) == DONE
        assert await course.update("9", "ana", {"gift": None, "to": "Bia"}) == DONE
        assert cluster.state.order("9").extra == (("to", '"Bia"'),)

    async def test_an_update_without_a_change_asks_only_whether_the_client_has_the_order(self, course, cluster):
        assert await course.update("9", "ana", {"OID": "9", "CID": "ana", "products": []}) == DONE
        assert (await course.update("9", "bia")).error == ERROR_NUMBERS["ORDER_NOT_FOUND"]
        assert cluster.requests == []

    @pytest.mark.parametrize(
        ("oid", "cid", "document", "reason"),
        [
            ("9", "bia", lines(("lapis", 1)), "ORDER_NOT_FOUND"),
            ("x", "ana", lines(("lapis", 1)), "ORDER_NOT_FOUND"),
            ("9", "x", lines(("lapis", 1)), "CUSTOMER_NOT_FOUND"),
            ("9", "", lines(("lapis", 1)), "INVALID_ARGUMENT"),
            ("9", "ana", lines(("lapis", 6)), "OUT_OF_STOCK"),
            ("9", "ana", lines(("x", 0)), "PRODUCT_NOT_FOUND"),
            ("9", "ana", lines(("lapis", -1)), "INVALID_ARGUMENT"),
            ("9", "ana", {"products": [{"PID": "lapis"}]}, "INVALID_ARGUMENT"),
        ],
    )
    async def test_refusals(self, course, cluster, order, oid, cid, document, reason):
        assert (await course.update(oid, cid, document)).error == ERROR_NUMBERS[reason]
        assert cluster.state.order("9") == order


class TestRetrieving:
    @pytest.mark.usefixtures("order")
    async def test_an_order_is_shown_with_a_read_that_misses_nothing(self, course, portal):
        shown = await course.retrieve("9")

        assert (shown.OID, shown.CID) == ("9", "ana")
        assert json.loads(shown.data) == {
            "OID": "9",
            "CID": "ana",
            "products": [{"PID": "caneta", "name": "Caneta", "quantity": "3", "price": "2.50"}],
            "total": "7.50",
        }
        assert portal.reader.asked == [(False, 0)]

    @pytest.mark.parametrize("oid", ["x", "", "0", "y" * 65])
    async def test_what_is_not_there_is_the_empty_order(self, course, oid):
        assert await course.retrieve(oid) == NO_ORDER

    @pytest.mark.usefixtures("order")
    async def test_a_clients_orders_are_all_shown_and_nobody_elses(self, course, cluster):
        cluster.does(CreateOrder("bia", "8", 1), scope="bia")
        ids = [f"many-{number:04}" for number in range(2 * PAGE_SIZE_MAX)]
        for order_id in ids:
            cluster.does(CreateOrder("ana", order_id, 1), scope="ana")
        shown = await course.all_of("ana")

        assert [order.OID for order in shown] == ["9", *ids]
        assert {order.CID for order in shown} == {"ana"}
        assert json.loads(shown[0].data)["products"][0]["quantity"] == "3"

    @pytest.mark.parametrize("cid", ["bia", "x", "", "0", "y" * 65])
    async def test_who_has_no_orders_or_is_not_there_gets_an_empty_stream(self, course, cid):
        assert await course.all_of(cid) == []

    async def test_a_list_that_cannot_be_read_to_its_end_ends_with_a_status(self, course, cluster):
        for number in range(PAGE_SIZE_MAX + 1):
            cluster.does(CreateOrder("ana", f"{number:04}", 1), scope="ana")
        cluster.keep_no_lists()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await course.all_of("ana")

        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


class TestDeleting:
    @pytest.mark.usefixtures("order")
    async def test_an_order_is_cancelled_in_the_name_of_its_owner(self, course, cluster, portal):
        assert await course.delete("9") == DONE

        assert (cluster.state.order("9"), cluster.state.product("caneta").quantity) == (None, 10)
        assert [(request.scope, request.command) for request in cluster.requests] == [("ana", CancelOrder("ana", "9"))]
        assert portal.reader.recorded == [((Kind.ORDER, "9"), cluster.revision)]
        assert portal.reader.asked == [(False, 0)]

    @pytest.mark.parametrize("oid", ["x", "", "0", "y" * 65])
    async def test_what_is_not_there_cannot_be_deleted(self, course, cluster, oid):
        assert (await course.delete(oid)).error == ERROR_NUMBERS["ORDER_NOT_FOUND"]
        assert cluster.requests == []

    @pytest.mark.usefixtures("order")
    async def test_an_order_that_another_client_took_over_meanwhile_is_deleted_too(self, course, cluster):
        cluster.before_next_execution(lambda: give_away(cluster, "ana", "bia"))

        assert await course.delete("9") == DONE
        assert cluster.state.order("9") is None
        assert [request.scope for request in cluster.requests] == ["ana", "bia"]
        assert len({request.request_id for request in cluster.requests}) == 2

    @pytest.mark.usefixtures("order")
    async def test_an_order_of_a_client_who_left_meanwhile_is_looked_for_again(self, course, cluster):
        def leave():
            cluster.does(CancelOrder("ana", "9"), scope="ana")
            cluster.does(DeleteCustomer("ana"))

        cluster.before_next_execution(leave)

        assert (await course.delete("9")).error == ERROR_NUMBERS["ORDER_NOT_FOUND"]

    @pytest.mark.usefixtures("order")
    async def test_an_order_that_always_changes_hands_is_given_up_at_last(self, course, cluster):
        owners = ["ana", "bia", "cid", "dora", "eva"]
        for name in owners[2:]:
            cluster.does(CreateCustomer(name, name))
        for old, new in itertools.pairwise(owners):
            cluster.before_next_execution(lambda old=old, new=new: give_away(cluster, old, new))

        assert (await course.delete("9")).error == ERROR_NUMBERS["ORDER_NOT_FOUND"]
        assert len(cluster.requests) == DELETE_ATTEMPTS

    @pytest.mark.usefixtures("order")
    async def test_all_attempts_together_have_the_time_of_one_call(self, course, cluster):
        await course.stub.DeleteOrder(pb.ID(ID="9"), timeout=2.0)

        assert cluster.timeouts[0] == pytest.approx(1.9, abs=0.1)
        assert cluster.timeouts[1] <= cluster.timeouts[0]


def give_away(cluster, old, new):
    """Let an order be cancelled, and another customer place one under its id."""
    cluster.does(CancelOrder(old, "9"), scope=old)
    cluster.does(CreateOrder(new, "9", 1), scope=new)


@pytest.mark.usefixtures("order")
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
    @pytest.mark.parametrize("method", ["CreateOrder", "UpdateOrder", "DeleteOrder"])
    async def test_a_write_tells_of_it_in_its_reply_and_in_the_counts(
        self, course, portal, cluster, method, raised, reason
    ):
        cluster.fail_next(raised)
        data = json.dumps(lines(("lapis", 1)))
        message = pb.ID(ID="9") if method == "DeleteOrder" else pb.Order(OID="9", CID="ana", data=data)
        told = await getattr(course.stub, method)(message, timeout=CALL_SECONDS)

        assert told.error == ERROR_NUMBERS[reason]
        assert (
            portal.counted(
                "quitanda_requests_total", operation=operation_name(method), transport="course", reason=reason
            )
            == 1
        )

    async def test_a_read_ends_with_the_status_of_the_native_contract(self, course, cluster):
        for read in (course.retrieve("9"), course.all_of("ana")):
            cluster.fail_next(Unavailable("no leader"))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await read
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    async def test_a_caller_who_goes_away_leaves_nothing_behind(self, course, cluster):
        cluster.hold()
        call = course.stub.DeleteOrder(pb.ID(ID="9"))
        await wait_for(lambda: cluster.waiting, "the request's execution")
        call.cancel()

        await wait_for(lambda: not cluster.waiting, "the end of the abandoned call")


class TestTheDoor:
    async def test_the_contract_can_be_reflected(self, portal):
        async with grpc.aio.insecure_channel(str(portal.servers.course.address)) as channel:
            call = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
            await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
            response = await call.read()
            await call.done_writing()

        names = {service.name for service in response.list_services_response.service}
        assert "project.OrderPortal" in names
        assert "quitanda.v1.ClientPortal" not in names

    async def test_there_is_none_where_it_is_not_asked_for(self, portals):
        async with portals() as portal:
            assert portal.servers.course is None

    async def test_a_taken_address_stops_the_portal_from_starting(self, portal, portals):
        taken = portal.servers.course.address
        with pytest.raises(OSError, match="cannot listen"):
            async with portals(course_listen=taken):
                pass
