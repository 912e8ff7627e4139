"""Follows the change feed on MQTT, for as long as the portal runs.

The broker is never needed: without it nothing is heard, so the cache is not used. Messages travel with
QoS 0 and the incoming queue is bounded: what gets lost is noticed as a gap, which is cheaper than making
the broker keep messages for slow portals.
"""

import asyncio
from random import SystemRandom
from typing import Final

import aiomqtt
import structlog

from quitanda.cache.feed_intake import FeedIntake
from quitanda.mqtt.topics import FEED_TOPIC

RECONNECT_MIN: Final = 0.1
RECONNECT_MAX: Final = 2.0
"""Seconds between attempts to connect: the double each time, shortened at random."""

KEEPALIVE: Final = 10
"""Seconds after which a silent connection to the broker is checked, and given up."""

OPERATION_TIMEOUT: Final = 2.0
"""Seconds that connecting and subscribing may take; a broker that dies in between is noticed no sooner."""

QUEUED_MAX: Final = 256
"""Messages that wait here to be taken in; more are dropped."""

_log = structlog.get_logger(__name__)
_random = SystemRandom()


class FeedSubscriber:
    """Hears the feed's messages; `run` it as a task and cancel that to end."""

    def __init__(self, broker: tuple[str, int], name: str, intake: FeedIntake) -> None:
        self._host, self._port = broker
        self._name = name
        self._intake = intake

    async def run(self) -> None:
        """Connect, follow, and connect again, for ever."""
        attempt = 0
        while True:
            try:
                async with self._client() as client:
                    await client.subscribe(FEED_TOPIC, qos=0)
                    _log.info("feed_connected", broker=f"{self._host}:{self._port}")
                    attempt = 0
                    async for message in client.messages:
                        self._intake.take(message.payload if isinstance(message.payload, bytes) else b"")
            except aiomqtt.MqttError as error:
                # Said once for each time that the broker goes away, not for each attempt.
                log = _log.warning if attempt == 0 else _log.debug
                log("feed_disconnected", broker=f"{self._host}:{self._port}", error=str(error))
            await asyncio.sleep(min(RECONNECT_MAX, RECONNECT_MIN * 2**attempt) * _random.uniform(0.5, 1.0))
            attempt = min(attempt + 1, 10)

    def _client(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            self._host,
            self._port,
            # Each connection its own name: two processes with one name would throw each other out.
            identifier=f"{self._name}-feed-{_random.getrandbits(64):016x}",
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            keepalive=KEEPALIVE,
            timeout=OPERATION_TIMEOUT,
            max_queued_incoming_messages=QUEUED_MAX,
        )
