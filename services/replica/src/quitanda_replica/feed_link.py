"""The replica's line to the MQTT broker: comes and goes as it likes, and never makes anybody wait."""

import secrets
import socket
from collections import deque
from typing import Any, Final

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from quitanda.runtime.addresses import Address

UNSENT_MESSAGES_MAX: Final = 1_024
UNSENT_BYTES_MAX: Final = 8 * 1024 * 1024
"""What may wait for a broker that reads slowly; beyond it, messages are dropped."""

_KEEPALIVE_SECONDS: Final = 5
_CONNECT_SECONDS: Final = 2.0
_RECONNECT_SECONDS_MIN: Final = 1
_RECONNECT_SECONDS_MAX: Final = 2
_QOS: Final = 0
"""At most once: a lost message is a gap that subscribers see; a repeated one would only be late."""

_log = structlog.get_logger(__name__)


class FeedLink:
    """Publishes to one topic of a broker. Connecting and sending happen in a thread of the MQTT library."""

    def __init__(self, broker: Address, name: str, topic: str) -> None:
        self._broker = broker
        self._topic = topic
        self._unsent: deque[tuple[MQTTMessageInfo, int]] = deque()
        self._unsent_bytes = 0
        self._sessions = 0
        self._seen_sessions = 0
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"quitanda-feed-{name}-{secrets.token_hex(4)}",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=True,
        )
        self._client.connect_timeout = _CONNECT_SECONDS
        self._client.reconnect_delay_set(_RECONNECT_SECONDS_MIN, _RECONNECT_SECONDS_MAX)
        self._client.on_socket_open = _send_at_once
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected

    @property
    def connected(self) -> bool:
        """Whether the broker takes messages now."""
        return self._client.is_connected()

    def start(self) -> None:
        """Begin to connect, and go on trying for ever."""
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=_KEEPALIVE_SECONDS)
        self._client.loop_start()

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

    def close(self) -> None:
        """Say goodbye to the broker and end the thread."""
        self._client.disconnect()
        self._client.loop_stop()

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
            _log.warning("the broker refuses the feed", broker=str(self._broker), reason=str(reason))
        else:
            _log.info("the feed is connected", broker=str(self._broker))

    def _disconnected(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        _log.info("the feed is disconnected", broker=str(self._broker), reason=str(reason))


def _send_at_once(_client: Client, _data: Any, opened: Any) -> None:
    """Do not let a small message wait until the one before is acknowledged."""
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
