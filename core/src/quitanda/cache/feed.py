"""Follows the change feed: which of its messages are believed, and what they do to the cache.

Anybody who reaches the broker can publish on the feed's topic. A message that does not verify under the feed's key is
dropped as if it had never come: it moves no position and empties no cache, so who does not have the key cannot even
make the cache useless. A message that verifies and cannot be read comes from a replica that writes it differently; it
is a gap of unknown size.

The broker is never needed: without it nothing is heard, so the cache is not used. Messages travel with QoS 0 and the
queue of received messages is bounded: a lost message is noticed as a gap, which is cheaper than making the broker
keep messages for slow portals.
"""

import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final

import structlog

from quitanda.cache.coherence import CoherentCache
from quitanda.cache.feed_cursor import FeedStep
from quitanda.cache.metrics import CacheCounters
from quitanda.cache.recent_changes import RecentChanges
from quitanda.domain.model import Kind
from quitanda.mqtt.connection import ConnectionOptions, MqttConnection
from quitanda.mqtt.feed_key import FeedKey, NotAuthentic
from quitanda.mqtt.feed_message import FeedMessage, decode_feed
from quitanda.mqtt.topics import FEED_TOPIC, random_client_id
from quitanda.runtime import tracing
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity

if TYPE_CHECKING:  # the second loads OpenTelemetry
    from quitanda.cache.lru import Key
    from quitanda.runtime.spans import Tracer

REPORT_SECONDS: Final = 10.0
"""How often the log says that messages are dropped; the metric counts each."""

NEXT_STEP: Final = (
    "find out who else publishes on quitanda/v1/feed, and let nobody; or, where a portal or replica was given another "
    'QUITANDA_FEED_KEY than the others, give it theirs (docs/OPERATIONS.md, "The feed\'s key")'
)

_BROKER_SECONDS_MAX: Final = 2.0
"""How long the broker may take to accept a connection; one that dies in between is noticed no sooner."""

_RECEIVED_MAX: Final = 256

_log = structlog.get_logger(__name__)


class FeedReceiver:
    """Brings what the feed says to the cache, and to the recent changes for who watches.

    `doubt` is called where a message verifies, brings nothing new, and the feed still does not count as alive.
    """

    def __init__(
        self,
        cache: CoherentCache,
        key: FeedKey,
        counters: CacheCounters,
        clock: Callable[[], float],
        *,
        doubt: Callable[[], None],
        recent: RecentChanges | None = None,
    ) -> None:
        self._cache = cache
        self._recent = recent or RecentChanges()
        self._key = key
        self._counters = counters
        self._clock = clock
        self._doubt = doubt
        self._unreported = 0
        self._reported_at = -inf

    def receive(self, payload: bytes) -> None:
        """Take one message, whoever wrote it; nothing is raised."""
        begun = 0 if tracing.active is None else time.time_ns()
        named: list[Key] = []

        def is_held(kind: Kind, document_id: str) -> bool:
            named.append((kind, document_id))
            return self._cache.holds(kind, document_id)

        try:
            opened = self._key.open(payload)
            message = decode_feed(opened, is_held)
        except NotAuthentic as error:
            self._counters.forged.inc()
            self._report(str(error), len(payload))
            return
        except ValueError as error:
            self._counters.malformed.inc()
            self._cache.lose_position()
            _log.error("feed_message_malformed", error=str(error))
            return
        now = self._clock()
        step = self._cache.receive(message, now)
        self._recent.take(message, step, named, opened, self._cache.history)
        if message.traceparents and tracing.active is not None:
            _trace(tracing.active, message, step, begun)
        if step is FeedStep.GAP:
            self._counters.gap.inc()
            _log.info("feed_gap", revision=message.revision, previous_revision=message.previous_revision)
        elif not self._cache.feed_alive(now):
            # The leader speaks from below what was heard before: one of the two is untrue, and the leader knows which.
            self._doubt()

    def _report(self, error: str, size: int) -> None:
        self._unreported += 1
        if self._clock() - self._reported_at < REPORT_SECONDS:
            return
        _log.error(
            "feed_message_forged", error=error, size=size, messages_dropped=self._unreported, next_step=NEXT_STEP
        )
        self._unreported = 0
        self._reported_at = self._clock()


def _trace(tracer: "Tracer", message: FeedMessage, step: FeedStep, begun: int) -> None:
    """Make a span in each trace that the message names; `begun` is when it came, in nanoseconds since 1970."""
    for traceparent in message.traceparents[: tracing.TRACED_PER_CALL_MAX]:
        span = tracer.begin("update_cache", "consumer", traceparent, begun=begun, revision=message.revision)
        span.end(step=step.name)


def feed_connection(
    broker: Address, name: str, receiver: FeedReceiver, identity: LinkIdentity | None = None
) -> MqttConnection:
    """Make the connection of the portal `name` over which the feed's messages come; its `run` is to be run."""
    options = ConnectionOptions(
        broker=broker,
        topic=FEED_TOPIC,
        client_id=random_client_id(f"{name}-feed"),
        qos=0,
        broker_timeout=_BROKER_SECONDS_MAX,
        identity=identity,
        received_max=_RECEIVED_MAX,
    )
    return MqttConnection(
        options,
        lambda message: receiver.receive(message.payload if isinstance(message.payload, bytes) else b""),
        log=_log,
    )
