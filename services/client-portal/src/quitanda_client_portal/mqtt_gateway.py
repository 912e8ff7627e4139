"""The MQTT door: takes requests from the broker, has them answered, publishes the replies.

    broker → inbox → envelope → bounded queue → workers → desk → reply topic
                         │           └ full → bounded queue of refusals → OVERLOADED
                         └ no reply address: counted and logged

Nothing here knows an operation: what a payload means is the desk's business (`mqtt_desk`). The gateway
keeps the connection, the bounds and the order of stopping. It is the portal's only importer of the MQTT
client.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiomqtt
import structlog
from paho.mqtt import properties as paho
from paho.mqtt.packettypes import PacketTypes

from quitanda.mqtt.connection import ConnectionOptions, MqttConnection
from quitanda.runtime.addresses import Address
from quitanda.runtime.background_task import start_background_task
from quitanda_client_portal.metrics import FLOOD, REPLY_LOST, RETAINED, UNANSWERABLE, GatewayMetrics
from quitanda_client_portal.mqtt_request_handler import (
    Envelope,
    MqttRequestHandler,
    NoReplyTopic,
    Properties,
    parse_request,
    refuse_retained,
)

log = structlog.get_logger(__name__)

_PAHO_PROPERTIES: Final[Any] = paho.Properties
"""The library has no types for it."""

_IDLE_CHECK_SECONDS: Final = 0.01
_TOPIC_LENGTH_SHOWN: Final = 200

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Where the broker is, and the gateway's bounds. Times are in seconds.

    `request_timeout` runs from the arrival of a request, so the time in the queue counts. The inbox
    is the MQTT client's own queue; it fills only when requests come faster than they can be refused.
    """

    broker: Address
    requests_filter: str
    client_id: str
    request_timeout: float
    queue_length: int = 1_000
    workers: int = 64
    refusal_queue_length: int = 1_000
    refusal_workers: int = 4
    inbox_length: int = 10_000
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
            mqtt5=True,
            keepalive=self.keepalive,
            broker_timeout=self.broker_timeout,
            received_max=self.inbox_length,
            published_max=self.workers + self.refusal_workers,
        )


@dataclass(frozen=True, slots=True)
class _Waiting:
    envelope: Envelope
    deadline: float


class MqttGateway:
    """Serves the requests that arrive on MQTT (`lifecycle.Part`); survives the loss of the broker."""

    name: Final = "mqtt_gateway"

    def __init__(
        self,
        options: GatewayOptions,
        desk: MqttRequestHandler,
        metrics: GatewayMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._desk = desk
        self._metrics = metrics
        self._monotonic = monotonic
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(options.queue_length)
        self._refusals: asyncio.Queue[Envelope] = asyncio.Queue(options.refusal_queue_length)
        self._unanswered = 0
        self._connection = MqttConnection(options.connection, self._take, self._connection_changed, log)
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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        log.info("mqtt_gateway_stopped", unanswered=self._unanswered)
        self._unanswered = 0

    async def _finish(self) -> None:
        while self._unanswered or self._connection.waiting:  # noqa: ASYNC110 - the client's own queue tells nobody
            await asyncio.sleep(_IDLE_CHECK_SECONDS)

    def _connection_changed(self) -> None:
        self._metrics.connected.set(float(self.connected))

    # What arrives

    def _take(self, message: aiomqtt.Message) -> None:
        """Queue a message for an answer or for a refusal; never waits."""
        envelope = parse_request(message.topic.value, message.payload, _asked_of(message.properties))
        if message.retain:
            self._metrics.dropped.labels(RETAINED).inc()
            log.warning("mqtt_request_refused", why="retained", topic=message.topic.value[:_TOPIC_LENGTH_SHOWN])
            envelope = refuse_retained(envelope)
        if isinstance(envelope, NoReplyTopic):
            self._metrics.dropped.labels(UNANSWERABLE).inc()
            log.warning(
                "mqtt_request_ignored",
                why=envelope.why,
                topic=envelope.topic[:_TOPIC_LENGTH_SHOWN],
                size=envelope.size,
            )
            return
        deadline = self._monotonic() + self._options.request_timeout
        if _put(self._queue, _Waiting(envelope, deadline)) or _put(self._refusals, envelope):
            self._unanswered += 1
        else:
            self._metrics.dropped.labels(FLOOD).inc()

    async def _serve(self) -> None:
        while True:
            waiting = await self._queue.get()
            self._metrics.queued.set(self._queue.qsize())
            timeout = waiting.deadline - self._monotonic()
            await self._reply(waiting.envelope, await self._desk.answer(waiting.envelope, timeout))

    async def _refuse(self) -> None:
        while True:
            envelope = await self._refusals.get()
            await self._reply(envelope, self._desk.overloaded(envelope))

    async def _reply(self, envelope: Envelope, payload: bytes) -> None:
        try:
            await self._publish(envelope, payload)
        except (aiomqtt.MqttError, ValueError) as error:  # the client hears nothing, and repeats the request
            self._metrics.dropped.labels(REPLY_LOST).inc()
            log.warning("mqtt_reply_lost", request_id=envelope.request_id, error=str(error))
        finally:
            self._unanswered -= 1

    async def _publish(self, envelope: Envelope, payload: bytes) -> None:
        await self._connection.publish(
            envelope.reply_topic,
            payload,
            properties=_properties_of(envelope),
            timeout=self._options.reply_timeout,
        )


def _put(queue: asyncio.Queue[Item], item: Item) -> bool:
    try:
        queue.put_nowait(item)
    except asyncio.QueueFull:
        return False
    return True


def _asked_of(properties: paho.Properties | None) -> Properties:
    """Read what a client of MQTT 5 asks of its reply; the client library sets attributes for what there is."""
    return Properties(getattr(properties, "ResponseTopic", None), getattr(properties, "CorrelationData", None))


def _properties_of(envelope: Envelope) -> paho.Properties | None:
    """Write the properties of a reply; only a request over MQTT 5 can have asked for any."""
    if envelope.correlation_data is None:
        return None
    properties: paho.Properties = _PAHO_PROPERTIES(PacketTypes.PUBLISH)
    properties.CorrelationData = envelope.correlation_data
    return properties
