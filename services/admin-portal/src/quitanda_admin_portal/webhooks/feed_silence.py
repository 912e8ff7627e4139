"""Whether anything can have happened in the shop since a revision, as the change feed tells.

The leader's heartbeats name the last entry of the log that took effect, also where it changed no document. So while the
feed is heard, and names no later entry than a portal has seen, there is no webhook either that the portal has not seen.
"""

from quitanda.cache import CachedReader


class FeedSilence:
    """Reads what a portal's reader hears of the feed."""

    def __init__(self, reader: CachedReader) -> None:
        self._reader = reader
        self._history: int | None = None

    def is_quiet(self, revision: int) -> bool:
        """Whether nothing has happened after the revision; no, where the feed is not heard, or tells another history.

        Revisions of another history (a restored cluster) mean nothing in this one: that is told once for each.
        """
        recent = self._reader.recent
        if recent is None or not self._reader.feed_alive():
            return False
        before, self._history = self._history, recent.history
        return before == recent.history and 0 < recent.position <= revision
