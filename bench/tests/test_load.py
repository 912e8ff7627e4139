import json
import os
from dataclasses import replace
from itertools import islice

import grpc
import pytest

from bench import cases
from bench.__main__ import Effort, Round
from bench.generator import GeneratorFailed, measure
from bench.load import REFUSED_PAUSE_MAX, pause_of, status_of
from bench.load_mqtt import ECHO_REPLIES, ECHO_TOPIC, new_client
from bench.peers.empty import EmptySystem
from bench.peers.order_change import OutOfStock, change, new_order, new_product, order_message
from bench.peers.system import HOST
from bench.report import Report
from bench.workload import ITEMS, SAME_PRODUCT, STOCK, Workload, changes
from quitanda.errors import Overloaded
from quitanda.rpc_status import to_rpc_status
from quitanda_local import broker
from quitanda_local.errors import ProcessDied
from quitanda_local.ports import free_ports
from quitanda_local.readiness import mqtt_ready
from quitanda_local.waiting import wait_until


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


async def test_a_system_that_fails_is_told_and_does_not_end_the_run():
    class Broken(EmptySystem):
        async def start(self, folder):
            raise ProcessDied(f"nothing runs in {folder.name[:7]}")

    report = Report({}, {Broken.name: Broken.title})
    await Round(Broken(), 1, Effort(1.0, 0.5, 3, 0, frozenset()), report).measure()

    assert report.failed == {"empty": ["start, round 2: ProcessDied: nothing runs in quitand"]}
    assert report.measured == {}


@pytest.mark.slow
async def test_a_server_that_ends_is_named_with_its_last_words(tmp_path):
    class Ending(EmptySystem):
        async def start_servers(self, folder):
            self.spawn("server", ("sh", "-c", "echo the port is taken; exit 3"), folder)
            return [{}]

    system = Ending()
    try:
        with pytest.raises(ProcessDied, match=r"server ended[\s\S]*the port is taken"):
            await system.start(tmp_path)
    finally:
        await system.stop()


@pytest.mark.slow
async def test_generators_count_the_calls_of_a_real_portal_together(tmp_path):
    system = EmptySystem()
    two = replace(cases.OVERLOADS[0], in_flight=8)
    try:
        await system.start(tmp_path)
        told = await measure(system, two, seconds=0.3, warm_up=0.1)
    finally:
        await system.stop()

    assert two.generators == 2
    assert told.statuses.keys() == {"OK"}
    # the median is a witness's
    assert 0 < told.median_ms <= told.p99_ms
    assert told.calls_s > 0
    assert told.processor_ms.keys() == {"portal 1", "portal 2", "generator"}
    assert told.system_ms > 0
    assert told.memory_mb > 1
    assert 0 <= told.others <= os.cpu_count() + 0.2  # the machine counts in ticks of 10 ms


class RefusingBroker(EmptySystem):
    """A broker, and somebody behind it who refuses every request."""

    async def start_servers(self, folder):
        (port,) = free_ports(1)
        self.broker = f"{HOST}:{port}"
        self.spawn("broker", broker.prepare(broker.choose(None), port, folder), folder)
        await wait_until(self._greets, "the broker to greet", 20.0)
        self._client = new_client(self.broker)
        self._client.on_message = self._refuse
        self._client.on_connect = self._subscribe
        self._client.loop_start()
        return [{}]

    async def stop(self):
        self._client.loop_stop()
        await super().stop()

    async def _greets(self):
        return not await mqtt_ready(self.broker)

    def _subscribe(self, client, *_):
        client.subscribe(ECHO_TOPIC, 1)

    def _refuse(self, client, _, message):
        asked = json.loads(message.payload)
        error = {"reason": "OVERLOADED", "retry_after_seconds": 0.05}
        client.publish(
            f"{ECHO_REPLIES}/{asked['reply_to']}", json.dumps({"correlation": asked["correlation"], "error": error})
        )


@pytest.mark.slow
async def test_refusals_over_mqtt_are_counted_and_end_no_generator(tmp_path):
    system = RefusingBroker()
    try:
        await system.start(tmp_path)
        told = await measure(system, cases.MQTT_ECHOES, seconds=0.3, warm_up=0.5)
    finally:
        await system.stop()

    assert told.statuses.keys() == {"OVERLOADED"}


@pytest.mark.slow
async def test_a_generator_that_reaches_no_portal_says_so():
    system = EmptySystem()
    system.portals = (f"{HOST}:{free_ports(1)[0]}",)

    with pytest.raises(GeneratorFailed, match="empty, changes"):
        await measure(system, cases.CHANGES, seconds=0.3, warm_up=0.1)
