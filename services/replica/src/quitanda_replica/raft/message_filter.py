"""Decides what of an incoming message may reach PySyncObj. The decisions are pure, over the log and the message.

PySyncObj 0.3.17 deviates from Raft where it receives messages:

- It cuts its log behind the previous entry of every `append_entries`, whether there is a conflict or not. So a message
  that arrives late removes entries that were acknowledged. Raft (figure 2, receiver rules 3 to 5; section 5.3 of Ongaro
  and Ousterhout) keeps what matches, cuts only at a conflict, and commits no further than the last entry that it has
  compared.
- Its replies carry no term, so a leader takes those of an earlier term for its own.
- After a conflict it asks for one entry earlier at a time, and every message in flight behind the gap undoes the step.
  We ask at once for everything behind the commit index: up to there all logs agree.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from quitanda_replica.raft import codec
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import LevelJournal

CONFLICTS_MIN: Final = 10
"""An honest conflict is over after one or two replies; see `filter_append`."""
CONFLICT_REPEAT_SECONDS: Final = 30.0
"""Between two log lines about the same conflict."""

_log = logging.getLogger(__name__)


class LogConflict(Exception):
    """A leader contradicts an entry that is committed here. The replicas have diverged, and this one must stop."""


@dataclass(frozen=True)
class FilteredMessage:
    """What becomes of a message: what PySyncObj gets, and what is replied in its place."""

    deliver: Message | None = None
    reply: Message | None = None

    @property
    def agreed_upto(self) -> int:
        """The index up to which the message shows or makes the log equal to the leader's; 0: unknown."""
        if self.deliver is not None and "prevLogIdx" in self.deliver:
            return int(self.deliver["prevLogIdx"]) + len(self.deliver["entries"])
        if self.reply is not None and self.reply["success"]:
            return int(self.reply["next_node_idx"]) - 1
        return 0


DROPPED = FilteredMessage()


def filter_append(log: LevelJournal, term: int, commit_index: int, message: Message) -> FilteredMessage:
    """Decide on an `append_entries` from the leader of `message["term"]`. Raises LogConflict.

    `term` and `commit_index` are the receiver's own.
    """
    if message["term"] < term:
        return DROPPED
    message = _without_compacted(log, message)
    previous, entries = message["prevLogIdx"], message["entries"]
    if not _matches(log, message):
        return FilteredMessage(_heartbeat_of(message, 0), _reply(message["term"], commit_index + 1, success=False))
    known = _count_known(log, entries)
    matched = previous + known
    news = entries[known:]
    cap = min(message["commit_index"], matched + len(news))
    if not news and matched < log.last_index:
        # PySyncObj would cut what is behind `matched`, but nothing says that it conflicts.
        return FilteredMessage(_heartbeat_of(message, cap), _reply(message["term"], matched + 1, success=True))
    if news and matched < commit_index:
        raise LogConflict(
            f"the leader of term {message['term']} sends another entry {matched + 1} than the committed one"
        )
    return FilteredMessage(
        message | {"prevLogIdx": matched, "prevLogTerm": log.term_at(matched), "entries": news, "commit_index": cap}
    )


def contradicts(log: LevelJournal, message: Message) -> bool:
    """Return whether an `append_entries` relies on another entry than the one that this log holds, or held."""
    return message["prevLogIdx"] <= log.last_index and not _matches(log, _without_compacted(log, message))


def filter_heartbeat(term: int, commit_index: int, message: Message) -> FilteredMessage:
    """Decide on an `append_entries` while a snapshot is being installed: note the leader, and accept no entries.

    The state is between two entries, so nothing may be applied. The reply only says that this replica is alive.
    """
    if message["term"] < term:
        return DROPPED
    reply = _reply(message["term"], commit_index + 1, success=False) | {"reset": False}
    return FilteredMessage(_heartbeat_of(message, 0), reply)


def filter_reply(term: int, last_index: int, message: Message) -> FilteredMessage:
    """Decide on a follower's `next_node_idx`: it counts only in its own term, and only from a voter.

    A learner may have acknowledged entries or voted before it lost its disk. So until it has caught up, its replies
    neither commit an entry nor keep the leader in office; PySyncObj would take any reply as a sign that its majority is
    still there. The leader sends entries to a learner all the same (`RaftCore.note_append_reply`).
    """
    counts = message["voting"] and message["term"] == term and message["next_node_idx"] <= last_index + 1
    return FilteredMessage(message) if counts else DROPPED


def stamp_reply(term: int, message: Message, *, voting: bool) -> Message:
    """Return an outgoing `next_node_idx` or `response_vote` with its term and whether the sender is a voter."""
    return message | {"term": term, "voting": voting}


class ConflictLog:
    """Reports a leader whose log contradicts this one again and again: it will never agree, so a person must know."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._place: tuple[str, int, int] | None = None
        self._times = 0
        self._report_at = 0.0

    def note(self, leader: str, message: Message, *, contradicts: bool) -> None:
        """Note an `append_entries`, and whether it contradicts this log (see `contradicts`)."""
        place = (leader, int(message["term"]), int(message["prevLogIdx"])) if contradicts else None
        self._times = self._times + 1 if place == self._place else 1
        self._place = place
        if place is not None and self._times >= CONFLICTS_MIN and self._clock() >= self._report_at:
            self._report_at = self._clock() + CONFLICT_REPEAT_SECONDS
            _log.error(
                "log_conflict",
                extra={
                    "leader": leader,
                    "term": message["term"],
                    "index": message["prevLogIdx"],
                    "consequence": "the leader and this replica hold different entries; nothing can be replicated here",
                    "next_step": "stop the replica whose disk is wrong (an old one, or a copy), move its data folder "
                    "away, and start it with an empty one",
                },
            )


def _without_compacted(log: LevelJournal, message: Message) -> Message:
    """Leave out entries before the start of the log: they are applied, so they are equal to the leader's."""
    previous, entries, first = message["prevLogIdx"], message["entries"], log.first_index
    if previous >= first or not entries or entries[-1][1] < first:
        return message
    return message | {
        "prevLogIdx": first,
        "prevLogTerm": entries[first - previous - 1][2],
        "entries": entries[first - previous :],
    }


def _matches(log: LevelJournal, message: Message) -> bool:
    previous: int = message["prevLogIdx"]
    inside = log.first_index <= previous <= log.last_index
    return bool(inside and log.term_at(previous) == message["prevLogTerm"])


def _count_known(log: LevelJournal, entries: list[list[int]]) -> int:
    """Return how many of `entries` the log already holds."""
    for position, (_, index, term) in enumerate(entries):
        if index > log.last_index or log.term_at(index) != term:
            return position
    return len(entries)


def _heartbeat_of(message: Message, commit_index: int) -> Message:
    """Return a heartbeat that PySyncObj takes without comparing logs or replying."""
    return {"type": codec.APPEND_ENTRIES, "term": message["term"], "commit_index": commit_index, "serialized": None}


def _reply(term: int, next_index: int, *, success: bool) -> Message:
    return {
        "type": codec.APPEND_REPLY,
        "term": term,
        "next_node_idx": next_index,
        "reset": not success,
        "success": success,
    }
