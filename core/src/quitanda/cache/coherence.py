"""When a portal's memory may answer; pure decisions, no I/O and no clock of their own.

Invariants, for the confirmed entries, the feed's position p and any revision r of the history:

 I1  An entry shows what its key was in the snapshot at `valid_at`.
 I2  No change of its key has a revision in (valid_at, p]; so it also shows the snapshot at
     max(valid_at, p), its *reach*.
 I3  `valid_at` of a held key never falls, and neither does p, except where everything is forgotten.
 I4  No proof names a start later than the read it comes from, so no write acknowledged before that
     start is above its revision.

How each event keeps them:

- A message of the feed that follows without a hole is applied to the held entries that are older than
  it, and p moves to it: I2 for the ones it changes (valid_at = p) and for the ones it does not name.
- A change that is told without its document (a credential's): the key is not held any more, which all three allow.
- A hole, changes too large to announce, and a message that cannot be read: everything is forgotten. A
  fill whose read began before that is not kept: it belongs to a memory that is gone.
- A fill from a snapshot below p is answered but not kept: changes in (fill, p] went by while the key was
  not held. A fill at or above p is kept; later messages up to its revision do not touch it (I3).
- What an own write told is only a hint (see `lru`): another command of the same log entry may have come
  after it. The feed's message of that entry, or a conditional read, confirms or replaces it.

G4 (linearizable): LINEARIZABLE answers come from a read that starts after the question; memory only
spares the document's bytes where the leader says "unchanged", and (version, document) fit for ever.

G5 (never back, never more than the bound old): an answer from memory shows one snapshot r, the common
reach of its entries. r >= min_revision, so a session that passes on the highest revision it saw never
goes back. Some proof has revision <= r and a start within the bound, so by I4 everything acknowledged
before that start is in the answer. And the feed is alive, so a broker that is gone switches memory off.

What cannot be of one history shows that something held is false: the replicas were replaced by others, or somebody
who has the feed's key told what never was. Then everything is forgotten at once, the position included, so a portal
that was misled finds back by its next question to the leader. It is so where

- a read that starts after revision r or term t was heard is answered below r or by a leader below t: the leader of
  the highest term is the only one whom a majority confirms;
- a read is answered with another document than memory claims for that snapshot (I1, I2), or with another document of
  the same version, as no version is used twice.

LINEARIZABLE answers do not rest on any of this: "unchanged" is said of the digest of what is held, so it cannot be
said of a document that never was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import repeat

from quitanda.cache.feed_cursor import FeedCursor, FeedStep
from quitanda.cache.freshness import FreshnessProofs
from quitanda.cache.lru import DocumentCache, Entry, Key
from quitanda.domain.model import Document, Kind
from quitanda.mqtt.feed_message import FeedMessage


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The documents in the order of their keys (None: absent), all as they were at `revision`."""

    revision: int
    documents: tuple[Document | None, ...]


class CacheMiss(Enum):
    """Why memory does not answer."""

    MISS = "miss"
    """Some key is not held, or only a hint of it."""
    BYPASS = "bypass"
    """All are held, but not provably fresh enough, or not at one snapshot."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A read that is about to start: what is held of its keys, and which revision and term were known."""

    keys: tuple[Key, ...]
    held: tuple[Entry | None, ...]
    started_at: float
    epoch: int
    floor: int
    floor_term: int


class CoherentCache:
    """Entries, position and proofs of one portal; `staleness` in seconds, like the `now` of each call."""

    def __init__(self, max_entries: int, staleness: float) -> None:
        self._entries = DocumentCache(max_entries)
        self._feed = FeedCursor()
        self._proofs = FreshnessProofs(staleness)
        self._staleness = staleness
        self._epoch = 0
        self._highest = 0
        self.history = 0
        """Counts how often what was held turned out to be of another history than what the leader says."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def position(self) -> int | None:
        """The revision up to which the feed was followed; None where it is not known."""
        return self._feed.revision

    # The feed

    def receive(self, message: FeedMessage, now: float) -> FeedStep:
        """Follow the feed by one message."""
        step = self._feed.advance(message, now)
        if step is FeedStep.GAP:
            self._forget()
        if step is FeedStep.NEXT:
            # A document that one entry changed twice is what the last change made it.
            last = {(change.kind, change.document_id): change for change in message.changes or ()}
            for key, change in last.items():
                if change.is_withheld:
                    self._entries.drop(key)
                else:
                    self._entries.change(key, change.document, message.revision)
        if step is not FeedStep.OLD:
            self._highest = max(self._highest, message.revision)
        return step

    def holds(self, kind: Kind, document_id: str) -> bool:
        """Whether something is held of the document: what the feed says of others changes nothing here."""
        return (kind, document_id) in self._entries

    def lose_position(self) -> None:
        """Treat a message that cannot be read as a gap of unknown size."""
        self._feed.lose()
        self._forget()

    def feed_alive(self, now: float) -> bool:
        """Whether the leader was heard through the feed within the staleness bound."""
        return self._feed.alive(now, self._staleness)

    def feed_age(self, now: float) -> float:
        """Seconds since the leader was heard through the feed; infinite where it never was."""
        return self._feed.age(now)

    # Own writes

    def record_write(self, key: Key, document: Document | None, revision: int) -> None:
        """Take over what a write through this portal left, in the log entry `revision`."""
        self._entries.hint(key, document, revision)
        self._highest = max(self._highest, revision)

    # Reads

    def serve(self, keys: Sequence[Key], min_revision: int, now: float) -> ReadResult | CacheMiss:
        """Answer from memory if that is at least `min_revision` and provably within the staleness bound."""
        entries = []
        for key in keys:
            entry = self._entries.get(key)
            if entry is None or not entry.confirmed:
                return CacheMiss.MISS
            entries.append(entry)
        position = self._feed.revision
        if position is None or not self._feed.alive(now, self._staleness):
            return CacheMiss.BYPASS
        reach = max(entries[0].valid_at, position) if entries else position
        if reach < min_revision or not self._proofs.cover(reach, now):
            return CacheMiss.BYPASS
        if any(max(entry.valid_at, position) != reach for entry in entries):
            return CacheMiss.BYPASS
        return ReadResult(reach, tuple([entry.document for entry in entries]))

    def begin(self, keys: Sequence[Key], now: float) -> Fill:
        """Take note that a linearizable read of the keys starts now."""
        held = tuple(map(self._entries.get, keys))
        return Fill(tuple(keys), held, now, self._epoch, self._highest, self._feed.term)

    def complete(self, fill: Fill, documents: Sequence[Document | None], revision: int) -> None:
        """Keep what the read found at `revision`, and what it proves, as far as the invariants allow."""
        if fill.epoch != self._epoch:
            return
        self._proofs.add(fill.started_at, revision)
        self._highest = max(self._highest, revision)
        position = self._feed.revision
        if position is not None and revision < position:
            return
        for key, document in zip(fill.keys, documents, strict=True):
            self._entries.fill(key, document, revision)

    def contradicts(self, fill: Fill, revision: int, term: int) -> bool:
        """Whether the answer's revision, or its leader's term (0: not told), is below what was known before its read.

        That cannot be of one history: then everything is forgotten, and the answer must not be combined
        with anything held.
        """
        if revision >= fill.floor and (term == 0 or term >= fill.floor_term):
            return False
        self._start_anew()
        return True

    def refutes(self, fill: Fill, documents: Sequence[Document | None], revision: int) -> bool:
        """Whether what a read found at `revision` cannot be of one history with what is held; then it is forgotten."""
        if all(map(self._fits, fill.keys, documents, repeat(revision))):
            return False
        self._start_anew()
        return True

    def proof_due_in(self, now: float) -> float:
        """In how many seconds the next proof is due."""
        return self._proofs.due_in(now)

    def _fits(self, key: Key, document: Document | None, revision: int) -> bool:
        """Whether the document can be what the snapshot at `revision` shows, as far as memory claims to know."""
        held = self._entries.get(key)
        if held is None or held.document is document or held.document == document:
            return True
        if held.document is not None and document is not None and held.version == document.version:
            return False
        reach = max(held.valid_at, self._feed.revision or 0)
        return not (held.confirmed and held.valid_at <= revision <= reach)

    def _start_anew(self) -> None:
        self._feed = FeedCursor()
        self._proofs.clear()
        self._highest = 0
        self.history += 1
        self._forget()

    def _forget(self) -> None:
        self._entries.clear()
        self._epoch += 1
