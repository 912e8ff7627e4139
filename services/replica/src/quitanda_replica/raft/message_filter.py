"""What may reach PySyncObj of a message that came in: pure decisions over the log and the message.

PySyncObj 0.3.17 deviates from Raft where it receives:

- It cuts its log behind the previous entry of every `append_entries`, conflict or not, so a message that arrives late
  removes entries that were acknowledged. Raft (figure 2, receiver rules 3 to 5; section 5.3 of Ongaro and Ousterhout)
  keeps what matches, cuts only at a conflict, and commits no further than the last entry that it has compared.
- Its replies carry no term, so a leader takes those of an older leadership for its own.
- After a conflict it asks for one entry earlier at a time, and every message that was under way behind
  the gap undoes the step. We ask for everything behind the commit index at once: up to there logs agree.
"""

from dataclasses import dataclass

from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import LogView


class LogConflict(Exception):
    """A leader contradicts an entry that is committed here: the replicas have diverged, this one must stop."""


@dataclass(frozen=True)
class FilteredMessage:
    """What becomes of a message: what PySyncObj gets to see, and what is answered in its place."""

    deliver: Message | None = None
    reply: Message | None = None

    @property
    def agreed_upto(self) -> int:
        """Index up to which an admitted `append_entries` makes or shows the own log to be the leader's; 0: unknown."""
        if self.deliver is not None and "prevLogIdx" in self.deliver:
            return int(self.deliver["prevLogIdx"]) + len(self.deliver["entries"])
        if self.reply is not None and self.reply["success"]:
            return int(self.reply["next_node_idx"]) - 1
        return 0


DROPPED = FilteredMessage()


def filter_append(log: LogView, term: int, commit_index: int, message: Message) -> FilteredMessage:
    """Decide on an `append_entries` from the leader of `message["term"]`. Raises LogConflict.

    `term` and `commit_index` are the receiver's own.
    """
    if message["term"] < term:
        return DROPPED
    message = _without_forgotten(log, message)
    previous, entries = message["prevLogIdx"], message["entries"]
    if not _matches(log, message):
        return FilteredMessage(_bare(message, 0), _reply(message["term"], commit_index + 1, success=False))
    known = _count_known(log, entries)
    matched = previous + known
    news = entries[known:]
    cap = min(message["commit_index"], matched + len(news))
    if not news and matched < log.last_index:
        # PySyncObj would cut what lies behind `matched`; nothing says that it conflicts.
        return FilteredMessage(_bare(message, cap), _reply(message["term"], matched + 1, success=True))
    if news and matched < commit_index:
        raise LogConflict(
            f"the leader of term {message['term']} sends another entry {matched + 1} than the committed one"
        )
    return FilteredMessage(
        message | {"prevLogIdx": matched, "prevLogTerm": log.term_at(matched), "entries": news, "commit_index": cap}
    )


def contradicts(log: LogView, message: Message) -> bool:
    """Return whether an `append_entries` relies on another entry than the one that is here, or was."""
    return message["prevLogIdx"] <= log.last_index and not _matches(log, _without_forgotten(log, message))


def filter_heartbeat(term: int, commit_index: int, message: Message) -> FilteredMessage:
    """Decide on an `append_entries` while a snapshot is being installed: hear the leader, and take nothing.

    The state is between two entries, so nothing may be applied; the answer says only that this replica lives.
    """
    if message["term"] < term:
        return DROPPED
    reply = _reply(message["term"], commit_index + 1, success=False) | {"reset": False}
    return FilteredMessage(_bare(message, 0), reply)


def filter_reply(term: int, last_index: int, message: Message) -> FilteredMessage:
    """Decide on a follower's `next_node_idx`: only those of this very term count, and only of those who may vote.

    A replica with a blank disk may have acknowledged or voted before it lost the disk. So until it has caught up
    nothing that it says makes an entry committed, nor keeps the leader in office: PySyncObj takes any answer as a sign
    that its majority is still there. It is fed all the same (`RaftCore.arrived`).
    """
    counts = message["voting"] and message["term"] == term and message["next_node_idx"] <= last_index + 1
    return FilteredMessage(message) if counts else DROPPED


def complete_reply(term: int, message: Message, *, voting: bool) -> Message:
    """Return an outgoing `next_node_idx` or `response_vote` with the term that it belongs to and whether it counts."""
    return message | {"term": term, "voting": voting}


def _without_forgotten(log: LogView, message: Message) -> Message:
    """Leave out entries before the start of the log: they are applied, so they agree with the leader's."""
    previous, entries, first = message["prevLogIdx"], message["entries"], log.first_index
    if previous >= first or not entries or entries[-1][1] < first:
        return message
    return message | {
        "prevLogIdx": first,
        "prevLogTerm": entries[first - previous - 1][2],
        "entries": entries[first - previous :],
    }


def _matches(log: LogView, message: Message) -> bool:
    previous: int = message["prevLogIdx"]
    inside = log.first_index <= previous <= log.last_index
    return bool(inside and log.term_at(previous) == message["prevLogTerm"])


def _count_known(log: LogView, entries: list[list[int]]) -> int:
    """Return how many of `entries` the log already holds."""
    for position, (_, index, term) in enumerate(entries):
        if index > log.last_index or log.term_at(index) != term:
            return position
    return len(entries)


def _bare(message: Message, commit_index: int) -> Message:
    """Return a heartbeat that PySyncObj takes without comparing logs or answering."""
    return {"type": "append_entries", "term": message["term"], "commit_index": commit_index, "serialized": None}


def _reply(term: int, next_index: int, *, success: bool) -> Message:
    return {
        "type": "next_node_idx",
        "term": term,
        "next_node_idx": next_index,
        "reset": not success,
        "success": success,
    }
