"""Publishes to the MQTT broker; reconnects by itself, and never blocks the caller."""

import select
import socket
import ssl
import threading
from collections import deque
from contextlib import closing, suppress
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from quitanda.mqtt.topics import random_client_id
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.link_refusals import refusal

UNSENT_MESSAGES_MAX: Final = 1_024
UNSENT_BYTES_MAX: Final = 8 * 1024 * 1024
"""What may wait for a broker that reads slowly; beyond it, messages are dropped."""

_KEEPALIVE_SECONDS: Final = 5
_CONNECT_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 1.0
"""How long to wait for sockets; what is to be sent wakes the thread."""
_RECONNECT_SECONDS_MIN: Final = 0.1
_RECONNECT_SECONDS_MAX: Final = 2.0
_QOS: Final = 0
"""At most once: a lost message is a gap that subscribers see; a repeated one would only be late."""

_log = structlog.get_logger(__name__)


class Waker:
    """Wakes a thread that waits for sockets."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """Give what `select` waits for."""
        return self._reader.fileno()

    def wake(self) -> None:
        """Wake; it does no harm to wake twice, or when the thread has ended."""
        with suppress(OSError):
            self._writer.send(b"!")

    def drain(self) -> None:
        """Forget that it was woken."""
        with suppress(BlockingIOError):
            self._reader.recv(4096)

    def close(self) -> None:
        """Give the sockets back."""
        self._reader.close()
        self._writer.close()


class _Connection:
    """One connection of a client, driven by the library's interface for foreign event loops."""

    def __init__(self, client: Client, waker: Waker) -> None:
        self._client = client
        self._waker = waker

    def poll_once(self) -> bool:
        """Wait for something to do, and do it; False where the connection has ended."""
        opened = self._client.socket()
        if opened is None:
            return False
        reading: list[Any] = [opened, self._waker]
        writing = [opened] if self._client.want_write() else []
        decrypted = isinstance(opened, ssl.SSLSocket) and opened.pending() > 0  # of this the system knows nothing
        readable, writable, _ = select.select(reading, writing, [], 0.0 if decrypted else _POLL_SECONDS)
        if self._waker in readable:
            self._waker.drain()
        if opened in readable or decrypted:
            self._client.loop_read()
        if opened in writable or self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()
        return self._client.socket() is not None

    def close(self) -> None:
        """Give the socket back, whatever state it is in."""
        opened = self._client.socket()
        if opened is not None:
            opened.close()


class MqttPublisher:
    """Publishes to one topic of a broker. Connecting and sending happen in a thread of its own."""

    def __init__(self, broker: Address, name: str, topic: str, identity: LinkIdentity | None = None) -> None:
        """With an `identity` the connection is TLS, and presents this replica's certificate."""
        self._broker = broker
        self._identity = identity
        self._name = name
        self._topic = topic
        self._unsent: deque[tuple[MQTTMessageInfo, int]] = deque()
        self._unsent_bytes = 0
        self._sessions = 0
        self._seen_sessions = 0
        self._waker = Waker()
        self._client = self._new_client()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed-link", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker takes messages now."""
        return self._client.is_connected()

    def start(self) -> None:
        """Begin to connect, and go on trying for ever."""
        self._thread.start()

    def publish(self, payload: bytes) -> bool:
        """Hand a message over for sending; False where there is no broker or too much waits. For one thread only."""
        self._forget_sent()
        full = len(self._unsent) >= UNSENT_MESSAGES_MAX or self._unsent_bytes + len(payload) > UNSENT_BYTES_MAX
        if full or not self._client.is_connected():
            return False
        sent = self._client.publish(self._topic, payload, qos=_QOS)
        if sent.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._unsent.append((sent, len(payload)))
        self._unsent_bytes += len(payload)
        return True

    def close(self, timeout: float) -> None:
        """Say goodbye to the broker and end the thread, within `timeout` seconds."""
        self._closing.set()
        self._waker.wake()
        self._thread.join(timeout)

    def _run(self) -> None:
        pause = _RECONNECT_SECONDS_MIN
        while not self._closing.is_set():
            sessions = self._sessions
            self._client = self._new_client()
            try:
                self._serve(self._client)
            except OSError as error:
                why = refusal(str(error), self._identity) or None
                _log.info("mqtt_unreachable", broker=str(self._broker), error=str(error), reason=why)
            except Exception:  # noqa: BLE001 - a broker that talks nonsense must not end the feed
                _log.exception("mqtt_connection_failed", broker=str(self._broker))
            pause = _RECONNECT_SECONDS_MIN if self._sessions > sessions else min(2 * pause, _RECONNECT_SECONDS_MAX)
            self._closing.wait(pause)
        self._waker.close()

    def _serve(self, client: Client) -> None:
        """Connect, and do what the connection needs until it ends or we do. OSError where there is no broker."""
        with closing(_Connection(client, self._waker)) as connection:
            client.connect(self._broker.host, self._broker.port, keepalive=_KEEPALIVE_SECONDS)
            while connection.poll_once() and not self._closing.is_set():
                pass
            client.disconnect()
            connection.poll_once()

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=random_client_id(f"quitanda-feed-{self._name}"),
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        if self._identity is not None:
            client.tls_set_context(self._identity.current().client_context)
        client.connect_timeout = _CONNECT_SECONDS
        client.on_socket_open = _send_at_once
        # keeps `publish` from sending by itself: our thread does that, once it is woken
        client.on_socket_register_write = lambda *_: self._waker.wake()
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        return client

    def _forget_sent(self) -> None:
        if self._seen_sessions != self._sessions:
            # what waited went down with the old connection
            self._seen_sessions = self._sessions
            self._unsent.clear()
            self._unsent_bytes = 0
        while self._unsent and self._unsent[0][0].is_published():
            self._unsent_bytes -= self._unsent.popleft()[1]

    def _connected(
        self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._sessions += 1
        if reason.is_failure:
            _log.warning("mqtt_connection_refused", broker=str(self._broker), reason=str(reason))
        else:
            _log.info("mqtt_connected", broker=str(self._broker))

    def _disconnected(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        _log.info("mqtt_disconnected", broker=str(self._broker), reason=str(reason))


def _send_at_once(_client: Client, _data: Any, opened: Any) -> None:
    """Do not let a small message wait until the one before is acknowledged."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
