"""Every operation, its success and its refusals, over both transports."""

import uuid
from decimal import Decimal

import pytest
from callers import CallFailed, GrpcCaller
from known_callers import raise_to_highest_level

from quitanda.cluster_client import Get, List
from quitanda.domain.commands import CancelOrder, CreateOrder, CreateProduct, DeleteCustomer, ItemQuantity
from quitanda.domain.model import Kind
from quitanda.errors import OutcomeUnknown, Overloaded, Unavailable

CANETA_3 = {"product_id": "caneta", "quantity": 3}
LAPIS_1 = {"product_id": "lapis", "quantity": 1}


async def failing(call) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await call
    return caught.value


@pytest.fixture
def order(cluster):
    """Place an order of ana's for three pens."""
    return cluster.does(CreateOrder("ana", "order-1", 1_795_000_000_000, (ItemQuantity("caneta", 3),)), scope="ana")


class TestCreateOrder:
    async def test_an_order_is_placed_with_a_time_ordered_id_and_its_first_items(self, caller, cluster):
        revision, order = await caller.call("create_order", "ana", items=[CANETA_3, LAPIS_1])

        assert order == cluster.state.order(order.order_id)
        assert (revision, order.total) == (cluster.revision, 870)
        assert uuid.UUID(order.order_id).version == 7
        assert cluster.state.product("caneta").quantity == 7

    async def test_an_order_may_be_empty(self, caller):
        _, order = await caller.call("create_order", "ana")

        assert (order.customer_id, order.items) == ("ana", ())

    async def test_ids_of_orders_placed_one_after_the_other_sort_by_time(self, caller):
        order_ids = [(await caller.call("create_order", "ana"))[1].order_id for _ in range(20)]

        assert order_ids == sorted(set(order_ids))

    async def test_the_cache_is_told_the_order(self, caller, portal):
        revision, order = await caller.call("create_order", "ana", items=[CANETA_3])

        assert portal.reader.recorded == [(order, revision)]

    async def test_a_repeated_request_gets_the_first_answer_although_another_order_id_was_generated(
        self, caller, cluster
    ):
        first = await caller.call("create_order", "ana", request_id="once", items=[CANETA_3])
        second = await caller.call("create_order", "ana", request_id="once", items=[CANETA_3])

        assert first == second
        generated = {request.command.order_id for request in cluster.requests}
        assert len(generated) == 2
        assert cluster.state.product("caneta").quantity == 7

    async def test_the_id_of_a_request_belongs_to_the_customer(self, caller, cluster):
        await caller.call("create_order", "ana", request_id="1")
        await caller.call("create_order", "bia", request_id="1")

        assert [request.scope for request in cluster.requests] == ["ana", "bia"]

    async def test_a_request_id_of_another_request_is_refused(self, caller):
        await caller.call("create_order", "ana", request_id="once")
        error = await failing(caller.call("create_order", "ana", request_id="once", items=[CANETA_3]))

        assert (error.reason, error.field) == ("REQUEST_ID_REUSED", "request_id")

    async def test_more_than_there_is_is_refused_and_changes_nothing(self, caller, cluster, portal):
        error = await failing(
            caller.call("create_order", "ana", items=[LAPIS_1, {"product_id": "caneta", "quantity": 11}])
        )

        assert (error.reason, error.field) == ("OUT_OF_STOCK", "items[1].quantity")
        assert error.failure.details["available"] == "10"
        assert cluster.state.product("lapis").quantity == 5
        assert portal.reader.recorded == []

    async def test_an_unknown_customer_is_refused(self, caller):
        error = await failing(caller.call("create_order", "eva"))

        assert (error.reason, error.failure.details) == ("CUSTOMER_NOT_FOUND", {"customer_id": "eva"})

    async def test_an_unknown_product_is_refused(self, caller):
        error = await failing(caller.call("create_order", "ana", items=[{"product_id": "x", "quantity": 1}]))

        assert (error.reason, error.field) == ("PRODUCT_NOT_FOUND", "items[0].product_id")


class TestSetOrderItem:
    async def test_the_quantity_is_set_and_the_stock_moves_by_the_difference(self, caller, cluster, order):
        _, changed = await caller.call(
            "set_order_item", "ana", order_id=order.order_id, product_id="caneta", quantity=5
        )

        assert changed == cluster.state.order(order.order_id)
        assert changed.items[0].quantity == 5
        assert cluster.state.product("caneta").quantity == 5

    async def test_zero_removes_the_product(self, caller, cluster, order):
        _, changed = await caller.call(
            "set_order_item", "ana", order_id=order.order_id, product_id="caneta", quantity=0
        )

        assert changed.items == ()
        assert cluster.state.product("caneta").quantity == 10

    @pytest.mark.parametrize(
        ("fields", "reason", "field"),
        [
            ({"order_id": "other"}, "ORDER_NOT_FOUND", "order_id"),
            ({"product_id": "x"}, "PRODUCT_NOT_FOUND", "product_id"),
            ({"quantity": 14}, "OUT_OF_STOCK", "quantity"),
            ({"expected_version": 1}, "VERSION_MISMATCH", "expected_version"),
        ],
    )
    async def test_a_refusal_names_the_field_as_the_caller_knows_it(self, caller, order, fields, reason, field):
        given = {"order_id": order.order_id, "product_id": "caneta", "quantity": 4, **fields}

        error = await failing(caller.call("set_order_item", "ana", **given))

        assert (error.reason, error.field) == (reason, field)

    async def test_an_order_of_somebody_else_is_not_found(self, caller, order):
        error = await failing(
            caller.call("set_order_item", "bia", order_id=order.order_id, product_id="caneta", quantity=1)
        )

        assert error.reason == "ORDER_NOT_FOUND"

    async def test_the_expected_version_lets_the_change_through(self, caller, order):
        _, changed = await caller.call(
            "set_order_item",
            "ana",
            order_id=order.order_id,
            product_id="lapis",
            quantity=2,
            expected_version=order.version,
        )

        assert changed.version > order.version


class TestSetOrderItems:
    async def test_several_products_are_set_at_once(self, caller, order):
        _, changed = await caller.call(
            "set_order_items", "ana", order_id=order.order_id, items=[{"product_id": "caneta", "quantity": 0}, LAPIS_1]
        )

        assert [(item.product_id, item.quantity) for item in changed.items] == [("lapis", 1)]

    async def test_all_or_nothing(self, caller, cluster, order):
        error = await failing(
            caller.call(
                "set_order_items",
                "ana",
                order_id=order.order_id,
                items=[LAPIS_1, {"product_id": "caneta", "quantity": 99}],
            )
        )

        assert (error.reason, error.field) == ("OUT_OF_STOCK", "items[1].quantity")
        assert cluster.state.order(order.order_id) == order


class TestUnknownFields:
    """Fields that Quitanda does not know are kept with an order and with its items, over both transports."""

    async def test_a_new_order_takes_them_and_shows_them(self, caller, cluster):
        item = {**CANETA_3, "extra": {"engraving": "Zé", "weight": Decimal("0.50")}}
        _, placed = await caller.call("create_order", "ana", items=[item, LAPIS_1], extra={"note": "é", "a": None})
        _, shown = await caller.call("get_order", "ana", order_id=placed.order_id)

        assert placed.extra == (("a", "null"), ("note", '"é"'))
        assert [each.extra for each in placed.items] == [(("engraving", '"Zé"'), ("weight", "0.50")), ()]
        assert shown == placed == cluster.state.order(placed.order_id)

    async def test_null_removes_a_field_and_fields_that_are_not_named_stay(self, caller, order):
        about = {"order_id": order.order_id}
        await caller.call("set_order_items", "ana", **about, extra={"a": 1, "b": [True]})
        await caller.call("set_order_item", "ana", **about, **CANETA_3, extra={"c": {}, "d": 2})
        item = {"product_id": "caneta", "quantity": 2, "extra": {"c": None, "e": ""}}
        _, changed = await caller.call("set_order_items", "ana", **about, items=[item], extra={"a": None})

        assert changed.extra == (("b", "[true]"),)
        assert (changed.items[0].quantity, changed.items[0].extra) == (2, (("d", "2"), ("e", '""')))

    async def test_they_alone_change_the_orders_version_and_no_stock(self, caller, cluster, order):
        stock = cluster.state.product("caneta")
        _, changed = await caller.call("set_order_items", "ana", order_id=order.order_id, extra={"a": 1})
        _, same = await caller.call("set_order_items", "ana", order_id=order.order_id, extra={"a": 1})

        assert changed.version > order.version
        assert same.version == changed.version
        assert cluster.state.product("caneta") == stock

    async def test_without_items_and_without_them_there_is_nothing_to_set(self, caller, order):
        error = await failing(caller.call("set_order_items", "ana", order_id=order.order_id, extra={}))

        assert (error.reason, error.field, error.problem) == ("INVALID_ARGUMENT", "items", "missing")

    @pytest.mark.parametrize(
        ("operation", "fields", "field", "problem"),
        [
            ("create_order", {"extra": {"items": 1}}, "extra.items", "reserved"),
            ("create_order", {"items": [{**LAPIS_1, "extra": {"name": 1}}]}, "items[0].extra.name", "reserved"),
            ("set_order_item", {**CANETA_3, "extra": {"quantity": 1}}, "extra.quantity", "reserved"),
            ("set_order_items", {"extra": {f"x{n}": n for n in range(51)}}, "extra", "too_many"),
            (
                "set_order_items",
                {"items": [CANETA_3, {**LAPIS_1, "extra": {f"x{n}": n for n in range(51)}}]},
                "items[1].extra",
                "too_many",
            ),
            (
                "set_order_items",
                {"items": [{**LAPIS_1, "extra": {"x": "x" * 9_000}}], "extra": {"x": "x" * 9_000}},
                "extra",
                "too_large",
            ),
        ],
    )
    async def test_a_refusal_names_the_field_at_its_place(self, caller, order, operation, fields, field, problem):
        about = {} if operation == "create_order" else {"order_id": order.order_id}

        error = await failing(caller.call(operation, "ana", **about, **fields))

        assert (error.reason, error.field) == ("INVALID_ARGUMENT", field)
        assert error.problem == problem


class TestGetOrder:
    async def test_the_order_is_shown_with_the_revision_of_the_data(self, caller, cluster, order):
        assert await caller.call("get_order", "ana", order_id=order.order_id) == (cluster.revision, order)

    async def test_customer_and_order_are_read_at_one_snapshot_linearizable_by_default(
        self, caller, cluster, order, portal
    ):
        await caller.call("get_order", "ana", order_id=order.order_id)

        assert cluster.reads == [(Get(Kind.CUSTOMER, "ana"), Get(Kind.ORDER, order.order_id))]
        assert portal.reader.asked == [(False, 0)]

    async def test_the_caller_chooses_consistency_and_the_oldest_revision(self, caller, order, portal):
        await caller.call("get_order", "ana", order_id=order.order_id, consistency="cached", min_revision=1)
        assert portal.reader.asked == [(True, 1), (False, 0)], "memory, then the leader"

        await caller.call("get_order", "ana", order_id=order.order_id, consistency="linearizable")
        assert portal.reader.asked[2:] == [(False, 0)]

    @pytest.mark.parametrize("consistency", ["cached", "linearizable"])
    async def test_a_revision_that_there_is_not_yet_is_refused_instead_of_answered_with_older_data(
        self, caller, order, consistency
    ):
        with pytest.raises(CallFailed) as caught:
            await caller.call("get_order", "ana", order_id=order.order_id, consistency=consistency, min_revision=10**9)

        assert (caught.value.reason, caught.value.field) == ("INVALID_ARGUMENT", "min_revision")

    @pytest.mark.parametrize(
        ("customer_id", "order_id", "reason"),
        [
            ("eva", "order-1", "CUSTOMER_NOT_FOUND"),
            ("eva", "none", "CUSTOMER_NOT_FOUND"),
            ("ana", "none", "ORDER_NOT_FOUND"),
            ("bia", "order-1", "ORDER_NOT_FOUND"),
        ],
    )
    @pytest.mark.usefixtures("order")
    async def test_the_customer_is_asked_for_first_and_others_orders_are_not_found(
        self, caller, customer_id, order_id, reason
    ):
        error = await failing(caller.call("get_order", customer_id, order_id=order_id))

        assert error.reason == reason


@pytest.mark.parametrize("hold", [0, 60])
async def test_a_new_order_is_held_as_long_as_the_portal_is_told(cluster, portals, hold):
    raise_to_highest_level(cluster)
    async with portals(order_hold_seconds=hold) as portal:
        caller = GrpcCaller(portal.port)
        _, order = await caller.call("create_order", "ana")
        await caller.close()

    assert order.expires_at_ms == (order.created_at_ms + hold * 1_000 if hold else 0)


class TestClosedOrders:
    @pytest.fixture
    async def closed(self, caller, cluster):
        """Have an order of ana's that is cancelled, and one that is placed."""
        raise_to_highest_level(cluster)
        _, cancelled = await caller.call("create_order", "ana", items=[CANETA_3])
        _, placed = await caller.call("create_order", "ana", items=[LAPIS_1])
        await caller.call("cancel_order", "ana", order_id=cancelled.order_id)
        await caller.call("place_order", "ana", order_id=placed.order_id)
        return cancelled.order_id, placed.order_id

    @pytest.mark.parametrize("consistency", ["cached", "linearizable"])
    async def test_a_closed_order_is_shown_where_it_is_asked_for(self, caller, closed, cluster, consistency):
        cancelled, placed = closed
        asked = {"order_id": cancelled, "consistency": consistency}

        assert (await failing(caller.call("get_order", "ana", **asked))).reason == "ORDER_NOT_FOUND"
        revision, shown = await caller.call("get_order", "ana", **asked, include_closed=True)

        assert (revision, shown) == (cluster.revision, cluster.state.closed_order(cancelled))
        assert shown.state == "cancelled"
        _, live = await caller.call("get_order", "ana", order_id=placed, include_closed=True)
        assert live.state == "placed"

    async def test_another_customers_closed_order_is_not_found(self, caller, closed):
        error = await failing(caller.call("get_order", "bia", order_id=closed[0], include_closed=True))

        assert error.reason == "ORDER_NOT_FOUND"

    async def test_orders_are_listed_by_their_states_and_without_any_the_live_ones(self, caller, closed):
        cancelled, placed = closed

        async def listed(*states):
            _, (summaries, _) = await caller.call("list_orders", "ana", **({"states": states} if states else {}))
            return [(each.order_id, each.state) for each in summaries]

        assert await listed() == [(placed, "placed")]
        assert await listed("cancelled") == [(cancelled, "cancelled")]
        assert await listed("placed", "cancelled", "placed") == [(cancelled, "cancelled"), (placed, "placed")]
        assert await listed("open", "expired") == []

    @pytest.mark.usefixtures("closed")
    async def test_the_token_of_a_list_of_other_states_is_refused(self, caller):
        _, (_, token) = await caller.call("list_orders", "ana", page_size=1, states=["placed", "cancelled"])

        error = await failing(caller.call("list_orders", "ana", page_size=1, page_token=token))

        assert (error.reason, error.field) == ("INVALID_ARGUMENT", "page_token")
        _, (last, _) = await caller.call(
            "list_orders", "ana", page_size=1, page_token=token, states=["cancelled", "placed"]
        )
        assert [each.state for each in last] == ["placed"]


class TestGetProduct:
    async def test_the_product_is_shown(self, caller, cluster):
        assert await caller.call("get_product", "ana", product_id="lapis") == (
            cluster.revision,
            cluster.state.product("lapis"),
        )

    @pytest.mark.parametrize(
        ("customer_id", "product_id", "reason"),
        [("eva", "lapis", "CUSTOMER_NOT_FOUND"), ("eva", "x", "CUSTOMER_NOT_FOUND"), ("ana", "x", "PRODUCT_NOT_FOUND")],
    )
    async def test_the_customer_is_asked_for_first(self, caller, customer_id, product_id, reason):
        error = await failing(caller.call("get_product", customer_id, product_id=product_id))

        assert error.reason == reason


class TestListOrders:
    async def test_the_customers_orders_are_listed_oldest_first_page_by_page(self, caller):
        placed = [(await caller.call("create_order", "ana", items=[LAPIS_1]))[1] for _ in range(3)]
        await caller.call("create_order", "bia")

        revision, (first, token) = await caller.call("list_orders", "ana", page_size=2)
        last = await caller.call("list_orders", "ana", page_size=2, page_token=token)

        assert [summary.order_id for summary in first] == [order.order_id for order in placed[:2]]
        assert [(summary.item_count, summary.total) for summary in first] == [(1, 120), (1, 120)]
        assert last == (revision, ([last[1][0][0]], ""))
        assert last[1][0][0].order_id == placed[2].order_id

    @pytest.mark.usefixtures("order")
    async def test_all_pages_show_the_snapshot_of_the_first(self, caller, cluster):
        cluster.does(CreateOrder("ana", "order-2", 1), scope="ana")
        revision, (_, token) = await caller.call("list_orders", "ana", page_size=1)
        cluster.does(CancelOrder("ana", "order-2"), scope="ana")

        later, (last, _) = await caller.call("list_orders", "ana", page_size=1, page_token=token)

        assert later == revision
        assert [summary.order_id for summary in last] == ["order-2"]

    async def test_without_orders_the_list_is_empty(self, caller, cluster):
        assert await caller.call("list_orders", "bia") == (cluster.revision, ([], ""))

    async def test_the_customer_is_checked_at_the_same_snapshot(self, caller, cluster):
        await caller.call("list_orders", "ana")

        assert cluster.reads == [(Get(Kind.CUSTOMER, "ana"), List(Kind.ORDER, "ana", 100))]

    async def test_an_unknown_customer_is_refused(self, caller):
        assert (await failing(caller.call("list_orders", "eva"))).reason == "CUSTOMER_NOT_FOUND"

    @pytest.mark.usefixtures("order")
    async def test_a_list_whose_snapshot_is_gone_must_be_started_again(self, caller, cluster):
        cluster.does(CreateOrder("ana", "order-2", 1), scope="ana")
        _, (_, token) = await caller.call("list_orders", "ana", page_size=1)
        cluster.forget_lists()

        error = await failing(caller.call("list_orders", "ana", page_size=1, page_token=token))

        assert error.reason == "PAGE_TOKEN_EXPIRED"

    @pytest.mark.usefixtures("order")
    async def test_the_token_of_another_customers_list_is_refused(self, caller, cluster):
        cluster.does(CreateOrder("ana", "order-2", 1), scope="ana")
        _, (_, token) = await caller.call("list_orders", "ana", page_size=1)

        error = await failing(caller.call("list_orders", "bia", page_size=1, page_token=token))

        assert (error.reason, error.field) == ("INVALID_ARGUMENT", "page_token")


class TestListProducts:
    async def test_all_products_are_listed_by_id_page_by_page(self, caller, cluster):
        cluster.does(CreateProduct("borracha", "Borracha", price=99, quantity=1))

        revision, (first, token) = await caller.call("list_products", "ana", page_size=2)
        later, (last, end) = await caller.call("list_products", "ana", page_size=2, page_token=token)

        assert first + last == list(cluster.state.products())
        assert (revision, end) == (later, "")

    async def test_the_customer_is_checked_at_the_same_snapshot(self, caller, cluster):
        await caller.call("list_products", "ana")

        assert cluster.reads == [(Get(Kind.CUSTOMER, "ana"), List(Kind.PRODUCT, "", 100))]

    async def test_an_unknown_customer_is_refused_on_every_page(self, caller, cluster):
        _, (_, token) = await caller.call("list_products", "bia", page_size=1)
        cluster.does(DeleteCustomer("bia"))

        errors = [
            await failing(caller.call("list_products", "eva")),
            await failing(caller.call("list_products", "bia", page_size=1, page_token=token)),
        ]

        assert [error.reason for error in errors] == ["CUSTOMER_NOT_FOUND", "CUSTOMER_NOT_FOUND"]


class TestFindProducts:
    async def test_products_are_found_by_words_price_and_stock_page_by_page(self, caller, cluster):
        for number, (name, price, quantity) in enumerate([("Café moído", 1_500, 3), ("Café em grão", 2_500, 0)]):
            cluster.does(CreateProduct(f"cafe-{number}", name, price, quantity))
        cafes = [each for each in cluster.state.products() if each.product_id.startswith("cafe")]

        _, (first, token) = await caller.call("find_products", "ana", words="CAFE", page_size=1)
        _, (last, end) = await caller.call("find_products", "ana", words="CAFE", page_size=1, page_token=token)
        _, (in_stock, _) = await caller.call("find_products", "ana", words="cafe", in_stock=True)

        assert (first + last, end, in_stock) == (cafes, "", cafes[:1])

    async def test_a_token_of_another_search_is_refused(self, caller):
        _, (_, token) = await caller.call("find_products", "ana", page_size=1)

        error = await failing(caller.call("find_products", "ana", words="caneta", page_size=1, page_token=token))

        assert (error.reason, error.field) == ("INVALID_ARGUMENT", "page_token")


class TestCancelOrder:
    async def test_the_order_goes_its_units_return_and_the_answer_shows_it_as_it_was(self, caller, cluster, order):
        revision, cancelled = await caller.call("cancel_order", "ana", order_id=order.order_id)

        assert (revision, cancelled) == (cluster.revision, order)
        assert cluster.state.order(order.order_id) is None
        assert cluster.state.product("caneta").quantity == 10

    async def test_the_cache_is_told_that_the_order_is_gone(self, caller, order, portal):
        revision, _ = await caller.call("cancel_order", "ana", order_id=order.order_id)

        assert portal.reader.recorded == [((Kind.ORDER, order.order_id), revision)]

    @pytest.mark.parametrize(
        ("customer_id", "fields", "reason"),
        [
            ("eva", {}, "CUSTOMER_NOT_FOUND"),
            ("bia", {}, "ORDER_NOT_FOUND"),
            ("ana", {"order_id": "none"}, "ORDER_NOT_FOUND"),
            ("ana", {"expected_version": 1}, "VERSION_MISMATCH"),
        ],
    )
    async def test_refusals(self, caller, order, customer_id, fields, reason):
        error = await failing(caller.call("cancel_order", customer_id, **{"order_id": order.order_id, **fields}))

        assert error.reason == reason


class TestTheWayToTheReplicas:
    @pytest.mark.parametrize(
        ("raised", "reason", "definite"),
        [
            (Unavailable("no leader"), "UNAVAILABLE", True),
            (Overloaded("queue full"), "OVERLOADED", True),
            (OutcomeUnknown("no answer"), "OUTCOME_UNKNOWN", False),
        ],
    )
    async def test_an_error_is_told_with_whether_it_is_definite(self, caller, cluster, raised, reason, definite):
        cluster.fail_next(raised)

        error = await failing(caller.call("create_order", "ana"))

        assert (error.reason, error.failure.definite, error.failure.retryable) == (reason, definite, True)

    async def test_what_nobody_expected_is_internal_and_not_definite(self, caller, cluster):
        cluster.fail_next(RuntimeError("a bug"))

        error = await failing(caller.call("create_order", "ana"))

        assert (error.reason, error.failure.definite) == ("INTERNAL", False)
        assert "a bug" not in error.failure.message

    async def test_a_request_after_a_failed_one_is_answered(self, caller, cluster):
        cluster.fail_next(Unavailable("no leader"))
        await failing(caller.call("get_product", "ana", product_id="lapis"))

        assert (await caller.call("get_product", "ana", product_id="lapis"))[1].product_id == "lapis"

    async def test_the_cluster_gets_less_time_than_the_portal_allows(self, caller, cluster):
        await caller.call("create_order", "ana")

        assert cluster.timeouts[-1] == pytest.approx(4.9, abs=0.05)
