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
import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import aiomqtt
import structlog
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt import properties as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

from quitanda.runtime.background_task import lasting_task
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

QOS_AT_LEAST_ONCE: Final = 1
_SUBSCRIPTION_REFUSED: Final = 0x80
_SEND_AT_ONCE: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without it a reply waits some 40 ms for the acknowledgement of what was sent before."""

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

    host: str
    port: int
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

    reconnect_delay_min: float = 0.1
    reconnect_delay_max: float = 2.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    envelope: Envelope
    deadline: float


class MqttGateway:
    """Serves the requests that arrive on MQTT until it is stopped; outlives the loss of the broker."""

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
        self._client: aiomqtt.Client | None = None
        self._protocol = aiomqtt.ProtocolVersion.V5
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        """Whether requests can arrive: the broker has confirmed the subscription."""
        return self._client is not None

    @property
    def unanswered(self) -> int:
        """Requests that were taken and have no reply yet."""
        return self._unanswered

    async def start(self) -> None:
        """Begin to connect and to serve; returns at once, whether there is a broker or not."""
        options = self._options
        self._tasks = [
            lasting_task(self._stay_connected, "mqtt-connection"),
            *(lasting_task(self._serve, "mqtt-worker") for _ in range(options.workers)),
            *(lasting_task(self._refuse, "mqtt-refusal-worker") for _ in range(options.refusal_workers)),
        ]

    async def stop(self, timeout: float) -> None:
        """Take no more requests, finish within `timeout` seconds what was taken, and disconnect."""
        self._stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._unsubscribe()
                await self._finish()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        log.info("mqtt_gateway_stopped", unanswered=self._unanswered)
        self._client, self._unanswered = None, 0

    # The connection

    async def _stay_connected(self) -> None:
        delay, told = self._options.reconnect_delay_min, False
        while not self._stopping:
            try:
                await self._serve_connection()
            except aiomqtt.MqttError as error:
                if self._take_older_protocol(error):
                    continue
                if self.connected or not told:  # once for each absence, not at every try
                    log.warning("mqtt_broker_lost" if self.connected else "mqtt_broker_unreachable", error=str(error))
            except Exception:  # without this task no request would ever arrive again
                log.exception("mqtt_connection_failed_unexpectedly")
            told = True
            delay = self._options.reconnect_delay_min if self.connected else 2 * delay
            delay = min(delay, self._options.reconnect_delay_max)
            self._client = None
            self._metrics.connected.set(0)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the portals, hides nothing

    def _take_older_protocol(self, error: aiomqtt.MqttError) -> bool:
        """Speak MQTT 3.1.1 from now on where the broker does not know version 5, and tell whether that is so."""
        refused = isinstance(error, MqttConnectError) and "protocol version" in str(error).lower()
        if not refused or self._protocol is not aiomqtt.ProtocolVersion.V5:
            return False
        self._protocol = aiomqtt.ProtocolVersion.V311
        log.info("mqtt_broker_speaks_3_1_1", consequence="retained requests cannot be told at their first delivery")
        return True

    async def _serve_connection(self) -> None:
        """Connect, subscribe and take requests until the connection ends, which raises MqttError."""
        options = self._options
        client = aiomqtt.Client(
            options.host,
            options.port,
            identifier=options.client_id,
            protocol=self._protocol,
            # what was published while nobody listened has been given up by its client; version 5 begins so by itself
            clean_session=True if self._protocol is aiomqtt.ProtocolVersion.V311 else None,
            timeout=options.broker_timeout,
            keepalive=options.keepalive,
            max_inflight_messages=options.workers + options.refusal_workers,
            max_queued_incoming_messages=options.inbox_length,
            socket_options=(_SEND_AT_ONCE,),
        )
        client.pending_calls_threshold = options.workers + options.refusal_workers  # that many replies are normal
        async with client:
            granted = await self._subscribe(client)
            if any(_code(code) >= _SUBSCRIPTION_REFUSED for code in granted):
                raise aiomqtt.MqttError(f"the broker refuses the subscription to {options.requests_filter}")
            self._client = client
            self._metrics.connected.set(1)
            log.info("mqtt_gateway_connected", filter=options.requests_filter)
            async for message in client.messages:
                self._take(message)

    async def _subscribe(self, client: aiomqtt.Client) -> Sequence[object]:
        """Ask for requests, and to be told of the retain flag also where one comes at once; 3.1.1 cannot."""
        if self._protocol is aiomqtt.ProtocolVersion.V311:
            return await client.subscribe(self._options.requests_filter, qos=QOS_AT_LEAST_ONCE)
        wanted = SubscribeOptions(qos=QOS_AT_LEAST_ONCE, retainAsPublished=True)
        return await client.subscribe(self._options.requests_filter, options=wanted)

    async def _unsubscribe(self) -> None:
        if self._client is not None:
            with contextlib.suppress(aiomqtt.MqttError):
                await self._client.unsubscribe(self._options.requests_filter)

    async def _finish(self) -> None:
        while self._unanswered or self._inbox_length():  # noqa: ASYNC110 - the client's own queue tells nobody
            await asyncio.sleep(_IDLE_CHECK_SECONDS)

    def _inbox_length(self) -> int:
        return 0 if self._client is None else len(self._client.messages)

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
        if self._client is None:
            raise aiomqtt.MqttError("not connected")
        await self._client.publish(
            envelope.reply_topic,
            payload,
            qos=QOS_AT_LEAST_ONCE,
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


def _code(granted: object) -> int:
    return granted if isinstance(granted, int) else int(getattr(granted, "value", _SUBSCRIPTION_REFUSED))
