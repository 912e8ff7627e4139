import asyncio
import json
from itertools import islice

import grpc
import pytest

from bench.__main__ import unanswered
from bench.cases import CHANGES
from bench.generator import generate
from bench.load import REFUSED_PAUSE_MAX, pause_of, status_of
from bench.measurement import Measurement
from bench.peers.empty import EmptySystem
from bench.peers.order_change import OutOfStock, change, new_order, new_product, order_message
from bench.report import Report
from bench.witness import watch
from bench.workload import ITEMS, SAME_PRODUCT, STOCK, Workload, changes
from quitanda.error_status import to_rpc_status
from quitanda.errors import Overloaded


def test_the_draws_are_the_same_each_time_and_travel_as_json():
    workload = Workload.drawn()

    assert Workload.from_json(json.loads(json.dumps(workload.to_json()))) == workload == Workload.drawn()
    assert all(len(set(order.product_ids)) == ITEMS for order in workload.orders)


@pytest.mark.parametrize("same_product", [False, True])
def test_every_call_changes_something_and_orders_keep_their_four_items(same_product):
    workload = Workload.drawn()
    order = new_order(workload.orders[3])
    products = {product_id: new_product(product_id) for product_id in order["items"]}
    for asked in islice(changes(workload, 3, same_product=same_product), 1, 30):
        before = order["items"][asked.product_id]["quantity"]
        change(order, products[asked.product_id], asked.quantity)
        assert (asked.product_id == SAME_PRODUCT) is same_product
        # the first quantities may be those that the order began with
        assert order["version"] < 6 or asked.quantity != before

    assert len(order["items"]) == ITEMS
    assert all(products[key]["quantity"] + item["quantity"] == STOCK + 1 for key, item in order["items"].items())
    assert order_message(order).total_minor_units == sum(250 * item["quantity"] for item in order["items"].values())


def test_a_peer_refuses_what_is_not_in_stock_and_changes_nothing():
    order = new_order(Workload.drawn().orders[0])
    product = {**new_product(SAME_PRODUCT), "quantity": 1}

    with pytest.raises(OutOfStock):
        change(order, product, 3)
    assert product["quantity"] == order["items"][SAME_PRODUCT]["quantity"] == 1


def test_a_refusal_is_known_by_its_reason():
    status = to_rpc_status(Overloaded("full"))
    error = grpc.aio.AioRpcError(
        status.code, grpc.aio.Metadata(), grpc.aio.Metadata(*status.trailing_metadata), status.details
    )

    assert status_of(error)[0] == "OVERLOADED"
    assert status_of(grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())) == (
        "UNAVAILABLE",
        0.0,
    )


def test_a_caller_waits_as_long_as_it_is_told_and_longer_after_each_failure_that_tells_nothing():
    assert all(3.0 <= pause_of(3.0, failed=0) <= 3.75 for _ in range(100))
    longest = [max(pause_of(0.0, failed) for _ in range(300)) for failed in (1, 3, 20)]
    assert longest == sorted(longest)
    assert longest[-1] <= 2 * REFUSED_PAUSE_MAX


def test_a_run_in_which_a_system_answered_nothing_fails():
    report = Report({}, {"etcd": "etcd"})
    report.add("etcd", CHANGES, Measurement(0.0, 0.0, 0.0, 0.0, 9, {"DEADLINE_EXCEEDED": 9}, {}))

    assert unanswered(report) == ["etcd, changes"]


@pytest.mark.slow
async def test_a_generator_counts_the_calls_of_a_real_portal(tmp_path):
    system = EmptySystem()
    try:
        await system.start(tmp_path)
        told, seen = await asyncio.gather(
            generate(system, CHANGES, seconds=0.3, warm_up=0.1, acknowledgements=True),
            watch(system.portals, system.workload, CHANGES, after=0.0, seconds=0.5),
        )
    finally:
        await system.stop()

    assert told.measurement.statuses.keys() == {"OK"}
    assert 0 < told.measurement.statuses["OK"] <= len(told.acknowledged)
    assert told.measurement.processor_ms.keys() == {"portal 1", "portal 2", "generator"}
    assert told.measurement.system_ms > 0
    assert seen.statuses.keys() == {"OK"}
    assert 4 <= seen.statuses["OK"] <= 20
    assert 0 < seen.median_ms <= seen.p99_ms
