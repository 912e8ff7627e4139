"""Keeps one connection to the MQTT broker, with one subscription, for as long as a task runs (asyncio).

    connection = MqttConnection(ConnectionOptions(...), receive, changed)
    task = asyncio.create_task(connection.run())        # or `background_task.start_background_task`
    ...
    await connection.publish("topic", b"payload", timeout=2.0)
    ...
    task.cancel()

`run` connects, subscribes, and calls `receive(message)` for each message (an `aiomqtt.Message`). When the connection
is lost it connects again, for ever; messages that arrive meanwhile are not delivered later. `changed()` is called
after each change of `connected`, and `failure` says why there is no connection. Both callbacks run in the event loop
and must not wait. What they raise ends the connection: an error of `receive` is treated like a loss of the
connection, and an error of `changed` leaves `run`.

The connection logs to the given logger, and only there: `mqtt_connected`, `mqtt_disconnected` (once for each time that
the broker is away, not for each attempt), and `mqtt_connection_failed`, with a traceback, for an error that nobody
expected.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import SystemRandom
from types import TracebackType
from typing import Any, Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from quitanda.mqtt.topics import shown_filter
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.link_refusals import refusal

NOT_CONNECTED_YET: Final = "not connected yet"

_SUBSCRIPTION_REFUSED: Final = 0x80
_SEND_AT_ONCE: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without it a message waits some 40 ms for the acknowledgement of what was sent before."""

_PROPERTIES: Final[Any] = Properties
"""The library has no types for it."""

_LIBRARY_LOG: Final = logging.getLogger("mqtt")
_random: Final = SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """Where the broker is, what is subscribed, and the bounds. Times are in seconds.

    With `mqtt5` the connection speaks MQTT 5 where the broker knows it, and each message tells whether it was
    published with the retain flag. Otherwise, and with older brokers, it speaks MQTT 3.1.1.
    """

    broker: Address
    topic: str
    """The topic, or the filter of topics, that is subscribed."""

    client_id: str
    """Unique among all clients of the broker: a second connection with the same id ends the first one."""

    qos: int = 1
    """The quality of service of the subscription."""

    mqtt5: bool = False
    keepalive: int = 10
    """A connection that was silent for so long is checked, and given up if nothing comes back."""

    broker_timeout: float = 3.0
    """How long the broker may take to accept the connection, and to accept the subscription."""

    identity: LinkIdentity | None = None
    """With one the connection is TLS; it presents this program's certificate where the folder has one."""

    received_max: int = 1_000
    """Messages that wait to be received; further ones are dropped."""

    published_max: int = 256
    """Messages with a quality of service above 0 that may be on their way to the broker."""

    reconnect_delay_min: float = 0.1
    reconnect_delay_max: float = 2.0
    """The pause before the next attempt to connect: doubled each time, and shortened at random by up to a half."""


def _ignore() -> None:
    """Do nothing when the connection changes."""


class _LibraryErrors(logging.Handler):
    """Remembers the last thing that the library complained of: of a refused handshake its exceptions say nothing."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Remember it."""
        self.last = record.getMessage()


class BrokerClient(aiomqtt.Client):
    """The library's client, without two errors that it leaves to the event loop.

    The library asks the event loop to watch the socket for writing in its next round, by the number of its file
    descriptor. Where the connection ends in between, that number is free, or another socket's: the loop logs an error,
    or calls this client again and again for a socket that it does not have. So this one watches only a socket that is
    still open.

    Where the connection ends while nobody waits for a message, the library never looks at the reason that it kept, and
    the loop logs that (`Future exception was never retrieved`). Whoever used the connection has got an error by then.
    """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect from the broker."""
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            if self._disconnected.done() and not self._disconnected.cancelled():
                self._disconnected.exception()

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ARG002
        # the library calls it from the thread that connects, too
        self._loop.call_soon_threadsafe(self._watch_for_writing, client, sock)

    def _watch_for_writing(self, client: Any, sock: Any) -> None:
        if (descriptor := sock.fileno()) >= 0:  # negative once it is closed
            self._loop.add_writer(descriptor, self._write, client)

    def _write(self, client: Any) -> None:
        try:
            client.loop_write()
        except Exception as error:  # noqa: BLE001 - whatever it is, the connection cannot be used any more
            if not self._disconnected.done():
                self._disconnected.set_exception(error)


class MqttConnection:
    """One connection, kept by the task that runs `run`; `log` is a structlog logger, or None for silence."""

    def __init__(
        self,
        options: ConnectionOptions,
        receive: Callable[[aiomqtt.Message], None],
        changed: Callable[[], None] = _ignore,
        log: Any = None,
    ) -> None:
        self._options = options
        self._receive = receive
        self._changed = changed
        self._log = None if log is None else log.bind(topic=shown_filter(options.topic), broker=str(options.broker))
        self._protocol = aiomqtt.ProtocolVersion.V5 if options.mqtt5 else aiomqtt.ProtocolVersion.V311
        self._client: aiomqtt.Client | None = None
        self._library_errors = _LibraryErrors()
        # of this connection alone, so that it hears no other's errors
        self._library_log = logging.Logger(_LIBRARY_LOG.name, logging.WARNING)  # noqa: LOG001
        self._library_log.addHandler(self._library_errors)
        self._library_log.parent = None if log is None else _LIBRARY_LOG
        self._ending = False
        self._loss_told = False
        self.failure = NOT_CONNECTED_YET
        """Why there is no connection; empty while there is one."""

    @property
    def connected(self) -> bool:
        """Whether messages can arrive: the broker has confirmed the subscription."""
        return self._client is not None

    @property
    def waiting(self) -> int:
        """Messages that arrived and were not received yet."""
        return 0 if self._client is None else len(self._client.messages)

    async def run(self) -> None:
        """Connect, receive, and connect again, until `unsubscribe` was called or the task is cancelled."""
        failures = 0
        while not self._ending:
            try:
                await self._serve()
            except Exception as error:  # without this loop nothing would ever arrive again
                if _is_cancelled():  # the library could not say goodbye, and raised that in its place
                    raise asyncio.CancelledError from error
                if self._take_older_protocol(error):
                    continue
                failures = 0 if self.connected else failures + 1
                self._tell_loss(error)
            finally:
                self._client = None
                self._changed()
            await asyncio.sleep(self._delay(failures))

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, properties: Properties | None = None, timeout: float
    ) -> None:
        """Publish a message, and wait until the broker has it, at most `timeout` seconds (infinity: no bound).

        Raises aiomqtt.MqttError where there is no connection, where it is lost meanwhile, or after the time.
        """
        if self._client is None:
            raise aiomqtt.MqttError(self.failure)
        await self._client.publish(topic, payload, qos=qos, properties=properties, timeout=timeout)

    async def unsubscribe(self) -> None:
        """Ask the broker for no more messages, and do not connect again; what arrived already is still received."""
        self._ending = True
        if self._client is not None:
            with contextlib.suppress(aiomqtt.MqttError):
                await self._client.unsubscribe(self._options.topic)

    async def _serve(self) -> None:
        """Connect, subscribe and receive until the connection ends, which raises MqttError."""
        async with self._new_client() as client:
            await self._subscribe(client)
            self._client, self.failure, self._loss_told = client, "", False
            if self._log is not None:
                self._log.info("mqtt_connected")
            self._changed()
            async for message in client.messages:
                self._receive(message)

    def _new_client(self) -> aiomqtt.Client:
        options = self._options
        self._library_errors.last = ""
        client = BrokerClient(
            options.broker.host,
            options.broker.port,
            identifier=options.client_id,
            protocol=self._protocol,
            # Messages from before the connection are not wanted; MQTT 5 begins without them by itself.
            clean_session=True if self._protocol is aiomqtt.ProtocolVersion.V311 else None,
            timeout=options.broker_timeout,
            keepalive=options.keepalive,
            max_inflight_messages=options.published_max,
            max_queued_incoming_messages=options.received_max,
            socket_options=(_SEND_AT_ONCE,),
            tls_context=None if options.identity is None else options.identity.current().client_context,
            logger=self._library_log,
        )
        client.pending_calls_threshold = 2 * options.published_max  # the library warns above it
        return client

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        options = self._options
        if self._protocol is aiomqtt.ProtocolVersion.V311:
            granted = await client.subscribe(options.topic, qos=options.qos)
        else:
            wanted = SubscribeOptions(qos=options.qos, retainAsPublished=True)
            granted = await client.subscribe(options.topic, options=wanted)
        if any(_code(code) >= _SUBSCRIPTION_REFUSED for code in granted):
            raise aiomqtt.MqttError(f"the broker refuses the subscription to {shown_filter(options.topic)}")

    def _take_older_protocol(self, error: Exception) -> bool:
        """Speak MQTT 3.1.1 from now on where the broker does not know version 5, and tell whether that is so."""
        refused = isinstance(error, MqttConnectError) and "protocol version" in str(error).lower()
        if not refused or self._protocol is not aiomqtt.ProtocolVersion.V5:
            return False
        self._protocol = aiomqtt.ProtocolVersion.V311
        if self._log is not None:
            consequence = "a retained message is not known as one when it comes for the first time"
            self._log.info("mqtt_3_1_1_spoken", consequence=consequence)
        return True

    def _tell_loss(self, error: Exception) -> None:
        text = str(error) or repr(error)
        why = refusal(f"{text} {self._library_errors.last}", self._options.identity)
        self.failure = f"{text} ({why})" if why else text
        if self._log is None:
            return
        if not isinstance(error, aiomqtt.MqttError):
            self._log.error("mqtt_connection_failed", exc_info=error)
        elif not self._loss_told:
            self._log.warning("mqtt_disconnected", error=self.failure)
        self._loss_told = True

    def _delay(self, failures: int) -> float:
        options = self._options
        longest: float = min(options.reconnect_delay_max, options.reconnect_delay_min * 2 ** min(failures, 10))
        return longest * _random.uniform(0.5, 1.0)


def publish_properties(
    *, user: Sequence[tuple[str, str]] | None = None, correlation_data: bytes | None = None
) -> Properties | None:
    """Make the properties of a message that is published; None where there are none.

    Only MQTT 5 carries them. Where an older version is spoken, the message goes without them.
    """
    if not user and correlation_data is None:
        return None
    properties: Properties = _PROPERTIES(PacketTypes.PUBLISH)
    if user:
        properties.UserProperty = list(user)
    if correlation_data is not None:
        properties.CorrelationData = correlation_data
    return properties


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _code(granted: object) -> int:
    """Give the code of one entry of the broker's answer to a subscription, whichever version of MQTT it speaks."""
    return granted if isinstance(granted, int) else int(getattr(granted, "value", _SUBSCRIPTION_REFUSED))
