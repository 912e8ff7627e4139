"""The follower's side of a snapshot: state for a replica that needs entries which the leader's log no longer holds.

The follower keeps the snapshot's chunks under b"I" until all of them are durable. Then it replaces its state in bounded
parts, one in each step of the loop, so that it hears the leader in between. A marker in the store makes it continue
after a crash, before anything else may read the state. Afterwards the log holds only the place of the snapshot's last
entry. The follower never holds more than one chunk in memory, and requests no more than LevelDB keeps up with.
"""

import logging
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final

import msgpack

from quitanda_replica.raft import codec
from quitanda_replica.raft.codec import MalformedMessage, Message, decode_pairs
from quitanda_replica.raft.journal import APPLIED_KEY, LOG_PREFIX, NO_OP, log_key, read_applied
from quitanda_replica.raft.snapshot_sender import STATE_PREFIX, SnapshotTraffic
from quitanda_replica.state.store import Pair, Store, StoreDamaged

CHUNK_PREFIX: Final = b"I"
INSTALL_KEY: Final = b"Minstall"
"""[index, term, number of chunks, chunks installed] of a snapshot that is received and not completely installed."""
KEEPALIVE_SECONDS: Final = 1.0
"""How often a receiver that installs, or waits for its disk, tells the leader that it is alive."""
DELETE_BATCH: Final = 200
"""Keys removed in one step. They are few because finding them reads their values, which may be large."""

_NUMBER = Struct(">Q")
_log = logging.getLogger(__name__)


class ChunkStaging:
    """Keeps the chunks of a snapshot in the store until all of them are there."""

    def __init__(self, store: Store, check: Callable[[list[Pair]], None] = lambda _: None) -> None:
        """`check` raises where the state machine cannot continue from a state that has these pairs."""
        self._store = store
        self._check = check
        self._transfer = 0
        self._expected = 0
        self.complete = False
        """All chunks are staged: a `SnapshotInstallation` may begin, and no other chunk is accepted until `reset`."""

    def stage_chunk(self, message: Message, applied_index: int) -> Message | None:
        """Stage a `snapshot_chunk` of the current leader. Return the reply that may leave when it is durable.

        The reply to the last chunk must not leave before the snapshot is installed: the leader then forgets the
        transfer and cuts its log. Raises MalformedMessage.
        """
        if message["index"] <= applied_index or self.complete:
            return None
        if message["number"] == 0:
            # this overwrites chunks of an earlier transfer; the installation removes the rest of them
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
            "type": codec.SNAPSHOT_ACKNOWLEDGEMENT,
            "term": message["term"],
            "transfer": message["transfer"],
            "number": message["number"],
        }

    def reset(self) -> None:
        """Be ready for another snapshot."""
        self.complete = False
        self._transfer = self._expected = 0


class SnapshotInstallation:
    """Replaces the state and the log by the received snapshot, one bounded step at a time.

    The caller commits after each step. The marker says what is done, so that another SnapshotInstallation continues
    from there after a crash. While the marker exists, the state is neither the old one nor the new one.
    """

    def __init__(self, store: Store, marker: bytes) -> None:
        """Continue the installation that the value of INSTALL_KEY describes. Raises StoreFailed."""
        self._store = store
        self.index, self.term, self._chunks, self._installed = _read_marker(marker)
        self.obsolete = not self._is_ahead()
        """This replica's state is newer already: the steps only clean up."""
        self._steps = self._clean_up() if self.obsolete else self._replace()

    def stage_step(self) -> bool:
        """Stage the next step. Return False where none is left: everything is done. Raises StoreFailed."""
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
        """Remove the chunks from `number` on. There is no gap between them."""
        while self._store.get(_chunk_key(number)) is not None:
            self._store.delete(_chunk_key(number))
            number += 1
            yield True

    def _replace_log(self) -> None:
        """Remove the whole log, which is bounded, in the same step in which the new state becomes valid."""
        after: bytes | None = None
        while pairs := self._store.scan(LOG_PREFIX, after, DELETE_BATCH):
            after = pairs[-1][0]
            for key, _ in pairs:
                self._store.delete(key)
        self._store.put(log_key(self.index), _NUMBER.pack(self.term) + NO_OP)
        self._store.put(APPLIED_KEY, _NUMBER.pack(self.index))
        self._store.delete(INSTALL_KEY)
        _log.info("snapshot_installed", extra={"index": self.index, "chunks": self._chunks})


def finish_interrupted_installation(store: Store) -> None:
    """Finish an installation that a crash interrupted, before anything else reads the state. Raises StoreFailed."""
    marker = store.get(INSTALL_KEY)
    if marker is None:
        return
    installation = SnapshotInstallation(store, marker)
    while installation.stage_step():
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


class SnapshotReceiver:
    """Receives and installs a snapshot at the pace of the follower's disk. The loop drives it step by step."""

    def __init__(
        self,
        store: Store,
        send_after_commit: Callable[[str, Message], None],
        check: Callable[[list[Pair]], None] = lambda _: None,
    ) -> None:
        """`send_after_commit` sends a peer a message as soon as what is staged now is durable.

        `check`: see `StateMachine.check_snapshot`.
        """
        self._store = store
        self._send_after_commit = send_after_commit
        self._staging = ChunkStaging(store, check)
        self._installation: SnapshotInstallation | None = None
        self._staged_replies: list[tuple[str, Message]] = []
        """Replies to chunks: they wait until the disk keeps up, as each makes the leader send more."""
        self._final_reply: tuple[str, Message] | None = None
        """The peer, and the reply to the last chunk, which leaves when the snapshot is installed."""
        self._keepalive_at = 0.0
        self._now = self._started_at = 0.0
        self.traffic = SnapshotTraffic()

    @property
    def installing(self) -> bool:
        """True while the state is being replaced: nothing may be applied, and this replica must not lead."""
        return self._staging.complete

    @property
    def has_work(self) -> bool:
        """True if a step could be done now."""
        return self.installing and not self._store.congested

    def on_chunk(self, peer: str, message: Message, applied_index: int) -> None:
        """Handle a `snapshot_chunk` of the current leader. Raises MalformedMessage."""
        reply = self._staging.stage_chunk(message, applied_index)
        if reply is None:
            return
        if message["number"] == 0:
            self._started_at = self._now
        self.traffic.bytes += len(message["pairs"])
        if self.installing:
            self._final_reply = peer, reply
        else:
            self._staged_replies.append((peer, reply))

    def step(self, now: float) -> SnapshotInstallation | None:
        """Stage one step of the installation, if one runs. Return the installation once all of it is staged."""
        self._now = now
        congested = self._store.congested if self._staged_replies or self.installing else False
        if self._staged_replies and not congested:
            self._send_staged_replies()
        self._send_keepalive(now)
        if not self.installing:
            return None
        if self._installation is None:
            self._installation = self._begin()
        if congested or self._installation.stage_step():
            return None
        return self._installation

    def finish(self) -> None:
        """Tell the leader that the snapshot is installed. The caller has made all steps durable."""
        if self._final_reply is not None:
            self.traffic.snapshots += 1
            self.traffic.seconds += self._now - self._started_at
            self._send_after_commit(*self._final_reply)
        self._installation = self._final_reply = None
        self._staging.reset()

    def _begin(self) -> SnapshotInstallation:
        marker = self._store.get(INSTALL_KEY)
        if marker is None:
            raise AssertionError("a snapshot is complete without its marker")
        return SnapshotInstallation(self._store, marker)

    def _send_staged_replies(self) -> None:
        for peer, reply in self._staged_replies:
            self._send_after_commit(peer, reply)
        self._staged_replies = []

    def _send_keepalive(self, now: float) -> None:
        """Repeat the reply to the previous chunk, so that the leader does not give up."""
        held = self._final_reply or next(iter(self._staged_replies), None)
        if held is None or now < self._keepalive_at:
            return
        self._keepalive_at = now + KEEPALIVE_SECONDS
        peer, reply = held
        if reply["number"] > 0:
            self._send_after_commit(peer, reply | {"number": reply["number"] - 1})
