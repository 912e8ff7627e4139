"""What only MQTT has: reply topics, garbage, the gateway's bounds, and a broker that comes and goes."""

import asyncio
import json
from typing import Any

import aiomqtt
import pytest
from broker_process import BrokerProcess
from callers import CallFailed, MqttCaller
from fake_cluster import DirectReader
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from prometheus_client import CollectorRegistry
from running_portal import WAIT_SECONDS, wait_for

from quitanda.domain.commands import CreateProduct
from quitanda.domain.limits import EXTRA_BYTES_MAX
from quitanda.errors import Overloaded
from quitanda.mqtt import topics
from quitanda.operations import PortalKind
from quitanda.portal.callers import Authenticator
from quitanda.portal.ids import IdGenerator
from quitanda.portal.mqtt_gateway import GatewayMetrics, GatewayOptions, MqttGateway
from quitanda.portal.mqtt_requests import REQUEST_BYTES_MAX, MqttRequestHandler
from quitanda.portal.operations import PortalOperations
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.addresses import Address
from quitanda.runtime.admission import AdmissionOptions
from quitanda.runtime.metrics import RequestMetrics
from quitanda_local import broker as brokers
from quitanda_local.topology import BrokerKind

DROPPED = "quitanda_mqtt_gateway_dropped_total"
REQUESTS = "quitanda_requests_total"


def _nested(depth: int) -> bytes:
    return b'{"reply_to":"test-session","x":' + b"[" * depth + b"]" * depth + b"}"


def handler_of(cluster, registry):
    operations = PortalOperations(PortalKind.CLIENT, cluster, None)
    return MqttRequestHandler(operations, IdGenerator(), AccessLog(RequestMetrics(registry), "mqtt"))


class TestReplies:
    async def test_the_reply_comes_on_the_sessions_topic_with_id_revision_and_result(self, mqtt_caller, cluster):
        await mqtt_caller.send(
            "get_product", "ana", {"request_id": "r1", "reply_to": "s-7", "product_id": "lapis", "customer_id": "ana"}
        )
        reply = await mqtt_caller.reply("r1")

        assert mqtt_caller.received == [("quitanda/v1/customers/ana/replies/s-7", reply)]
        assert reply["revision"] == cluster.revision
        assert str(reply["result"]["price"]) == "1.20"

    @pytest.mark.parametrize("product_id", ["lapis", "no-such-product"])
    async def test_a_reply_repeats_the_correlation_of_its_request(self, mqtt_caller, product_id):
        fields = {"request_id": "r1", "reply_to": "s-7", "correlation": "c-9", "product_id": product_id}
        await mqtt_caller.send("get_product", "ana", fields)

        assert (await mqtt_caller.reply("r1"))["correlation"] == "c-9"

    @pytest.mark.parametrize("correlation", [7, "a/b", "x" * 65])
    async def test_an_unusable_correlation_is_refused_and_not_repeated(self, mqtt_caller, correlation):
        await mqtt_caller.send(
            "list_orders", "ana", {"request_id": "r1", "reply_to": "s-7", "correlation": correlation}
        )
        reply = await mqtt_caller.reply("r1")

        assert (reply["error"]["reason"], reply["error"]["field"]) == ("INVALID_ARGUMENT", "correlation")
        assert "correlation" not in reply

    async def test_an_error_has_reason_message_and_what_to_do(self, mqtt_caller):
        await mqtt_caller.send("get_product", "ana", {"request_id": "r1", "reply_to": "s-7", "product_id": "x"})
        reply = await mqtt_caller.reply("r1")

        assert set(reply) == {"request_id", "error"}
        members = {"reason", "message", "retryable", "definite", "field", "details", "request_id"}
        assert set(reply["error"]) == members
        assert (reply["error"]["reason"], reply["error"]["retryable"]) == ("PRODUCT_NOT_FOUND", False)

    async def test_a_write_without_an_id_is_answered_with_the_generated_one(self, mqtt_caller, cluster):
        await mqtt_caller.send("create_order", "ana", {"reply_to": "s-7"})
        await wait_for(lambda: mqtt_caller.received, "the reply")

        reply = mqtt_caller.received[0][1]
        assert reply["request_id"] == cluster.requests[0].request_id
        assert len(reply["request_id"]) == 32

    async def test_a_write_without_an_id_whose_outcome_is_unknown_is_repeated_with_the_told_one_and_gives_one_order(
        self, mqtt_caller, cluster
    ):
        fields = {"reply_to": "s-7", "items": [{"product_id": "caneta", "quantity": 1}]}
        cluster.lose_next_answer()
        await mqtt_caller.send("create_order", "ana", fields)
        await wait_for(lambda: mqtt_caller.received, "the reply")
        failed = mqtt_caller.received[0][1]
        told = failed["error"]["request_id"]
        await mqtt_caller.send("create_order", "ana", {**fields, "request_id": told})
        await wait_for(lambda: len(mqtt_caller.received) == 2, "the reply to the repeated request")

        assert (failed["error"]["reason"], failed["request_id"], len(told)) == ("OUTCOME_UNKNOWN", told, 32)
        assert cluster.state.order(mqtt_caller.received[1][1]["result"]["order_id"]) is not None
        assert cluster.state.product("caneta").quantity == 9

    async def test_a_read_without_an_id_is_answered_with_null(self, mqtt_caller):
        await mqtt_caller.send("list_products", "ana", {"reply_to": "s-7"})

        assert (await mqtt_caller.reply(None))["result"]["next_page_token"] == ""

    async def test_a_page_that_no_broker_carries_is_refused_with_the_limit(self, mqtt_caller, cluster):
        large = json.dumps("x" * (EXTRA_BYTES_MAX - 100))
        for number in range(80):
            cluster.does(CreateProduct(f"p{number:03}", "P", price=1, quantity=1, extra=(("x", large),)))

        with pytest.raises(CallFailed) as caught:
            await mqtt_caller.call("list_products", "ana")
        _, (products, _) = await mqtt_caller.call("list_products", "ana", page_size=40)

        assert (caught.value.reason, caught.value.field) == ("INVALID_ARGUMENT", "page_size")
        assert len(products) == 40


class TestBadRequests:
    @pytest.mark.parametrize(
        ("operation", "fields", "field", "problem"),
        [
            ("fly", {}, "operation", "unknown_value"),
            ("create_order", {"customer_id": "bia"}, "customer_id", "unknown_value"),
            ("create_order", {"customer_id": 1}, "customer_id", "unknown_value"),
            ("create_order", {"colour": "red"}, "colour", "unknown_field"),
            ("create_order", {"order_id": "mine"}, "order_id", "unknown_field"),
            ("create_order", {"items": {}}, "items", "wrong_type"),
            ("create_order", {"items": ["caneta"]}, "items[0]", "wrong_type"),
            ("create_order", {"items": [{"product_id": "caneta"}]}, "items[0].quantity", "missing"),
            (
                "create_order",
                {"items": [{"product_id": "caneta", "quantity": 1.5}]},
                "items[0].quantity",
                "not_an_integer",
            ),
            ("create_order", {"items": [{"product_id": "caneta", "quantity": "1"}]}, "items[0].quantity", "wrong_type"),
            (
                "create_order",
                {"items": [{"product_id": "caneta", "quantity": 10**400}]},
                "items[0].quantity",
                "too_large",
            ),
            (
                "create_order",
                {"items": [{"product_id": "caneta", "quantity": 1, "x": 1}]},
                "items[0].x",
                "unknown_field",
            ),
            ("set_order_item", {"product_id": "caneta", "quantity": 1}, "order_id", "missing"),
            ("set_order_item", {"order_id": "o", "quantity": 1}, "product_id", "missing"),
            ("set_order_item", {"order_id": "o", "product_id": "caneta"}, "quantity", "missing"),
            ("set_order_item", {"order_id": "o", "product_id": "caneta", "quantity": True}, "quantity", "wrong_type"),
            ("set_order_item", {"order_id": "o", "product_id": "caneta", "quantity": -1}, "quantity", "negative"),
            ("set_order_item", {"order_id": "o", "product_id": "a b", "quantity": 1}, "product_id", "alphabet"),
            ("set_order_items", {"order_id": "o"}, "items", "missing"),
            ("set_order_items", {"order_id": "o", "items": []}, "items", "missing"),
            ("cancel_order", {}, "order_id", "missing"),
            ("cancel_order", {"order_id": "o", "expected_version": "1"}, "expected_version", "wrong_type"),
            ("get_order", {"order_id": 7}, "order_id", "wrong_type"),
            ("get_order", {"order_id": "o", "consistency": "eventual"}, "consistency", "unknown_value"),
            ("get_order", {"order_id": "o", "consistency": 1}, "consistency", "wrong_type"),
            ("get_order", {"order_id": "o", "min_revision": -1}, "min_revision", "negative"),
            ("get_product", {"product_id": ""}, "product_id", "missing"),
            ("get_order", {"order_id": "o", "include_closed": 1}, "include_closed", "wrong_type"),
            ("list_orders", {"states": "open"}, "states", "wrong_type"),
            ("list_orders", {"states": ["open", 1]}, "states[1]", "wrong_type"),
            ("list_orders", {"states": ["open", "sold"]}, "states[1]", "unknown_value"),
            ("list_products", {"states": ["open"]}, "states", "unknown_field"),
            ("get_product", {"product_id": "lapis", "include_closed": True}, "include_closed", "unknown_field"),
            ("list_orders", {"page_size": 501}, "page_size", "too_large"),
            ("list_orders", {"page_size": -1}, "page_size", "negative"),
            ("list_products", {"page_token": 1}, "page_token", "wrong_type"),
            ("list_products", {"page_token": "never given"}, "page_token", "malformed"),
        ],
    )
    async def test_a_bad_field_is_named(self, mqtt_caller, operation, fields, field, problem):
        with pytest.raises(CallFailed) as caught:
            await mqtt_caller.call(operation, "ana", **fields)

        assert (caught.value.reason, caught.value.field, caught.value.problem) == ("INVALID_ARGUMENT", field, problem)

    @pytest.mark.parametrize("customer_id", ["a b", "-ana", "ana!", "á", "x" * 65])
    async def test_a_bad_customer_in_the_topic_is_named(self, mqtt_caller, customer_id):
        with pytest.raises(CallFailed) as caught:
            await mqtt_caller.call("list_products", customer_id)

        assert (caught.value.reason, caught.value.field) == ("INVALID_ARGUMENT", "customer_id")

    @pytest.mark.parametrize("request_id", [7, ["r"], "a/b", "x" * 65, {"a": 1}])
    async def test_an_unusable_request_id_is_refused_and_not_echoed(self, mqtt_caller, cluster, request_id):
        await mqtt_caller.send("create_order", "ana", {"request_id": request_id, "reply_to": "s-7"})
        reply = await mqtt_caller.reply(None)

        assert (reply["error"]["reason"], reply["error"]["field"]) == ("INVALID_ARGUMENT", "request_id")
        assert cluster.requests == []

    @pytest.mark.parametrize(
        ("payload", "field", "problem"),
        [
            (b'{"reply_to": "s-7", "request_id": "r1", "product_id": NaN}', "product_id", "not_a_number"),
            (b'{"reply_to": "s-7", "request_id": "r1", "product_id": ', "request", "not_json"),
            (b'{"reply_to": "s-7", "request_id": "r1", "product_id": "\xff"}', "request", "not_utf8"),
            (b'{"reply_to": "s-7", "request_id": "r1", "product_id": "\\ud800"}', "product_id", "not_utf8"),
            (b'{"reply_to": "s-7", "request_id": "r1", "x": 1, "x": 2}', "x", "duplicate"),
            (b'[{"reply_to": "s-7", "request_id": "r1"}]', "request", "wrong_type"),
            (
                b'{"reply_to": "s-7", "request_id": "r1", "x": ' + b"[" * 9_999 + b"]" * 9_999 + b"}",
                "request",
                "too_deep",
            ),
            (
                b'{"reply_to": "s-7", "request_id": "r1", "x": "' + b"x" * REQUEST_BYTES_MAX + b'"}',
                "request",
                "too_large",
            ),
        ],
    )
    async def test_a_payload_that_cannot_be_read_is_answered_where_it_names_a_reply_address(
        self, mqtt_caller, payload, field, problem
    ):
        await mqtt_caller.send("get_product", "ana", payload)
        reply = await mqtt_caller.reply("r1")

        assert (reply["error"]["field"], reply["error"]["details"]["problem"]) == (field, problem)

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"\x00\xff\xfe",
            b"null",
            b"7",
            b'"reply_to"',
            b"[" * 60_000,
            b'{"a":' * 10_000,
            b"{}",
            b'{"reply_to": null}',
            b'{"reply_to": ""}',
            b'{"reply_to": 7}',
            b'{"reply_to": ["s-7"]}',
            b'{"reply_to": "a/b"}',
            b'{"reply_to": "#"}',
            b'{"reply_to": "+"}',
            b'{"reply_to": "' + b"x" * 65 + b'"}',
            b"x" * 500_000,
        ],
    )
    async def test_garbage_without_a_reply_address_is_counted_and_harms_nobody(self, mqtt_caller, portal, payload):
        await mqtt_caller.send("create_order", "ana", payload)
        await mqtt_caller.call("list_products", "ana")

        assert portal.counted(DROPPED, reason="unanswerable") == 1
        assert len(mqtt_caller.received) == 1
        assert portal.cluster.requests == []

    async def test_operations_that_strangers_invent_do_not_become_metrics(self, mqtt_caller, portal):
        for number in range(3):
            with pytest.raises(CallFailed):
                await mqtt_caller.call(f"invented_{number}", "ana")

        assert portal.counted(REQUESTS, operation="unknown", transport="mqtt", reason="INVALID_ARGUMENT") == 3

    async def test_a_retained_request_is_not_executed_again_at_every_reconnect(self, portals, broker, cluster):
        caller = MqttCaller(broker.port)
        await caller.open()
        await caller.send("create_order", "ana", {"request_id": "r1", "reply_to": "s-7"}, retain=True)

        async with portals(broker) as portal:
            await wait_for(lambda: portal.counted(DROPPED, reason="retained"), "the retained request")
        await caller.send("create_order", "ana", b"", retain=True)  # forget it
        await caller.close()

        assert cluster.requests == []

    @pytest.mark.skipif(brokers.choose(None) is not BrokerKind.MOSQUITTO, reason="amqtt does not speak MQTT 5")
    async def test_a_request_with_the_retain_flag_is_refused_also_where_the_portal_is_subscribed(
        self, mqtt_caller, portal
    ):
        fields = {"request_id": "r1", "reply_to": "s-7"}
        await mqtt_caller.send("create_order", "ana", fields, retain=True)
        refused = await mqtt_caller.reply("r1")
        await mqtt_caller.send("create_order", "ana", b"", retain=True)  # forget it
        assert portal.cluster.requests == []
        await mqtt_caller.send("create_order", "ana", fields)

        assert (refused["error"]["reason"], refused["error"]["field"]) == ("INVALID_ARGUMENT", "retain")
        assert refused["error"]["details"]["problem"] == "retained"
        assert "result" in await mqtt_caller.reply("r1")

    async def test_a_broker_that_does_not_speak_mqtt_5_is_spoken_to_in_3_1_1(self, portals, tmp_path):
        old = BrokerProcess(BrokerKind.AMQTT, tmp_path)
        old.start()
        try:
            async with portals(old):
                caller = MqttCaller(old.port)
                await caller.open()
                _, order = await caller.call("create_order", "ana")
                await caller.close()
        finally:
            old.kill()

        assert order.customer_id == "ana"


class TestOverload:
    @pytest.fixture
    async def small_gateway(self, cluster, broker):
        """Run a gateway with room for one request in work, two in the queue and two refusals."""
        registry = CollectorRegistry()
        options = GatewayOptions(
            broker=Address("127.0.0.1", broker.port),
            requests_filter=topics.REQUESTS_FILTER,
            client_id="small",
            request_timeout=5.0,
            queue_length=2,
            workers=1,
            refusal_queue_length=2,
            refusal_workers=1,
        )
        handler = handler_of(cluster, registry)
        gateway = MqttGateway(options, handler, GatewayMetrics(registry))
        await gateway.start()
        await wait_for(lambda: gateway.connected, "the gateway's connection")
        yield gateway
        cluster.release()
        await gateway.stop(2.0)

    @pytest.mark.usefixtures("small_gateway")
    async def test_requests_beyond_the_queue_are_refused_at_once(self, broker, cluster):
        caller = MqttCaller(broker.port)
        await caller.open()
        cluster.hold()

        calls = [asyncio.create_task(caller.call("list_products", "ana")) for _ in range(5)]
        await wait_for(lambda: sum(call.done() for call in calls) == 2, "two refusals")
        refused = [call.exception() for call in calls if call.done()]
        cluster.release()
        answered = await asyncio.gather(*calls, return_exceptions=True)
        await caller.close()

        assert [failure.reason for failure in refused] == ["OVERLOADED", "OVERLOADED"]
        assert all(failure.retry_after > 0 for failure in refused)
        assert sum(isinstance(answer, tuple) for answer in answered) == 3

    @pytest.mark.parametrize("token", [None, "qt1_admin", 7])
    async def test_a_token_that_has_not_the_form_of_one_is_refused_where_no_worker_is_free(
        self, token, broker, cluster
    ):
        registry = CollectorRegistry()
        options = GatewayOptions(
            Address("127.0.0.1", broker.port), topics.REQUESTS_FILTER, "busy", request_timeout=5.0, workers=0
        )
        reader = DirectReader(cluster)
        authenticator = Authenticator(reader)
        operations = PortalOperations(PortalKind.CLIENT, cluster, reader, authenticator)
        log = AccessLog(RequestMetrics(registry), "mqtt")
        handler = MqttRequestHandler(operations, IdGenerator(), log, authenticator)
        gateway = MqttGateway(options, handler, GatewayMetrics(registry))
        caller = MqttCaller(broker.port)
        await caller.open()
        await gateway.start()
        await wait_for(lambda: gateway.connected, "the gateway's connection")

        fields = {"request_id": "r1", "reply_to": "s-7", "product_id": "lapis"}
        await caller.send("get_product", "ana", fields if token is None else {**fields, "token": token})
        reply = await caller.reply("r1")
        await gateway.stop(2.0)
        await caller.close()

        assert reply["error"]["reason"] == "UNAUTHENTICATED"
        assert cluster.waiting == 0
        assert authenticator.results.total() == 1

    async def test_a_request_whose_time_ran_out_in_the_queue_is_refused_and_not_executed(self, broker, cluster):
        now = 0.0
        registry = CollectorRegistry()
        options = GatewayOptions(
            Address("127.0.0.1", broker.port), topics.REQUESTS_FILTER, "slow", request_timeout=5.0, workers=1
        )
        handler = handler_of(cluster, registry)
        gateway = MqttGateway(options, handler, GatewayMetrics(registry), monotonic=lambda: now)
        caller = MqttCaller(broker.port)
        await caller.open()
        await gateway.start()
        await wait_for(lambda: gateway.connected, "the gateway's connection")
        cluster.hold()

        first = asyncio.create_task(caller.call("list_products", "ana"))
        await wait_for(lambda: cluster.waiting, "the first request's execution")
        second = asyncio.create_task(caller.call("create_order", "ana"))
        await wait_for(lambda: gateway.unanswered == 2, "the second request in the queue")
        now = 6.0
        cluster.release()
        await first
        with pytest.raises(CallFailed) as caught:
            await second
        await gateway.stop(2.0)
        await caller.close()

        assert (caught.value.reason, caught.value.retry_after > 0) == ("OVERLOADED", True)
        assert cluster.requests == []

    async def test_requests_above_the_portals_limit_are_refused_at_once_and_wait_for_no_worker(
        self, mqtt_caller, cluster
    ):
        room = AdmissionOptions().limit_start
        cluster.hold()

        calls = [asyncio.create_task(mqtt_caller.call("list_products", "ana")) for _ in range(room + 20)]
        await wait_for(lambda: sum(call.done() for call in calls) == 20, "the refusals")
        refused = [call.exception() for call in calls if call.done()]
        cluster.release()
        answers = await asyncio.gather(*calls, return_exceptions=True)

        assert {failure.reason for failure in refused} == {"OVERLOADED"}
        assert all(failure.retry_after > 0 for failure in refused)
        assert sum(isinstance(answer, tuple) for answer in answers) == room

    @pytest.mark.parametrize("operation", ["create_order", "list_products"])
    async def test_every_refusal_for_want_of_room_says_when_to_try_again(self, mqtt_caller, cluster, operation):
        cluster.fail_next(Overloaded("full, and says not how long"))

        with pytest.raises(CallFailed) as caught:
            await mqtt_caller.call(operation, "ana")

        assert (caught.value.reason, caught.value.retry_after > 0) == ("OVERLOADED", True)

    async def test_many_requests_at_once_are_all_answered(self, mqtt_caller):
        answers = await asyncio.gather(*(mqtt_caller.call("create_order", "ana") for _ in range(300)))

        order_ids = {order.order_id for _, order in answers}
        assert len(order_ids) == 300


class TestTheBroker:
    @pytest.fixture
    def own_broker(self, tmp_path):
        process = BrokerProcess(brokers.choose(None), tmp_path)
        process.start()
        yield process
        process.kill()

    async def test_the_gateway_comes_back_after_the_broker(self, portals, own_broker):
        async with portals(own_broker) as portal:
            own_broker.kill()
            await wait_for(lambda: not portal.servers.gateway.connected, "the gateway's notice of the loss")
            assert portal.counted("quitanda_mqtt_gateway_connected") == 0

            own_broker.start()
            await wait_for(lambda: portal.servers.gateway.connected, "the gateway's return")
            caller = MqttCaller(own_broker.port)
            await caller.open()
            _, order = await caller.call("create_order", "ana")
            await caller.close()

        assert order.customer_id == "ana"

    async def test_a_defect_while_the_loss_of_the_broker_is_handled_does_not_end_the_gateway(self, own_broker, cluster):
        class DefectiveOnce(GatewayMetrics):
            """Its gauge of the connection fails the first time that it is set to 0."""

            def __init__(self, registry):
                super().__init__(registry)
                self.failures = 0
                self._gauge: Any = self.connected
                self.connected: Any = self

            def set(self, value):
                if value == 0 and not self.failures:
                    self.failures += 1
                    raise ZeroDivisionError("a defect")
                self._gauge.set(value)

        registry = CollectorRegistry()
        metrics = DefectiveOnce(registry)
        handler = handler_of(cluster, registry)
        options = GatewayOptions(Address("127.0.0.1", own_broker.port), topics.REQUESTS_FILTER, "defective", 5.0)
        gateway = MqttGateway(options, handler, metrics)
        await gateway.start()
        try:
            await wait_for(lambda: gateway.connected, "the gateway's connection")
            own_broker.kill()
            await wait_for(lambda: metrics.failures, "the defect")
            own_broker.start()
            await wait_for(lambda: gateway.connected, "the gateway's return")
        finally:
            await gateway.stop(2.0)

    async def test_without_a_broker_grpc_is_served_and_stopping_is_quick(self, portals, own_broker, cluster):
        own_broker.kill()
        async with portals() as portal:
            assert portal.port
        gateway = MqttGateway(
            GatewayOptions(Address("127.0.0.1", own_broker.port), topics.REQUESTS_FILTER, "alone", request_timeout=5.0),
            handler_of(cluster, CollectorRegistry()),
            GatewayMetrics(CollectorRegistry()),
        )
        await gateway.start()
        async with asyncio.timeout(2.0):
            await gateway.stop(5.0)

        assert not gateway.connected

    async def test_a_reply_that_cannot_be_published_is_counted_and_the_worker_lives(self, portals, own_broker, cluster):
        async with portals(own_broker) as portal:
            caller = MqttCaller(own_broker.port)
            await caller.open()
            cluster.hold()
            await caller.send("create_order", "ana", {"request_id": "r1", "reply_to": "s-7"})
            await wait_for(lambda: cluster.waiting, "the request's execution")
            own_broker.kill()
            await wait_for(lambda: not portal.servers.gateway.connected, "the gateway's notice of the loss")
            cluster.release()
            await wait_for(lambda: portal.counted(DROPPED, reason="reply_lost"), "the lost reply")
            await caller.close()

        assert len(cluster.requests) == 1

    async def test_stopping_finishes_what_was_taken(self, portals, broker, cluster):
        caller = MqttCaller(broker.port)
        await caller.open()
        async with portals(broker) as portal:
            cluster.hold()
            call = asyncio.create_task(caller.call("create_order", "ana"))
            await wait_for(lambda: cluster.waiting, "the request's execution")
            stopping = asyncio.create_task(portal.servers.stop(5.0))
            cluster.release()
            await stopping
            _, order = await call
        await caller.close()

        assert cluster.state.order(order.order_id) == order

    async def test_stopping_waits_no_longer_than_its_bound(self, portals, broker, cluster):
        caller = MqttCaller(broker.port)
        await caller.open()
        async with portals(broker) as portal:
            cluster.hold()
            await caller.send("create_order", "ana", {"request_id": "r1", "reply_to": "s-7"})
            await wait_for(lambda: cluster.waiting, "the request's execution")
            async with asyncio.timeout(1.5):
                await portal.servers.stop(0.5)
        await caller.close()

        assert not cluster.waiting

    async def test_stopping_does_not_wait_for_a_frozen_broker(self, portals, own_broker):
        async with portals(own_broker) as portal:
            own_broker.freeze()
            async with asyncio.timeout(1.5):
                await portal.servers.stop(0.5)

        assert portal.servers.gateway.unanswered == 0

    async def test_a_stopped_portal_takes_no_more_requests(self, portals, broker, cluster):
        caller = MqttCaller(broker.port)
        await caller.open()
        async with portals(broker):
            pass
        await caller.send("create_order", "ana", {"request_id": "r1", "reply_to": "s-7"})
        await caller.close()

        assert cluster.requests == []

    @pytest.mark.skipif(brokers.choose(None) is not BrokerKind.MOSQUITTO, reason="amqtt knows no shared subscriptions")
    async def test_portals_that_share_the_subscription_take_each_request_once(self, portals, broker, cluster):
        caller = MqttCaller(broker.port)
        await caller.open()
        async with portals(broker, mqtt_gateway="shared"), portals(broker, mqtt_gateway="shared", name="other"):
            await asyncio.gather(*(caller.call("create_order", "ana") for _ in range(20)))
        await caller.close()

        assert len(cluster.requests) == 20
        assert len(caller.received) == 20


class TestMqtt5:
    """A client that uses the response topic and the correlation data of MQTT 5."""

    @pytest.fixture
    async def client(self, portal, broker):  # noqa: ARG002 - there must be a portal to answer
        async with aiomqtt.Client("127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe("#", qos=1)
            yield client

    async def ask(self, client, fields, **given):
        properties = Properties(PacketTypes.PUBLISH)
        for name, value in given.items():
            setattr(properties, name, value)
        topic = "quitanda/v1/customers/ana/requests/get_product"
        await client.publish(topic, json.dumps({"product_id": "lapis", **fields}), qos=1, properties=properties)

    async def reply(self, client):
        async with asyncio.timeout(WAIT_SECONDS):
            return await anext(message async for message in client.messages if "/requests/" not in message.topic.value)

    async def test_the_answer_goes_to_the_response_topic_with_the_correlation_data(self, client):
        topic = "quitanda/v1/customers/ana/replies/mine"
        await self.ask(client, {}, ResponseTopic=topic, CorrelationData=b"\x00any\xff")
        message = await self.reply(client)

        assert (message.topic.value, message.properties.CorrelationData) == (topic, b"\x00any\xff")
        assert json.loads(message.payload)["result"]["product_id"] == "lapis"

    @pytest.mark.parametrize(
        "topic",
        [
            "quitanda/v1/feed",
            "quitanda/v1/customers/bia/replies/mine",
            "quitanda/v1/customers/ana/requests/create_order",
            "quitanda/v1/customers/ana/replies/mine/too",
            "quitanda/v1/customers/ana/replies/",
            "elsewhere",
        ],
    )
    async def test_nothing_is_published_to_a_topic_that_is_not_of_the_customers_own_replies(
        self, client, portal, topic
    ):
        await self.ask(client, {}, ResponseTopic=topic)
        await self.ask(client, {"reply_to": "mine", "request_id": "r1"}, ResponseTopic=topic)
        message = await self.reply(client)
        error = json.loads(message.payload)["error"]

        assert message.topic.value == "quitanda/v1/customers/ana/replies/mine"
        assert (error["reason"], error["field"]) == ("INVALID_ARGUMENT", "response_topic")
        assert portal.counted("quitanda_mqtt_gateway_dropped_total", reason="unanswerable") == 1

    async def test_a_response_topic_and_a_reply_to_that_differ_are_refused(self, client):
        topic = "quitanda/v1/customers/ana/replies/mine"
        await self.ask(client, {"reply_to": "other"}, ResponseTopic=topic)
        message = await self.reply(client)

        assert message.topic.value == "quitanda/v1/customers/ana/replies/other"
        assert json.loads(message.payload)["error"]["details"]["problem"] == "duplicate"
