"""State for a replica that is further behind than the log reaches back: the follower's side.

It keeps the chunks of the leader's snapshot under b"I" until all are durable, and then replaces its state in bounded
steps, one in each round, so that it hears the leader in between. A marker in the store makes it go on with
that after a crash, before anything else may look at it. The log is then nothing but the place of the snapshot's
last entry. It never holds more than a chunk in memory, and asks for no more than LevelDB keeps up with.
"""

import logging
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final

import msgpack

from quitanda_replica.raft.codec import MalformedMessage, Message, decode_pairs
from quitanda_replica.raft.journal import APPLIED_KEY, LOG_PREFIX, NO_OP, log_key, read_applied
from quitanda_replica.raft.snapshot_sender import STATE_PREFIX
from quitanda_replica.state.store import Pair, Store, StoreDamaged

CHUNK_PREFIX: Final = b"I"
INSTALL_KEY: Final = b"Minstall"
"""[index, term, number of chunks, chunks installed] of a snapshot that was received and is not wholly installed yet."""
ALIVE_SECONDS: Final = 1.0
"""How often a receiver that installs, or waits for its disk, says that it is still at it."""
DELETE_BATCH: Final = 200
"""Keys removed in one step; so few because finding them reads their values, which may be large."""

_NUMBER = Struct(">Q")
_log = logging.getLogger(__name__)


class SnapshotReceiver:
    """The follower's side: keeps chunks until all are there."""

    def __init__(self, store: Store, check: Callable[[list[Pair]], None] = lambda _: None) -> None:
        """`check` raises where the state machine cannot go on from a state that has these pairs."""
        self._store = store
        self._check = check
        self._transfer = 0
        self._expected = 0
        self.complete = False
        """All chunks are staged; an `Installation` may begin, and nothing else is taken until `installed`."""

    def receive(self, message: Message, applied_index: int) -> Message | None:
        """Take a `snapshot_chunk` of the current leader; return the reply that may leave when it is durable.

        The reply to the last one must not leave before the snapshot is installed, as the leader then forgets the
        transfer and cuts its log. Raises MalformedMessage.
        """
        if message["index"] <= applied_index or self.complete:
            return None
        if message["number"] == 0:
            # what an earlier transfer has left is overwritten, and the rest removed by the installation
            self._transfer, self._expected = message["transfer"], 0
        if (message["transfer"], message["number"]) != (self._transfer, self._expected):
            return None
        pairs = decode_pairs(message["pairs"])
        if not all(key.startswith(STATE_PREFIX) for key, _ in pairs):
            raise MalformedMessage("snapshot_chunk.pairs must hold replicated state alone")
        self._check(pairs)
        self._store.put(_chunk_key(self._expected), message["pairs"])
        self._expected += 1
        if message["last"]:
            self._store.put(INSTALL_KEY, _marker(message["index"], message["index_term"], self._expected, 0))
            self.complete = True
        return {
            "type": "snapshot_taken",
            "term": message["term"],
            "transfer": message["transfer"],
            "number": message["number"],
        }

    def installed(self) -> None:
        """Be ready for another snapshot."""
        self.complete = False
        self._transfer = self._expected = 0


class Installation:
    """Replaces state and log by the snapshot that was received, one bounded step at a time.

    The caller commits after each step. What a step has done is part of the marker, so that after a crash another
    Installation goes on from there; while the marker stands, the state is neither the old one nor the new one.
    """

    def __init__(self, store: Store, marker: bytes) -> None:
        """Take up the installation that the value of INSTALL_KEY describes. Raises StoreFailed."""
        self._store = store
        self.index, self.term, self._chunks, self._installed = _read_marker(marker)
        self.obsolete = not self._is_ahead()
        """The own state is newer already: the steps only clean up."""
        self._steps = self._clean_up() if self.obsolete else self._replace()

    def stage_next(self) -> bool:
        """Stage the next step; False where there was none left, so everything is done. Raises StoreFailed."""
        return next(self._steps, None) is not None

    def _is_ahead(self) -> bool:
        return self._installed > 0 or self.index > read_applied(self._store.get(APPLIED_KEY))

    def _replace(self) -> Iterator[bool]:
        if self._installed == 0:
            yield from self._remove_state()
        while self._installed < self._chunks:
            self._install_chunk()
            yield True
        yield from self._remove_chunks(self._chunks)
        self._replace_log()
        yield True

    def _clean_up(self) -> Iterator[bool]:
        self._store.delete(INSTALL_KEY)
        yield from self._remove_chunks(0)

    def _remove_state(self) -> Iterator[bool]:
        after: bytes | None = None
        while pairs := self._store.scan(STATE_PREFIX, after, DELETE_BATCH):
            after = pairs[-1][0]
            for key, _ in pairs:
                self._store.delete(key)
            yield True

    def _install_chunk(self) -> None:
        key = _chunk_key(self._installed)
        pairs = self._store.get(key)
        if pairs is None:
            raise StoreDamaged(f"the data folder is damaged: chunk {self._installed} of a snapshot is missing")
        for state_key, value in decode_pairs(pairs):
            self._store.put(state_key, value)
        self._store.delete(key)
        self._installed += 1
        self._store.put(INSTALL_KEY, _marker(self.index, self.term, self._chunks, self._installed))

    def _remove_chunks(self, number: int) -> Iterator[bool]:
        """Remove the chunks from `number` on; there is no gap between them."""
        while self._store.get(_chunk_key(number)) is not None:
            self._store.delete(_chunk_key(number))
            number += 1
            yield True

    def _replace_log(self) -> None:
        """Forget the whole log, which is bounded, in the same step in which the new state becomes valid."""
        after: bytes | None = None
        while pairs := self._store.scan(LOG_PREFIX, after, DELETE_BATCH):
            after = pairs[-1][0]
            for key, _ in pairs:
                self._store.delete(key)
        self._store.put(log_key(self.index), _NUMBER.pack(self.term) + NO_OP)
        self._store.put(APPLIED_KEY, _NUMBER.pack(self.index))
        self._store.delete(INSTALL_KEY)
        _log.info("installed a snapshot of entry %d in %d chunks", self.index, self._chunks)


def install(store: Store, installation_type: type[Installation] = Installation) -> None:
    """End an installation that was cut short, before anything else looks at the state. Raises StoreFailed."""
    marker = store.get(INSTALL_KEY)
    if marker is None:
        return
    installation = installation_type(store, marker)
    while installation.stage_next():
        store.commit()
    store.commit()


def _chunk_key(number: int) -> bytes:
    return CHUNK_PREFIX + _NUMBER.pack(number)


def _marker(index: int, term: int, chunks: int, installed: int) -> bytes:
    return msgpack.packb([index, term, chunks, installed])


def _read_marker(marker: bytes) -> tuple[int, int, int, int]:
    match msgpack.unpackb(marker):
        case [int(index), int(term), int(chunks), int(installed)]:
            return index, term, chunks, installed
    raise StoreDamaged("the data folder is damaged: the marker of a snapshot is not readable")


class SnapshotIntake:
    """A follower's receiver and installation, with the pace of both; the rounds drive it.

    `promise` takes a peer and a message that leaves when what is staged is durable.
    """

    def __init__(
        self,
        store: Store,
        promise: Callable[[str, Message], None],
        receiver_type: type[SnapshotReceiver],
        installation_type: type[Installation],
        check: Callable[[list[Pair]], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._promise = promise
        self._receiver = receiver_type(store, check)
        self._installation_type = installation_type
        self._installation: Installation | None = None
        self._taken: list[tuple[str, Message]] = []
        """Replies to chunks that wait for the disk to keep up."""
        self._last: tuple[str, Message] | None = None
        """To whom, and what, is said when the last chunk is not only durable but installed."""
        self._alive_at = 0.0

    @property
    def installing(self) -> bool:
        """The state is being replaced: nothing may be applied, and this replica must not lead."""
        return self._receiver.complete

    @property
    def has_work(self) -> bool:
        """A step could be done now."""
        return self.installing and not self._store.congested

    def take(self, peer: str, message: Message, applied_index: int) -> None:
        """Take a `snapshot_chunk` of the current leader. Raises MalformedMessage."""
        reply = self._receiver.receive(message, applied_index)
        if reply is None:
            return
        if self.installing:
            self._last = peer, reply
        else:
            self._taken.append((peer, reply))

    def stage(self, now: float) -> Installation | None:
        """Stage one step, if there is one to do; return the installation once everything of it is done."""
        congested = self._store.congested if self._taken or self.installing else False
        if self._taken and not congested:
            self._ask_for_more()
        self._say_alive(now)
        if not self.installing:
            return None
        if self._installation is None:
            self._installation = self._begin()
        if congested or self._installation.stage_next():
            return None
        return self._installation

    def finished(self) -> None:
        """Tell the leader, and be ready for another snapshot; to be called when all steps are durable."""
        if self._last is not None:
            self._promise(*self._last)
        self._installation = self._last = None
        self._receiver.installed()

    def _begin(self) -> Installation:
        marker = self._store.get(INSTALL_KEY)
        if marker is None:
            raise AssertionError("a snapshot is complete without its marker")
        return self._installation_type(self._store, marker)

    def _ask_for_more(self) -> None:
        for peer, reply in self._taken:
            self._promise(peer, reply)
        self._taken = []

    def _say_alive(self, now: float) -> None:
        """Repeat what was said of the chunk before, so that the leader does not give up."""
        held = self._last or next(iter(self._taken), None)
        if held is None or now < self._alive_at:
            return
        self._alive_at = now + ALIVE_SECONDS
        peer, reply = held
        if reply["number"] > 0:
            self._promise(peer, reply | {"number": reply["number"] - 1})
