"""The digests of the latest entries, in memory: what this replica's state was at an entry that another one names."""

import threading
from bisect import bisect_right
from typing import Final

ENTRIES_KEPT: Final = 8_192
"""Two megabytes; at full load some ten seconds."""


class DigestHistory:
    """Written by the Raft thread, read by any."""

    def __init__(self, entries_kept: int = ENTRIES_KEPT) -> None:
        self._entries_kept = entries_kept
        self._changed = threading.Condition()
        self._revisions: list[int] = []
        self._digests: list[int] = []
        self._durable = 0

    def restarted(self, revision: int, digest: int) -> None:
        """Begin anew with the durable state of an entry; what was before is not known."""
        with self._changed:
            self._revisions, self._digests, self._durable = [revision], [digest], revision
            self._changed.notify_all()

    def applied(self, revision: int, digest: int) -> None:
        """Note the digest that an entry left; it is told to nobody until the entry is durable."""
        with self._changed:
            if len(self._revisions) >= 2 * self._entries_kept:
                del self._revisions[: -self._entries_kept]
                del self._digests[: -self._entries_kept]
            self._revisions.append(revision)
            self._digests.append(digest)

    def committed(self, revision: int) -> None:
        """Note that everything up to an entry is durable."""
        with self._changed:
            self._durable = revision
            self._changed.notify_all()

    @property
    def durable(self) -> int:
        """The latest entry that is durable here."""
        return self._durable

    def at(self, revision: int) -> int | None:
        """Give the digest at an entry; None where it is not durable yet, or not known any more."""
        with self._changed:
            if revision > self._durable or not self._revisions or revision < self._revisions[0]:
                return None
            return self._digests[bisect_right(self._revisions, revision) - 1]

    def wait_for(self, revision: int, timeout: float) -> bool:
        """Wait until an entry is durable, up to `timeout` seconds; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._durable >= revision, timeout)
