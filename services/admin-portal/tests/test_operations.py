"""Every operation of administrators, its success and its refusals, over real gRPC."""

import grpc
import pytest

from quitanda.cluster_client import Get, List
from quitanda.codec.protobuf import DOCUMENT_CODECS
from quitanda.codec.queries import FindOrders
from quitanda.domain.commands import (
    CancelOrder,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    ItemQuantity,
    RaiseLevel,
)
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Kind
from quitanda.errors import OutcomeUnknown, Overloaded, Unavailable
from quitanda.rpc_status import from_rpc_error
from quitanda.v1 import admin_portal_pb2 as pb
from quitanda.v1 import documents_pb2


@pytest.fixture
def order(cluster):
    return cluster.does(CreateOrder("ana", "order-1", 1, (ItemQuantity("caneta", 3),)), scope="ana")


class TestCustomers:
    async def test_a_customer_is_created_with_unknown_fields(self, portal, cluster):
        response = await portal.call(
            "CreateCustomer",
            pb.CreateCustomerRequest(customer_id="bia", name="Bia", extra={"age": "33", "tags": '["a", "b"]'}),
        )

        created = DOCUMENT_CODECS[Kind.CUSTOMER].read(response.customer)
        assert created == cluster.state.customer("bia")
        assert created.extra == (("age", "33"), ("tags", '["a","b"]'))
        assert response.revision == cluster.revision
        assert portal.reader.recorded == [(created, response.revision)]

    async def test_the_scope_is_the_administrators_and_an_id_is_generated(self, portal, cluster):
        await portal.call("CreateCustomer", pb.CreateCustomerRequest(customer_id="bia", name="Bia"))
        await portal.call("CreateCustomer", pb.CreateCustomerRequest(request_id="r1", customer_id="cid", name="Cid"))

        assert [request.scope for request in cluster.requests] == ["", ""]
        assert len(cluster.requests[0].request_id) == 32
        assert cluster.requests[1].request_id == "r1"

    async def test_a_repeated_request_takes_effect_once(self, portal):
        request = pb.CreateCustomerRequest(request_id="once", customer_id="bia", name="Bia")

        assert await portal.call("CreateCustomer", request) == await portal.call("CreateCustomer", request)

    async def test_a_customer_is_shown(self, portal, cluster):
        response = await portal.call("GetCustomer", pb.GetCustomerRequest(customer_id="ana"))

        assert DOCUMENT_CODECS[Kind.CUSTOMER].read(response.customer) == cluster.state.customer("ana")
        assert portal.reader.asked == [(False, 0)]
        assert cluster.reads == [(Get(Kind.CUSTOMER, "ana"),)]

    async def test_the_caller_chooses_consistency_and_the_oldest_revision(self, portal):
        await portal.call(
            "GetCustomer",
            pb.GetCustomerRequest(customer_id="ana", consistency=documents_pb2.CONSISTENCY_CACHED, min_revision=5),
        )

        assert portal.reader.asked == [(True, 5), (False, 0)]

    async def test_a_revision_that_there_is_not_yet_is_refused_instead_of_answered_with_older_data(self, portal):
        refused = await portal.call("GetCustomer", pb.GetCustomerRequest(customer_id="ana", min_revision=2**64 - 1))

        assert (refused.reason, refused.field) == ("INVALID_ARGUMENT", "min_revision")

    async def test_an_update_changes_what_is_given(self, portal, cluster):
        version = cluster.state.customer("ana").version
        response = await portal.call(
            "UpdateCustomer",
            pb.UpdateCustomerRequest(
                customer_id="ana", extra={"city": "null", "vip": "true"}, expected_version=version
            ),
        )

        changed = DOCUMENT_CODECS[Kind.CUSTOMER].read(response.customer)
        assert (changed.name, changed.extra) == ("Ana", (("vip", "true"),))
        assert portal.reader.recorded == [(changed, response.revision)]

    async def test_a_customer_is_deleted_and_the_cache_is_told(self, portal, cluster):
        response = await portal.call("DeleteCustomer", pb.DeleteCustomerRequest(customer_id="ana"))

        assert (response.revision, response.orders_cancelled) == (cluster.revision, 0)
        assert cluster.state.customer("ana") is None
        assert portal.reader.recorded == [((Kind.CUSTOMER, "ana"), response.revision)]

    @pytest.mark.usefixtures("order")
    async def test_a_cascade_says_how_many_orders_it_cancelled(self, portal, cluster):
        refused = await portal.call("DeleteCustomer", pb.DeleteCustomerRequest(customer_id="ana"))
        response = await portal.call("DeleteCustomer", pb.DeleteCustomerRequest(customer_id="ana", cascade=True))

        assert refused.reason == "CUSTOMER_HAS_ORDERS"
        assert response.orders_cancelled == 1
        assert cluster.state.product("caneta").quantity == 10

    async def test_customers_are_listed_page_by_page_at_one_snapshot(self, portal, cluster):
        for name in ("bia", "cid"):
            cluster.does(CreateCustomer(name, name))
        first = await portal.call("ListCustomers", pb.ListCustomersRequest(page_size=2))
        cluster.does(CreateCustomer("dora", "Dora"))
        last = await portal.call(
            "ListCustomers", pb.ListCustomersRequest(page_size=2, page_token=first.next_page_token)
        )

        assert [customer.customer_id for customer in first.customers] == ["ana", "bia"]
        assert [customer.customer_id for customer in last.customers] == ["cid"]
        assert (last.revision, last.next_page_token) == (first.revision, "")

    @pytest.mark.parametrize(
        ("method", "request_", "reason", "field"),
        [
            ("CreateCustomer", pb.CreateCustomerRequest(customer_id="ana", name="A"), "CUSTOMER_EXISTS", "customer_id"),
            ("GetCustomer", pb.GetCustomerRequest(customer_id="x"), "CUSTOMER_NOT_FOUND", "customer_id"),
            (
                "UpdateCustomer",
                pb.UpdateCustomerRequest(customer_id="x", name="X"),
                "CUSTOMER_NOT_FOUND",
                "customer_id",
            ),
            ("DeleteCustomer", pb.DeleteCustomerRequest(customer_id="x"), "CUSTOMER_NOT_FOUND", "customer_id"),
            (
                "UpdateCustomer",
                pb.UpdateCustomerRequest(customer_id="ana", name="X", expected_version=99),
                "VERSION_MISMATCH",
                "expected_version",
            ),
            (
                "DeleteCustomer",
                pb.DeleteCustomerRequest(customer_id="ana", expected_version=99),
                "VERSION_MISMATCH",
                "expected_version",
            ),
        ],
    )
    async def test_refusals(self, portal, method, request_, reason, field):
        failure = await portal.call(method, request_)

        assert (failure.reason, failure.field, failure.definite) == (reason, field, True)
        assert portal.reader.recorded == []

    async def test_a_request_id_of_another_request_is_refused(self, portal):
        await portal.call("CreateCustomer", pb.CreateCustomerRequest(request_id="r", customer_id="bia", name="Bia"))
        failure = await portal.call("DeleteCustomer", pb.DeleteCustomerRequest(request_id="r", customer_id="bia"))

        assert failure.reason == "REQUEST_ID_REUSED"


class TestProducts:
    async def test_a_product_is_created_with_exact_money(self, portal, cluster):
        response = await portal.call(
            "CreateProduct",
            pb.CreateProductRequest(
                product_id="lapis", name="Lápis", description="HB", price_minor_units=120, quantity=0
            ),
        )

        created = DOCUMENT_CODECS[Kind.PRODUCT].read(response.product)
        assert created == cluster.state.product("lapis")
        assert (created.price, created.quantity) == (120, 0)
        assert portal.reader.recorded == [(created, response.revision)]

    @pytest.mark.usefixtures("cluster")
    async def test_a_product_is_shown(self, portal, cluster):
        response = await portal.call("GetProduct", pb.GetProductRequest(product_id="caneta"))

        assert DOCUMENT_CODECS[Kind.PRODUCT].read(response.product) == cluster.state.product("caneta")
        assert response.revision == cluster.revision

    @pytest.mark.usefixtures("order")
    async def test_an_update_leaves_the_stock_alone(self, portal):
        response = await portal.call(
            "UpdateProduct", pb.UpdateProductRequest(product_id="caneta", price_minor_units=300)
        )

        assert (response.product.price_minor_units, response.product.quantity) == (300, 7)

    async def test_an_update_to_nothing_differs_from_no_update(self, portal):
        response = await portal.call(
            "UpdateProduct", pb.UpdateProductRequest(product_id="caneta", description="", quantity=0)
        )

        assert (response.product.description, response.product.quantity, response.product.name) == ("", 0, "Caneta")

    async def test_stock_is_adjusted_up_and_down(self, portal):
        up = await portal.call("AdjustStock", pb.AdjustStockRequest(product_id="caneta", delta=5))
        down = await portal.call("AdjustStock", pb.AdjustStockRequest(product_id="caneta", delta=-15))

        assert (up.product.quantity, down.product.quantity) == (15, 0)

    async def test_a_product_is_deleted_and_the_cache_is_told(self, portal, cluster):
        response = await portal.call("DeleteProduct", pb.DeleteProductRequest(product_id="caneta"))

        assert (response.revision, response.orders_changed) == (cluster.revision, 0)
        assert portal.reader.recorded == [((Kind.PRODUCT, "caneta"), response.revision)]

    @pytest.mark.usefixtures("order")
    async def test_a_cascade_says_how_many_orders_it_changed(self, portal, cluster):
        refused = await portal.call("DeleteProduct", pb.DeleteProductRequest(product_id="caneta"))
        response = await portal.call("DeleteProduct", pb.DeleteProductRequest(product_id="caneta", cascade=True))

        assert refused.reason == "PRODUCT_IN_USE"
        assert response.orders_changed == 1
        assert cluster.state.order("order-1").items == ()

    async def test_products_are_listed_page_by_page(self, portal, cluster):
        cluster.does(CreateProduct("lapis", "Lápis", price=1, quantity=1))
        first = await portal.call("ListProducts", pb.ListProductsRequest(page_size=1))
        last = await portal.call("ListProducts", pb.ListProductsRequest(page_size=1, page_token=first.next_page_token))

        shown = [DOCUMENT_CODECS[Kind.PRODUCT].read(product) for page in (first, last) for product in page.products]
        assert shown == list(cluster.state.products())
        assert cluster.reads[0] == (List(Kind.PRODUCT, "", 1),)

    async def test_a_list_whose_snapshot_is_gone_must_be_started_again(self, portal, cluster):
        cluster.does(CreateProduct("lapis", "Lápis", price=1, quantity=1))
        first = await portal.call("ListProducts", pb.ListProductsRequest(page_size=1))
        cluster.forget_lists()
        failure = await portal.call(
            "ListProducts", pb.ListProductsRequest(page_size=1, page_token=first.next_page_token)
        )

        assert failure.reason == "PAGE_TOKEN_EXPIRED"

    @pytest.mark.parametrize(
        ("method", "request_", "reason", "field"),
        [
            (
                "CreateProduct",
                pb.CreateProductRequest(product_id="caneta", name="C", price_minor_units=1, quantity=1),
                "PRODUCT_EXISTS",
                "product_id",
            ),
            ("GetProduct", pb.GetProductRequest(product_id="x"), "PRODUCT_NOT_FOUND", "product_id"),
            ("UpdateProduct", pb.UpdateProductRequest(product_id="x", name="X"), "PRODUCT_NOT_FOUND", "product_id"),
            ("DeleteProduct", pb.DeleteProductRequest(product_id="x"), "PRODUCT_NOT_FOUND", "product_id"),
            ("AdjustStock", pb.AdjustStockRequest(product_id="x", delta=1), "PRODUCT_NOT_FOUND", "product_id"),
            ("AdjustStock", pb.AdjustStockRequest(product_id="caneta", delta=-11), "OUT_OF_STOCK", "delta"),
            ("AdjustStock", pb.AdjustStockRequest(product_id="caneta", delta=10**9), "STOCK_BOUND", "delta"),
            (
                "AdjustStock",
                pb.AdjustStockRequest(product_id="caneta", delta=1, expected_version=99),
                "VERSION_MISMATCH",
                "expected_version",
            ),
        ],
    )
    async def test_refusals(self, portal, method, request_, reason, field):
        failure = await portal.call(method, request_)

        assert (failure.reason, failure.field, failure.definite) == (reason, field, True)


class TestTheCluster:
    async def test_the_status_shows_every_replica_reachable_or_not(self, portal):
        response = await portal.call("GetClusterStatus", pb.GetClusterStatusRequest())

        assert [(replica.name, replica.reachable) for replica in response.replicas] == [
            ("replica1", True),
            ("replica2", False),
        ]

    @pytest.mark.parametrize(
        ("raised", "reason", "definite"),
        [
            (Unavailable("no leader"), "UNAVAILABLE", True),
            (Overloaded("queue full"), "OVERLOADED", True),
            (OutcomeUnknown("no answer"), "OUTCOME_UNKNOWN", False),
            (RuntimeError("a bug"), "INTERNAL", False),
        ],
    )
    async def test_an_error_is_told_with_whether_it_is_definite(self, portal, cluster, raised, reason, definite):
        cluster.fail_next(raised)
        failure = await portal.call("AdjustStock", pb.AdjustStockRequest(product_id="caneta", delta=1))

        assert (failure.reason, failure.definite) == (reason, definite)

    @pytest.mark.parametrize(
        ("method", "request_"),
        [
            ("CreateCustomer", pb.CreateCustomerRequest(customer_id="new", name="New")),
            ("UpdateCustomer", pb.UpdateCustomerRequest(customer_id="ana", name="New")),
            ("DeleteCustomer", pb.DeleteCustomerRequest(customer_id="ana", cascade=True)),
            ("CreateProduct", pb.CreateProductRequest(product_id="new", name="N", price_minor_units=1, quantity=1)),
            ("UpdateProduct", pb.UpdateProductRequest(product_id="caneta", quantity=1)),
            ("DeleteProduct", pb.DeleteProductRequest(product_id="caneta", cascade=True)),
            ("AdjustStock", pb.AdjustStockRequest(product_id="caneta", delta=1)),
        ],
    )
    async def test_every_answer_to_a_write_tells_the_id_that_was_generated(self, portal, cluster, method, request_):
        assert (await portal.call(method, request_)).request_id == cluster.requests[-1].request_id

    async def test_a_write_whose_outcome_is_unknown_is_repeated_with_the_id_that_the_error_tells(self, portal, cluster):
        cluster.lose_next_answer()
        adjustment = pb.AdjustStockRequest(product_id="caneta", delta=5)
        before = cluster.state.product("caneta").quantity
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await portal.stub.AdjustStock(adjustment)
        failure = from_rpc_error(caught.value)
        adjustment.request_id = failure.request_id
        repeated = await portal.call("AdjustStock", adjustment)

        assert (failure.reason, len(failure.request_id)) == ("OUTCOME_UNKNOWN", 32)
        assert repeated.product.quantity == before + 5 == cluster.state.product("caneta").quantity

    @pytest.mark.parametrize(("deadline", "allowed"), [(None, 4.9), (60.0, 4.9), (2.0, 1.9), (0.5, 0.45)])
    async def test_the_cluster_gets_the_callers_time_or_ours_less_a_margin(self, portal, cluster, deadline, allowed):
        await portal.call("GetProduct", pb.GetProductRequest(product_id="caneta"), timeout=deadline)

        assert cluster.timeouts[-1] == pytest.approx(allowed, abs=0.1)
        assert cluster.timeouts[-1] < (deadline or 5.0)

    async def test_calls_are_counted_by_method_and_reason(self, portal):
        await portal.call("GetProduct", pb.GetProductRequest(product_id="caneta"))
        await portal.call("GetProduct", pb.GetProductRequest(product_id="x"))

        def counted(reason):
            return portal.registry.get_sample_value(
                "quitanda_requests_total", {"operation": "get_product", "transport": "grpc", "reason": reason}
            )

        assert (counted("OK"), counted("PRODUCT_NOT_FOUND")) == (1, 1)


class TestBadRequests:
    ID_FIELDS = (("x" * 65, "too_long"), ("", "missing"), ("a b", "alphabet"), ("-a", "alphabet"), ("é", "alphabet"))

    @pytest.mark.parametrize(("value", "problem"), ID_FIELDS)
    @pytest.mark.parametrize(
        ("method", "request_type", "field", "rest"),
        [
            ("CreateCustomer", pb.CreateCustomerRequest, "customer_id", {"name": "A"}),
            ("GetCustomer", pb.GetCustomerRequest, "customer_id", {}),
            ("UpdateCustomer", pb.UpdateCustomerRequest, "customer_id", {"name": "A"}),
            ("DeleteCustomer", pb.DeleteCustomerRequest, "customer_id", {}),
            (
                "CreateProduct",
                pb.CreateProductRequest,
                "product_id",
                {"name": "A", "price_minor_units": 1, "quantity": 1},
            ),
            ("GetProduct", pb.GetProductRequest, "product_id", {}),
            ("UpdateProduct", pb.UpdateProductRequest, "product_id", {"name": "A"}),
            ("DeleteProduct", pb.DeleteProductRequest, "product_id", {}),
            ("AdjustStock", pb.AdjustStockRequest, "product_id", {"delta": 1}),
        ],
    )
    async def test_a_bad_id_is_named(self, portal, method, request_type, field, rest, value, problem):
        failure = await portal.call(method, request_type(**{field: value}, **rest))

        assert (failure.reason, failure.field) == ("INVALID_ARGUMENT", field)
        assert failure.details["problem"] == problem
        assert (portal.cluster.requests, portal.cluster.reads) == ([], [])

    @pytest.mark.parametrize(
        ("method", "request_", "field", "problem"),
        [
            ("CreateCustomer", pb.CreateCustomerRequest(customer_id="b"), "name", "missing"),
            ("CreateCustomer", pb.CreateCustomerRequest(customer_id="b", name=" "), "name", "missing"),
            ("CreateCustomer", pb.CreateCustomerRequest(customer_id="b", name="x" * 201), "name", "too_long"),
            ("CreateCustomer", pb.CreateCustomerRequest(customer_id="b", name="a\nb"), "name", "control_character"),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(request_id="a/b", customer_id="b", name="B"),
                "request_id",
                "alphabet",
            ),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(customer_id="b", name="B", extra={"x": "{"}),
                "extra.x",
                "not_json",
            ),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(customer_id="b", name="B", extra={"x": ""}),
                "extra.x",
                "not_json",
            ),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(customer_id="b", name="B", extra={"x": "NaN"}),
                "extra.x",
                "not_a_number",
            ),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(customer_id="b", name="B", extra={"x": "[" * 99}),
                "extra.x",
                "too_deep",
            ),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(customer_id="b", name="B", extra={"version": "1"}),
                "extra.version",
                "reserved",
            ),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(customer_id="b", name="B", extra={"": "1"}),
                "extra",
                "missing",
            ),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(customer_id="b", name="B", extra={f"x{n}": "1" for n in range(51)}),
                "extra",
                "too_many",
            ),
            (
                "CreateCustomer",
                pb.CreateCustomerRequest(customer_id="b", name="B", extra={"x": '"' + "x" * 20_000 + '"'}),
                "extra.x",
                "too_large",
            ),
            ("UpdateCustomer", pb.UpdateCustomerRequest(customer_id="ana"), "", "nothing_to_change"),
            ("UpdateCustomer", pb.UpdateCustomerRequest(customer_id="ana", name=""), "name", "missing"),
            (
                "UpdateCustomer",
                pb.UpdateCustomerRequest(customer_id="ana", name="A", expected_version=0),
                "expected_version",
                "zero",
            ),
            (
                "UpdateCustomer",
                pb.UpdateCustomerRequest(customer_id="ana", name="A", expected_version=2**64 - 1),
                "expected_version",
                "too_large",
            ),
            (
                "CreateProduct",
                pb.CreateProductRequest(product_id="p", name="P", quantity=1),
                "price_minor_units",
                "missing",
            ),
            (
                "CreateProduct",
                pb.CreateProductRequest(product_id="p", name="P", price_minor_units=1),
                "quantity",
                "missing",
            ),
            (
                "CreateProduct",
                pb.CreateProductRequest(product_id="p", name="P", price_minor_units=-1, quantity=1),
                "price_minor_units",
                "negative",
            ),
            (
                "CreateProduct",
                pb.CreateProductRequest(product_id="p", name="P", price_minor_units=10**9 + 1, quantity=1),
                "price_minor_units",
                "too_large",
            ),
            (
                "CreateProduct",
                pb.CreateProductRequest(product_id="p", name="P", price_minor_units=1, quantity=-1),
                "quantity",
                "negative",
            ),
            (
                "CreateProduct",
                pb.CreateProductRequest(product_id="p", name="P", price_minor_units=1, quantity=2**63 - 1),
                "quantity",
                "too_large",
            ),
            (
                "CreateProduct",
                pb.CreateProductRequest(
                    product_id="p", name="P", price_minor_units=1, quantity=1, description="x" * 2_001
                ),
                "description",
                "too_long",
            ),
            (
                "CreateProduct",
                pb.CreateProductRequest(
                    product_id="p", name="P", price_minor_units=1, quantity=1, extra={"price": "1"}
                ),
                "extra.price",
                "reserved",
            ),
            ("UpdateProduct", pb.UpdateProductRequest(product_id="caneta"), "", "nothing_to_change"),
            (
                "UpdateProduct",
                pb.UpdateProductRequest(product_id="caneta", price_minor_units=-1),
                "price_minor_units",
                "negative",
            ),
            (
                "UpdateProduct",
                pb.UpdateProductRequest(product_id="caneta", description="\x00"),
                "description",
                "control_character",
            ),
            ("AdjustStock", pb.AdjustStockRequest(product_id="caneta"), "delta", "missing"),
            ("AdjustStock", pb.AdjustStockRequest(product_id="caneta", delta=0), "delta", "zero"),
            ("AdjustStock", pb.AdjustStockRequest(product_id="caneta", delta=-(2**63)), "delta", "too_large"),
            (
                "DeleteProduct",
                pb.DeleteProductRequest(product_id="caneta", expected_version=0),
                "expected_version",
                "zero",
            ),
            ("ListCustomers", pb.ListCustomersRequest(page_size=-1), "page_size", "negative"),
            ("ListCustomers", pb.ListCustomersRequest(page_size=501), "page_size", "too_large"),
            ("ListProducts", pb.ListProductsRequest(page_size=2**31 - 1), "page_size", "too_large"),
            ("ListProducts", pb.ListProductsRequest(page_token="never given"), "page_token", "malformed"),
            ("GetCustomer", pb.GetCustomerRequest(customer_id="ana", consistency=7), "consistency", "unknown_value"),
            ("GetProduct", pb.GetProductRequest(product_id="caneta", consistency=-1), "consistency", "unknown_value"),
        ],
    )
    async def test_a_bad_field_is_named(self, portal, method, request_, field, problem):
        failure = await portal.call(method, request_)

        assert (failure.reason, failure.field, failure.details["problem"]) == ("INVALID_ARGUMENT", field, problem)
        assert portal.cluster.requests == []

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            (b"\x12\x02\xff\xfe\x1a\x01A", "customer_id"),
            (b"\x12\x01b\x1a\x01\xff", "name"),
            (b"\xff\xff\xff", "request"),
        ],
    )
    async def test_bytes_that_are_no_message_are_refused_with_the_field(self, portal, data, field):
        raw = portal.channel.unary_unary(
            "/quitanda.v1.AdminPortal/CreateCustomer",
            request_serializer=bytes,
            response_deserializer=pb.CreateCustomerResponse.FromString,
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw(data, timeout=5.0)

        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert field in caught.value.details()


class TestCredentials:
    @pytest.fixture(autouse=True)
    def credentials(self, cluster):
        for level in (2, 3):
            cluster.does(RaiseLevel(level))
        for credential_id, customer_id in (("a" * 12, None), ("b" * 12, "ana"), ("c" * 12, "ana"), ("d" * 12, "bia")):
            if customer_id == "bia":
                cluster.does(CreateCustomer("bia", "Bia"))
            role = "admin" if customer_id is None else "customer"
            cluster.does(CreateCredential(credential_id, role, "phone", "0" * 64, 1, customer_id))

    async def test_those_of_staff_are_listed_and_those_of_one_customer_page_by_page(self, portal):
        staff = await portal.call("ListCredentials", pb.ListCredentialsRequest())
        first = await portal.call("ListCredentials", pb.ListCredentialsRequest(customer_id="ana", page_size=1))
        request = pb.ListCredentialsRequest(customer_id="ana", page_size=1, page_token=first.next_page_token)
        last = await portal.call("ListCredentials", request)

        assert [[one.credential_id[0] for one in page.credentials] for page in (staff, first, last)] == [
            ["a"],
            ["b"],
            ["c"],
        ]
        assert last.next_page_token == ""

    @pytest.mark.parametrize(("customer_id", "reason"), [("nobody", "CUSTOMER_NOT_FOUND"), ("a/b", "INVALID_ARGUMENT")])
    async def test_a_customer_who_is_not_there_is_told(self, portal, customer_id, reason):
        refused = await portal.call("ListCredentials", pb.ListCredentialsRequest(customer_id=customer_id))

        assert (refused.reason, refused.field) == (reason, "customer_id")


class TestOrders:
    @pytest.fixture
    def closed(self, cluster, order):
        """Have an order of ana's that is cancelled, beside the open one."""
        for level in range(2, SUPPORTED_LEVEL + 1):
            cluster.does(RaiseLevel(level))
        cluster.does(CreateOrder("ana", "order-2", 2, (ItemQuantity("caneta", 1),)), scope="ana")
        cluster.does(CancelOrder("ana", "order-2"), scope="ana")
        return order

    @pytest.mark.usefixtures("closed")
    async def test_an_order_is_shown_and_a_closed_one_where_it_is_asked_for(self, portal, cluster):
        live = await portal.call("GetOrder", pb.GetOrderForStaffRequest(order_id="order-1"))
        hidden = await portal.call("GetOrder", pb.GetOrderForStaffRequest(order_id="order-2"))
        shown = await portal.call("GetOrder", pb.GetOrderForStaffRequest(order_id="order-2", include_closed=True))

        assert DOCUMENT_CODECS[Kind.ORDER].read(live.order) == cluster.state.order("order-1")
        assert (hidden.reason, hidden.field) == ("ORDER_NOT_FOUND", "order_id")
        assert DOCUMENT_CODECS[Kind.ORDER].read(shown.order) == cluster.state.closed_order("order-2")

    @pytest.mark.usefixtures("closed")
    async def test_orders_are_found_whole_page_by_page_at_one_snapshot(self, portal, cluster):
        first = await portal.call("FindOrders", pb.FindOrdersRequest(page_size=1, newest_first=True))
        cluster.does(CreateOrder("ana", "order-0", 3), scope="ana")
        asked = pb.FindOrdersRequest(page_size=1, newest_first=True, page_token=first.next_page_token)
        last = await portal.call("FindOrders", asked)

        orders = [DOCUMENT_CODECS[Kind.ORDER].read(each) for page in (first, last) for each in page.orders]
        assert orders == [cluster.state.closed_order("order-2"), cluster.state.order("order-1")]
        assert (last.revision, last.next_page_token) == (first.revision, "")

    @pytest.mark.usefixtures("closed")
    async def test_the_replicas_are_asked_what_the_caller_asks(self, portal, cluster):
        request = pb.FindOrdersRequest(states=["cancelled", "open"], customer_id="ana", product_id="x", page_size=9)
        await portal.call("FindOrders", request)

        assert cluster.reads == [(FindOrders(("open", "cancelled"), "ana", "x", page_size=9),)]

    async def test_a_customer_who_is_not_known_has_no_orders(self, portal):
        answer = await portal.call("FindOrders", pb.FindOrdersRequest(customer_id="nobody"))

        assert (list(answer.orders), answer.next_page_token) == ([], "")
