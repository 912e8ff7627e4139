"""Takes requests from the MQTT broker, has them answered, and publishes the replies.

    broker → received messages → parsed requests → bounded queue → workers → handler → reply topic
                                       │      │          └ full: OVERLOADED ┐
                                       │      └ refused early by the handler ┴ → bounded queue of refusals
                                       └ no reply topic: counted and logged

A request for a watch has many replies: a task of its own publishes them (`mqtt_watches`).

Nothing here knows an operation: what a payload means is the handler's business (`mqtt_requests`). The gateway keeps
the bounds, and the order in which it stops.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import aiomqtt
import structlog
from paho.mqtt.properties import Properties
from prometheus_client import CollectorRegistry, Counter, Gauge

from quitanda.error_status import FailureSource
from quitanda.mqtt.connection import ConnectionOptions, MqttConnection, publish_properties
from quitanda.portal.mqtt_requests import (
    MqttRequest,
    MqttRequestHandler,
    NoReplyTopic,
    RequestProperties,
    parse_request,
    refuse_retained,
)
from quitanda.portal.mqtt_watches import MqttWatches
from quitanda.runtime import tracing
from quitanda.runtime.access_log import bind_request
from quitanda.runtime.addresses import Address
from quitanda.runtime.admission import AdmissionOptions
from quitanda.runtime.background_task import start_background_task
from quitanda.runtime.link_identity import LinkIdentity

RETAINED: Final = "retained"
"""A retained request, which is refused: it would be executed again at every reconnect."""

UNANSWERABLE: Final = "unanswerable"
"""A message without a usable reply topic."""

FLOOD: Final = "flood"
"""A request that came when even the queue of refusals was full."""

REPLY_LOST: Final = "reply_lost"
"""A reply that could not be published; its client repeats the request."""

_IDLE_CHECK_SECONDS: Final = 0.01
_TOPIC_LENGTH_SHOWN: Final = 200

Item = TypeVar("Item")
_log = structlog.get_logger(__name__)


class GatewayMetrics:
    """`connected` and `queued` are gauges; `dropped` counts, by reason, messages that get no answer.

    Requests themselves are counted where they are logged.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Make the metrics; once for each registry."""
        self.connected = Gauge(
            "quitanda_mqtt_gateway_connected", "1 while requests can arrive on MQTT", registry=registry
        )
        self.queued = Gauge("quitanda_mqtt_gateway_queued", "Requests that wait for a worker", registry=registry)
        self.dropped = Counter(
            "quitanda_mqtt_gateway_dropped", "MQTT messages without an answer", ["reason"], registry=registry
        )
        for reason in (RETAINED, UNANSWERABLE, FLOOD, REPLY_LOST):
            self.dropped.labels(reason)


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Where the broker is, and the gateway's bounds. Times are in seconds.

    `request_timeout` runs from the arrival of a request, so the time in the queue counts. There are as many workers as
    the portal's limiters admit reads and writes at the most: no request waits here that they would admit, and whoever
    waits beyond them would wait unseen. More than `received_max`
    messages wait only when requests come faster than they can be refused; further ones are dropped.
    """

    broker: Address
    requests_filter: str
    client_id: str
    request_timeout: float
    identity: LinkIdentity | None = None
    queue_length: int = 1_000
    workers: int = 2 * AdmissionOptions().limit_max
    refusal_queue_length: int = 1_000
    refusal_workers: int = 4
    received_max: int = 10_000
    broker_timeout: float = 5.0
    reply_timeout: float = 2.0
    keepalive: int = 3
    """The broker gives a portal that stands still up after half as much again, and up to six seconds more: it does not
    look oftener. Until then it gives it its share of the requests, whose clients must repeat them."""

    @property
    def connection(self) -> ConnectionOptions:
        """The options of the connection on which requests come and replies go."""
        return ConnectionOptions(
            broker=self.broker,
            topic=self.requests_filter,
            client_id=self.client_id,
            identity=self.identity,
            mqtt5=True,
            keepalive=self.keepalive,
            broker_timeout=self.broker_timeout,
            received_max=self.received_max,
            published_max=self.workers + self.refusal_workers,
        )


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: MqttRequest
    deadline: float


@dataclass(frozen=True, slots=True)
class _Refused:
    request: MqttRequest
    failure: FailureSource


class MqttGateway:
    """Serves the requests that arrive on MQTT (`lifecycle.Part`); survives the loss of the broker."""

    name: Final = "mqtt_gateway"

    def __init__(
        self,
        options: GatewayOptions,
        handler: MqttRequestHandler,
        metrics: GatewayMetrics,
        monotonic: Callable[[], float] = time.monotonic,
        watches: MqttWatches | None = None,
    ) -> None:
        self._options = options
        self._handler = handler
        self._watches = watches
        self._watching: set[asyncio.Task[None]] = set()
        self._metrics = metrics
        self._monotonic = monotonic
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(options.queue_length)
        self._refusals: asyncio.Queue[_Refused] = asyncio.Queue(options.refusal_queue_length)
        self._unanswered = 0
        self._connection = MqttConnection(options.connection, self._take, self._connection_changed, _log)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        """Whether requests can arrive: the broker has confirmed the subscription."""
        return self._connection.connected

    @property
    def unanswered(self) -> int:
        """Requests that were taken and have no reply yet."""
        return self._unanswered

    async def start(self) -> None:
        """Begin to connect and to serve; returns at once, whether there is a broker or not."""
        options = self._options
        self._tasks = [
            start_background_task(self._connection.run, "mqtt_connection"),
            *(start_background_task(self._serve, "mqtt_worker") for _ in range(options.workers)),
            *(start_background_task(self._refuse, "mqtt_refusal_worker") for _ in range(options.refusal_workers)),
        ]

    async def stop(self, timeout: float) -> None:
        """Take no more requests, finish within `timeout` seconds what was taken, and disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._connection.unsubscribe()
                await self._finish()
        tasks = [*self._tasks, *self._watching]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        _log.info("mqtt_gateway_stopped", unanswered=self._unanswered)
        self._unanswered = 0

    async def _finish(self) -> None:
        while self._unanswered or self._connection.waiting:  # noqa: ASYNC110 - the client's own queue tells nobody
            await asyncio.sleep(_IDLE_CHECK_SECONDS)

    def _connection_changed(self) -> None:
        self._metrics.connected.set(float(self.connected))

    # What arrives

    def _take(self, message: aiomqtt.Message) -> None:
        """Queue a message for an answer or for a refusal; never waits."""
        request = parse_request(message.topic.value, message.payload, _request_properties(message.properties))
        if message.retain:
            self._metrics.dropped.labels(RETAINED).inc()
            _log.warning("mqtt_request_refused", reason=RETAINED, topic=message.topic.value[:_TOPIC_LENGTH_SHOWN])
            request = refuse_retained(request)
        if isinstance(request, NoReplyTopic):
            self._metrics.dropped.labels(UNANSWERABLE).inc()
            _log.warning(
                "mqtt_request_ignored",
                reason=request.reason,
                topic=request.topic[:_TOPIC_LENGTH_SHOWN],
                size=request.size,
            )
            return
        self._unanswered += 1
        deadline = self._monotonic() + self._options.request_timeout
        failure = self._handler.refuse_early(request)
        if failure is None and not _put(self._queue, _Waiting(request, deadline)):
            failure = self._handler.overload(request)
        if failure is not None:
            self._queue_refusal(_Refused(request, failure))

    def _queue_refusal(self, refused: _Refused) -> None:
        if not _put(self._refusals, refused):
            self._unanswered -= 1
            self._metrics.dropped.labels(FLOOD).inc()

    async def _serve(self) -> None:
        while True:
            waiting = await self._queue.get()
            self._metrics.queued.set(self._queue.qsize())
            timeout = waiting.deadline - self._monotonic()
            if self._watches is not None and self._watches.takes(waiting.request) and timeout > 0:
                watching = asyncio.create_task(self._watch(self._watches, waiting.request, timeout))
                self._watching.add(watching)
                watching.add_done_callback(self._watching.discard)
                continue
            await self._reply(waiting.request, await self._handler.answer(waiting.request, timeout))

    async def _watch(self, watches: MqttWatches, request: MqttRequest, timeout: float) -> None:
        """Publish the replies of one watch until it ends; its places are bounded by the watches themselves."""
        bind_request(request)
        try:
            async with contextlib.aclosing(watches.replies(request, timeout)) as replies:
                async for payload in replies:
                    await self._publish(request, payload)
        except (aiomqtt.MqttError, ValueError) as error:  # the client hears nothing more, and asks anew
            self._lose(request, error)
        finally:
            self._unanswered -= 1

    async def _refuse(self) -> None:
        while True:
            refused = await self._refusals.get()
            await self._reply(refused.request, self._handler.refuse(refused.request, refused.failure))

    async def _reply(self, request: MqttRequest, payload: bytes) -> None:
        try:
            await self._publish(request, payload)
        except (aiomqtt.MqttError, ValueError) as error:  # the client hears nothing, and repeats the request
            self._lose(request, error)
        finally:
            self._unanswered -= 1

    def _lose(self, request: MqttRequest, error: Exception) -> None:
        self._metrics.dropped.labels(REPLY_LOST).inc()
        _log.warning("mqtt_reply_lost", request_id=request.request_id, error=str(error))

    async def _publish(self, request: MqttRequest, payload: bytes) -> None:
        await self._connection.publish(
            request.reply_topic,
            payload,
            properties=publish_properties(correlation_data=request.correlation_data),
            timeout=self._options.reply_timeout,
        )


def _put(queue: asyncio.Queue[Item], item: Item) -> bool:
    try:
        queue.put_nowait(item)
    except asyncio.QueueFull:
        return False
    return True


def _request_properties(properties: Properties | None) -> RequestProperties:
    """Read what a client of MQTT 5 says beside the payload; the client library sets attributes for what there is."""
    traceparent = ""
    if tracing.active is not None:
        traceparent = dict(getattr(properties, "UserProperty", ())).get(tracing.TRACEPARENT, "")
    return RequestProperties(
        getattr(properties, "ResponseTopic", None), getattr(properties, "CorrelationData", None), traceparent
    )
