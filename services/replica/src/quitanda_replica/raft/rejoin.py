"""A replica without a past does not count until it is certain that it has forgotten nothing that matters.

A blank disk may be one that was lost. Then its replica has acknowledged entries and given votes that it no longer
knows of, and repeating either could lose an acknowledged write or make two leaders of one term. So it neither votes nor
stands, its acknowledgements do not make entries committed (admission), and it echoes no read probes. It asks all
others, again and again, and counts from the moment when their answers to one question show one of two things.

**The cluster goes on without it** (a replaced disk):

1. EVERY other replica has answered, after this one started, that it is in the same term as this one, and at least a
   majority of all are others that count: then no vote that was given before can still make a leader of a later term,
   for every majority that could have followed one has a member that would know (those that do not count themselves
   may have forgotten, but can have become a leader only with it); and
2. everything that was in the leader's log when it answered is applied and durable here. Among it is every entry that
   became committed with an acknowledgement given before: a leader's log holds whatever was committed in earlier terms.

It then counts as having voted in that term.

**The cluster begins** (a new one, or one restored from a backup): every replica, this one included, has the same origin
and no entry beyond it. Then there is nothing that could have been acknowledged. A vote that was given before was asked
for in a term that its candidate still knows, so this replica counts as having voted in the highest term answered. The
flag `bootstrap` gives a blank disk the origin "a new cluster", and nothing more: where any other replica has a past,
it changes nothing, so it does no harm to leave it on. The price: a new cluster's first leader needs all replicas.
"""

from typing import Final

import msgpack

from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import FIRST_INDEX
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.store import Store, StoreFailed

JOINED_KEY: Final = b"Mjoined"
"""There from the moment on from which the replica counts."""
ORIGIN_KEY: Final = b"Morigin"
"""[index, name]: what the log began with, on a disk that began together with its cluster."""
NEW_CLUSTER: Final = "a new cluster"
QUESTION_PERIOD_SECONDS: Final = 0.5


class RejoinGuard:
    """Knows whether this replica counts, and finds out when it may."""

    def __init__(self, store: Store, options: RaftOptions, *, last_index: int) -> None:
        self._store = store
        self._peers = frozenset(options.peers)
        self._majority = options.majority
        self._round = 0
        self._next_question = 0.0
        self._answers: dict[str, Message] = {}
        self._target: tuple[int, int] | None = None
        self.voting = store.get(JOINED_KEY) is not None
        if not self.voting and options.bootstrap and last_index == FIRST_INDEX and store.get(ORIGIN_KEY) is None:
            store.put(ORIGIN_KEY, encode_origin(FIRST_INDEX, NEW_CLUSTER))
        self._origin = _read_origin(store.get(ORIGIN_KEY))
        if not self.voting and not self._peers:
            self.admit()

    def admit(self) -> None:
        """Count from the next commit on, for ever."""
        self._store.put(JOINED_KEY, b"1")
        self.voting = True

    def origin(self, last_index: int) -> str:
        """Name what this replica's log began with, if it holds nothing else; otherwise ''."""
        index, name = self._origin
        return name if index == last_index else ""

    def ask_at_once(self) -> None:
        """Ask again without waiting: there is somebody new to ask."""
        self._next_question = 0.0

    def question(self, now: float) -> Message | None:
        """Return the question to send to every other replica now, or None where it is not time for one."""
        if now < self._next_question or self._target is not None:
            return None
        self._next_question = now + QUESTION_PERIOD_SECONDS
        self._round += 1
        self._answers = {}
        return {"type": "rejoin_question", "round": self._round}

    def answer(self, question: Message, term: int, last_index: int) -> Message:
        """Say where this replica, in `term`, stands."""
        standing = {"term": term, "last_index": last_index, "voting": self.voting, "origin": self.origin(last_index)}
        return question | {"type": "rejoin_answer"} | standing

    def answered(self, peer: str, message: Message, term: int, leader: str) -> None:
        """Note an answer; once all agree with the own `term`, what must be reached is known."""
        if message["round"] != self._round or self._target is not None:
            return
        self._answers[peer] = message
        if not self._all_answered or sum(answer["voting"] for answer in self._answers.values()) < self._majority:
            return
        if {answer["term"] for answer in self._answers.values()} == {term} and leader in self._peers:
            self._target = term, self._answers[leader]["last_index"]

    def founding_term(self, last_index: int) -> int | None:
        """Return the highest term answered if all replicas are at one origin, which is this one's too; else None."""
        own = self.origin(last_index)
        if not own or not self._all_answered or {answer["origin"] for answer in self._answers.values()} != {own}:
            return None
        return max(int(answer["term"]) for answer in self._answers.values())

    def reached(self, term: int, leader: str, durable_index: int) -> bool:
        """Return whether both conditions of a replaced disk hold; a new term starts the questions again."""
        if self._target is None:
            return False
        target_term, target_index = self._target
        if term != target_term:
            self._target = None
            return False
        return bool(leader) and durable_index >= target_index

    def waits_for(self, last_index: int) -> str:
        """Say, for people, what the latest question has shown to be lacking."""
        silent = sorted(self._peers - self._answers.keys())
        if silent:
            return f"waits until {', '.join(silent)} can be asked"
        if any(answer["voting"] for answer in self._answers.values()):
            return "catches up with the others"
        origins = {peer: answer["origin"] for peer, answer in self._answers.items()} | {
            "itself": self.origin(last_index)
        }
        told = ", ".join(f"{peer}: {origin or 'nothing'}" for peer, origin in sorted(origins.items()))
        return f"waits, as the replicas do not begin with the same ({told})"

    @property
    def _all_answered(self) -> bool:
        return self._answers.keys() == self._peers


def encode_origin(index: int, name: str) -> bytes:
    """Return the value of ORIGIN_KEY."""
    return msgpack.packb([index, name])


def _read_origin(value: bytes | None) -> tuple[int, str]:
    if value is None:
        return 0, ""
    match msgpack.unpackb(value):
        case [int(index), str(name)]:
            return index, name
    raise StoreFailed("the data folder is damaged: the origin of its log is not readable")
