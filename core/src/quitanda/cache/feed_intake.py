"""Which messages of the change feed are believed; pure but for what it counts and says.

Anybody who reaches the broker can publish on the feed's topic. What does not verify under the feed's key is dropped
as if it had never come: it moves nothing and empties nothing, so a stranger cannot even make the cache useless. What
verifies and cannot be read comes from a replica that writes it otherwise, and is a gap of unknown size.
"""

from collections.abc import Callable
from math import inf
from typing import Final

import structlog

from quitanda.cache.coherence import CoherentCache
from quitanda.cache.counters import CacheCounters
from quitanda.cache.position import Step
from quitanda.mqtt.feed_key import FeedKey, NotAuthentic
from quitanda.mqtt.topics import decode_feed

REPORT_SECONDS: Final = 10.0
"""How often the log says that messages are dropped; the metric counts each."""

NEXT_STEP: Final = (
    "find out who else publishes on quitanda/v1/feed, and let nobody; or, where a portal or replica was given another "
    'QUITANDA_FEED_KEY than the others, give it theirs (docs/OPERATIONS.md, "The feed\'s key")'
)

_log = structlog.get_logger(__name__)


class FeedIntake:
    """Brings what the feed says to the cache. `doubt` is called where the feed speaks and nothing of it is news."""

    def __init__(
        self,
        cache: CoherentCache,
        key: FeedKey,
        counters: CacheCounters,
        clock: Callable[[], float],
        *,
        doubt: Callable[[], None],
    ) -> None:
        self._cache = cache
        self._key = key
        self._counters = counters
        self._clock = clock
        self._doubt = doubt
        self._unreported = 0
        self._reported_at = -inf

    def take(self, payload: bytes) -> None:
        """Take one message in, whoever wrote it; nothing is raised."""
        try:
            message = decode_feed(self._key.open(payload))
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
        if step is Step.GAP:
            self._counters.gap.inc()
            _log.info("feed_gap", revision=message.revision, previous_revision=message.previous_revision)
        elif not self._cache.feed_alive(now):
            # The leader speaks from below what was heard before: either is untrue, and the leader knows which.
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
