"""Tells the operator that memory was found to be false, which no honest feed of one cluster can bring about."""

from typing import Final

import structlog
from prometheus_client import Counter

from quitanda.cache.coherence import Fill
from quitanda.cluster_client.values import ReadAnswer

NEXT_STEP: Final = (
    "nothing to do where the replicas were just replaced by restored ones; otherwise somebody who has the feed's key "
    "publishes what is not so: give portals and replicas another QUITANDA_FEED_KEY "
    '(docs/OPERATIONS.md, "The feed\'s key")'
)

_log = structlog.get_logger(__name__)


class Refutations:
    """Counts each time and says it; the cache is empty then, and the caller gets what the leader said."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def went_back(self, fill: Fill, answer: ReadAnswer) -> None:
        """Tell of an answer from below what was known before it was asked for."""
        self._counter.inc()
        _log.error(
            "history_went_back",
            revision=answer.revision,
            known=fill.floor,
            term=answer.term,
            known_term=fill.floor_term,
            next_step=NEXT_STEP,
        )

    def untrue(self, fill: Fill, answer: ReadAnswer) -> None:
        """Tell of documents that are not as memory claimed."""
        self._counter.inc()
        keys = [f"{kind}/{document_id}" for kind, document_id in fill.keys]
        _log.error("cache_was_untrue", keys=keys, revision=answer.revision, next_step=NEXT_STEP)
