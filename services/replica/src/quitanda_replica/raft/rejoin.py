"""A replica whose disk is blank does not count until it has caught up.

It may be one that lost its disk. Then it has acknowledged entries and given votes that it no longer knows of, and
repeating either could lose an acknowledged write or make two leaders of one term. So it neither votes nor stands, its
acknowledgements do not make entries committed (admission), and it echoes no read probes, until

1. EVERY other replica has answered, after this one started, that it is in the same term as this one: then no vote
   that was given before can still make a leader of a later term; and
2. everything that was in the leader's log when it answered is applied and durable here. Among it is every entry that
   became committed with an acknowledgement given before: a leader's log holds whatever was committed in earlier terms.

It then counts as having voted in that term. A new cluster has no past: `bootstrap` switches the guard off once.
"""

from typing import Final

from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.store import Store

JOINED_KEY: Final = b"Mjoined"
QUESTION_PERIOD_SECONDS: Final = 0.5


class RejoinGuard:
    """Knows whether this replica counts, and finds out when it may."""

    def __init__(self, store: Store, options: RaftOptions, *, blank: bool) -> None:
        self._store = store
        self._peers = frozenset(options.peers)
        self._round = 0
        self._next_question = 0.0
        self._answers: dict[str, tuple[int, int]] = {}
        self._target: tuple[int, int] | None = None
        self.voting = store.get(JOINED_KEY) is not None
        if not self.voting and ((blank and options.bootstrap) or not self._peers):
            self.admit()

    def admit(self) -> None:
        """Count from the next commit on, for ever."""
        self._store.put(JOINED_KEY, b"1")
        self.voting = True

    def question(self, now: float) -> Message | None:
        """Return the question to send to every other replica now, or None where it is not time for one."""
        if now < self._next_question or self._target is not None:
            return None
        self._next_question = now + QUESTION_PERIOD_SECONDS
        self._round += 1
        self._answers = {}
        return {"type": "rejoin_question", "round": self._round}

    def answered(self, peer: str, message: Message, term: int, leader: str) -> None:
        """Note an answer; once all agree with the own `term`, what must be reached is known."""
        if message["round"] != self._round or self._target is not None:
            return
        self._answers[peer] = message["term"], message["last_index"]
        terms = {answered_term for answered_term, _ in self._answers.values()}
        if self._answers.keys() == self._peers and terms == {term} and leader in self._peers:
            self._target = term, self._answers[leader][1]

    def reached(self, term: int, leader: str, durable_index: int) -> bool:
        """Return whether both conditions hold; a new term starts the questions again."""
        if self._target is None:
            return False
        target_term, target_index = self._target
        if term != target_term:
            self._target = None
            return False
        return bool(leader) and durable_index >= target_index
