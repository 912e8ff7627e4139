"""Tells callers who watch what changes, from what the change feed has told lately.

    change feed ──> RecentChanges ──> each watch: what is after the revision that it has told ──> its caller

A watch holds nothing but that revision, so a caller who reads slowly costs no memory. One that falls behind what the
portal remembers is ended (REVISION_GONE), as is one that wants to begin there: its caller lists again, and watches from
the revision of the list on. Nothing is told twice by one watch; but a caller who begins again after the last revision
that it heard of may hear some changes again, and a change may be told together with later ones of the same document.

The feed says of an order that was closed only that it left the live ones. What became of it, and whose it was, is read
from the leader (`ClosedOrders`); below level 4 a cancelled order is gone, and nobody can tell whose it was. Staff are
told its id. A customer cannot be told without being told of others' orders, so her watch is ended, too.

A customer's watch from before a customer of the same id was deleted is refused, too (REVISION_GONE): the orders of then
were another's.

Who watches is checked with the leader at the beginning, and again whenever the feed says that the credential or the
customer was changed.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Final

import structlog

from quitanda.cache import CachedReader
from quitanda.cache.recent_changes import RecentChanges, RecentEntry
from quitanda.cluster_client import ClusterClient
from quitanda.codec.watches import WatchDocuments, WatchedChange, WatchedChanges, newest_of_each
from quitanda.domain.model import Kind, Order
from quitanda.domain.outcomes import Reason, Refused, refused
from quitanda.errors import Overloaded, Rejected, Unavailable
from quitanda.mqtt.feed_message import FeedChange
from quitanda.portal.callers import Authenticator, Caller
from quitanda.portal.closed_orders import ClosedOrders
from quitanda.portal.operations import PortalOperations, limited_as

HEARTBEAT_SECONDS: Final = 2.0
"""After so long a silence a watch tells up to which revision it has told everything."""

FEED_SILENCE_SECONDS_MAX: Final = 5.0
"""A portal that has not heard the leader through the feed for so long ends its watches: another portal may hear it."""

GATHER_SECONDS: Final = 0.05
"""A watch tells changes at most so often; what changes in between is told together."""

TOLD_AT_ONCE_BYTES_MAX: Final = 1024 * 1024
"""Bytes of the feed's messages that one answer is made of; a single message may be as large by itself."""

WATCHES_MAX: Final = 1_000
"""Watches of one portal."""

CALLER_WATCHES_MAX: Final = 100
"""Watches of one caller, by its credential, or where nobody proves who calls by customer and address."""

LIMIT: Final = "watches"
"""What a refusal names as the caller's own limit."""

RETRY_AFTER_SECONDS: Final = 5.0

_LOOK_SECONDS: Final = 0.5
"""How often a watch looks whether the feed is still heard."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches what, from where; `caller` is None where nobody proves who calls."""

    watched: WatchDocuments
    caller: Caller | None = None
    address: str = ""


class Watches:
    """All watches of one portal; `request_timeout` (seconds) bounds what a watch asks of the replicas."""

    def __init__(
        self,
        operations: PortalOperations,
        cluster: ClusterClient,
        reader: CachedReader,
        request_timeout: float,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._operations = operations
        self._reader = reader
        self._closed_orders = ClosedOrders(cluster)
        self._request_timeout = request_timeout
        self._authenticator = authenticator
        self._held: Counter[str] = Counter()
        self._stopping = False

    def __len__(self) -> int:
        return self._held.total()

    def stop(self) -> None:
        """End all watches, and let none begin: the portal stops."""
        self._stopping = True
        if self._reader.recent is not None:
            self._reader.recent.wake()

    async def watch(self, watcher: Watcher, timeout: float) -> AsyncGenerator[WatchedChanges, None]:
        """Yield what changes, after the revision that is watched from, as it comes; to be closed.

        The first answer comes within `timeout` seconds; there is one every few seconds, with changes or without. Raises
        Rejected, Unavailable and Overloaded, also later.
        """
        recent = self._reader.recent
        if recent is None:
            raise Unavailable("this portal hears no change feed")
        with self._place(watcher):
            now = await self._check(watcher, timeout)
            after = now if watcher.watched.after_revision is None else watcher.watched.after_revision
            if after > now:  # of another history
                raise _gone(recent)
            telling = _Telling(self, recent, watcher, after)
            telling.check_same_customer()
            yield WatchedChanges(after)
            while True:
                if told := await telling.next():
                    yield told

    @contextmanager
    def _place(self, watcher: Watcher) -> Iterator[None]:
        """Hold a place among the watches. Raises Overloaded where there is none for the caller."""
        name = limited_as(watcher.caller, watcher.watched.customer_id, watcher.address)
        if self._held[name] >= CALLER_WATCHES_MAX or len(self) >= WATCHES_MAX:
            error = Overloaded(f"{len(self)} watches, {self._held[name]} of them the caller's")
            error.limit = LIMIT if self._held[name] >= CALLER_WATCHES_MAX else ""
            error.retry_after = RETRY_AFTER_SECONDS
            raise error
        self._held[name] += 1
        try:
            yield
        finally:
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]

    async def _check(self, watcher: Watcher, timeout: float) -> int:
        """Give the present revision if the watcher is known and may watch. Raises QuitandaError."""
        revision = await self._operations.check_watcher(
            watcher.watched.customer_id, timeout, watcher.caller, watcher.address
        )
        if isinstance(revision, Refused):
            raise Rejected(revision)
        return revision

    def check_still(self, watcher: Watcher, *, heard_ago: float) -> None:
        """Raise what a watch ends with that cannot go on, although nothing is wrong with what it tells."""
        if self._stopping:
            raise Unavailable("the portal stops")
        if heard_ago > FEED_SILENCE_SECONDS_MAX:
            raise Unavailable(f"the change feed has been silent for {FEED_SILENCE_SECONDS_MAX:g} s")
        if watcher.caller is not None and self._authenticator is not None:
            self._authenticator.check_expiry(watcher.caller)

    async def check_again(self, watcher: Watcher) -> None:
        """Check with the leader that the watcher is still known. Raises QuitandaError."""
        await self._check(watcher, self._request_timeout)

    def feed_alive(self) -> bool:
        """Whether the portal hears the change feed."""
        return self._reader.feed_alive()

    async def closed_orders(self, left: Mapping[str, int]) -> Mapping[str, Order | None]:
        """Find out what became of orders, by the revisions at which they left the live ones. Raises QuitandaError."""
        return await self._closed_orders.find(left, self._request_timeout) if left else {}


class _Telling:
    """How far one watch has told what changed."""

    def __init__(self, watches: Watches, recent: RecentChanges, watcher: Watcher, after: int) -> None:
        self._watches = watches
        self._recent = recent
        self._watcher = watcher
        self._history = recent.history
        self._told = after
        self._clock = asyncio.get_running_loop().time
        self._told_at = self._heard_at = self._clock()
        self._looked_at = -inf

    def check_same_customer(self) -> None:
        """Raise Rejected where a customer of the same id was deleted since: what was told then was of her orders."""
        customer_id = self._watcher.watched.customer_id
        for entry in self._recent.after(self._told) if customer_id else ():
            if (Kind.CUSTOMER, customer_id) in entry.keys and any(
                (change.kind, change.document_id, change.document) == (Kind.CUSTOMER, customer_id, None)
                for change in self._read(entry)
            ):
                raise _gone(self._recent)

    async def next(self) -> WatchedChanges | None:
        """Give what is to be told next, or None where there is nothing yet. Raises QuitandaError to end the watch."""
        self._check_remembered()
        await self._wait()
        now = self._clock()
        if self._watches.feed_alive():
            self._heard_at = now
        self._watches.check_still(self._watcher, heard_ago=now - self._heard_at)
        self._check_remembered()
        entries = _first_of(self._recent.after(self._told))
        if entries:
            return await self._tell(entries)
        if self._heard_at < now or now - self._told_at < HEARTBEAT_SECONDS:
            return None
        self._told, self._told_at = max(self._told, self._recent.position), now
        return WatchedChanges(self._told)

    def _check_remembered(self) -> None:
        """Raise Rejected where changes that were not told are not remembered any more."""
        if self._recent.since is None:  # nothing was heard yet
            self._history = self._recent.history
        elif self._recent.history != self._history or self._recent.since > self._told:
            raise _gone(self._recent)

    async def _tell(self, entries: Sequence[RecentEntry]) -> WatchedChanges | None:
        named = {key for entry in entries for key in entry.keys}
        if named & self._proofs():
            await self._watches.check_again(self._watcher)
        changes = await self._changes(entries)
        self._told, self._looked_at = entries[-1].revision, self._clock()
        if not changes:
            return None
        self._told_at = self._looked_at
        return WatchedChanges(self._told, changes)

    async def _changes(self, entries: Sequence[RecentEntry]) -> tuple[WatchedChange, ...]:
        """Read what is watched of the entries' changes."""
        kinds = self._watcher.watched.kinds
        found: list[WatchedChange] = []
        left: dict[str, int] = {}
        for entry in entries:
            if not any(kind in kinds for kind, _ in entry.keys):
                continue
            for change in self._read(entry):
                if change.kind in kinds:
                    found.append(WatchedChange(change.kind, change.document_id, change.document))
                    if change.kind is Kind.ORDER and change.document is None:
                        left[change.document_id] = entry.revision
        closed = await self._watches.closed_orders(left)
        newest = (
            WatchedChange(Kind.ORDER, change.document_id, closed[change.document_id])
            if change.kind is Kind.ORDER and change.document is None
            else change
            for change in newest_of_each(found)
        )
        return tuple(change for change in newest if self._may_be_told(change))

    def _read(self, entry: RecentEntry) -> Sequence[FeedChange]:
        try:
            return entry.changes()
        except ValueError as error:
            _log.error("feed_message_malformed", revision=entry.revision, error=str(error))
            raise _gone(self._recent) from error

    def _may_be_told(self, change: WatchedChange) -> bool:
        """Whether a change is the watcher's business. Raises Rejected where nobody can tell."""
        customer_id = self._watcher.watched.customer_id
        if change.kind is not Kind.ORDER or not customer_id:
            return True
        if not isinstance(change.document, Order):
            raise _gone(self._recent)
        return change.document.customer_id == customer_id

    def _proofs(self) -> set[tuple[Kind, str]]:
        """Give the documents by which the watcher is known."""
        caller, customer_id = self._watcher.caller, self._watcher.watched.customer_id
        return {(Kind.CUSTOMER, customer_id)} if caller is None else {caller.key, (Kind.CUSTOMER, customer_id)}

    async def _wait(self) -> None:
        """Wait for something new, and while many changes come until there may be more to tell at once."""
        if not self._recent.after(self._told):
            await self._recent.wait(_LOOK_SECONDS)
        await asyncio.sleep(self._looked_at + GATHER_SECONDS - self._clock())


def _first_of(entries: Sequence[RecentEntry]) -> Sequence[RecentEntry]:
    """Give the first entries, as many as are told at once."""
    size = 0
    for number, entry in enumerate(entries):
        size += len(entry.payload)
        if number and size > TOLD_AT_ONCE_BYTES_MAX:
            return entries[:number]
    return entries


def _gone(recent: RecentChanges) -> Rejected:
    oldest = {} if recent.since is None else {"oldest": recent.since}
    return Rejected(refused(Reason.REVISION_GONE, "after_revision", **oldest))
