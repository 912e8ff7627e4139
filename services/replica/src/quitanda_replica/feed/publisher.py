"""The change feed: the leader tells the portals what changed, and that it still leads.

A thread of its own takes the changes from the queue. Only the leader publishes. The heartbeat is published
after a fresh proof of leadership and after everything that changed up to its revision, so a subscriber that
has followed to p and hears a heartbeat with `previous_revision` <= p has missed nothing up to `revision`.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from quitanda.errors import QuitandaError
from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.feed_message import FeedMessage, encode_feed
from quitanda.runtime.access_log import OK
from quitanda_replica.feed.entry_changes import EntryChanges
from quitanda_replica.feed.queue import FeedPosition, FeedQueue
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.state_machine import Role

if TYPE_CHECKING:  # they load OpenTelemetry
    from quitanda.runtime.spans import Span
    from quitanda_replica.command_spans import CommandSpans

PAYLOAD_BYTES_MAX: Final = 768 * 1024
"""A larger message is published without its changes, which subscribers treat as a gap; brokers take 1 MiB."""

LOST: Final = "LOST"
"""Stands in place of a reason for a message that the broker did not get."""

_log = structlog.get_logger(__name__)


class FeedPublisher:
    """Publishes from the queue until it is closed. A broker that is away costs messages, nothing else."""

    def __init__(
        self,
        queue: FeedQueue,
        raft: RaftNode,
        publish: Callable[[bytes], bool],
        key: FeedKey,
        heartbeat_seconds: float,
        spans: "CommandSpans | None" = None,
    ) -> None:
        """`spans` are those of the replica's commands, while tracing is on."""
        self._queue = queue
        self._raft = raft
        self._publish_sealed = publish
        self._key = key
        self._heartbeat_seconds = heartbeat_seconds
        self._spans = spans
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._published = 0
        self._lost = 0

    @property
    def published(self) -> int:
        """Messages that were handed to the broker's connection, heartbeats included."""
        return self._published

    @property
    def lost(self) -> int:
        """Messages that were not, as the broker was away or slow."""
        return self._lost

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Publish no more."""
        self._closing.set()
        self._queue.close()
        self._thread.join(timeout)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._closing.is_set():
            try:
                entries, _ = self._queue.take(due - time.monotonic())
                self._publish(entries)
                if time.monotonic() >= due:
                    due = time.monotonic() + self._heartbeat_seconds
                    self._heartbeat()
            except Exception:  # noqa: BLE001 - the feed may fail; the replica goes on
                _log.exception("feed_failed")
                self._closing.wait(self._heartbeat_seconds)

    def _heartbeat(self) -> None:
        if self._raft.status().role is not Role.LEADER:
            return
        try:
            self._raft.read_point(self._heartbeat_seconds)
        except QuitandaError:
            return  # whoever does not lead, or cannot prove it, keeps silent
        entries, position = self._queue.take(0)
        self._publish(entries, position)

    def _publish(self, entries: Sequence[EntryChanges], heartbeat: FeedPosition | None = None) -> None:
        status = self._raft.status()
        if status.role is not Role.LEADER:
            return
        for entry in entries:
            if self._spans is None:
                self._send(_message(status.term, entry))
            else:
                self._send_traced(status.term, entry, self._spans.announce(entry.revision))
        if heartbeat is not None:
            self._send(encode_feed(FeedMessage(status.term, heartbeat.revision, heartbeat.last_changed, ())))

    def _send_traced(self, term: int, entry: EntryChanges, spans: "Sequence[Span]") -> None:
        """Send a message that names the traces whose commands made the changes."""
        sent = self._send(_message(term, entry, tuple(span.traceparent for span in spans)))
        for span in spans:
            span.end(OK if sent else LOST)

    def _send(self, message: bytes) -> bool:
        if self._publish_sealed(self._key.seal(message)):
            self._published += 1
            return True
        self._lost += 1
        return False


def _message(term: int, entry: EntryChanges, traceparents: tuple[str, ...] = ()) -> bytes:
    message = FeedMessage(term, entry.revision, entry.previous_revision, entry.changes, traceparents)
    payload = encode_feed(message)
    return payload if len(payload) <= PAYLOAD_BYTES_MAX else encode_feed(replace(message, changes=None))
