"""The permission to stand for election, and asking for it (Raft thesis, section 9.6, "Preventing disruptions").

Standing is permitted anew for each round, and only to a replica that votes and has a whole state. It must have been
told to by the leader of its term, or be the only replica, or a majority must have said in its latest round of
questions, in its present term, that it is willing; hearing a leader ends the round. The clock decides when to ask, and
nothing else: however late it is looked at, it permits nothing.

A replica that does not hear the leader, though others do, would stand again and again. Each time it would take the
leadership away with a higher term, and lose it the same way to the one whom it cannot hear. So it first asks the others
whether they would vote for it; whoever hears a leader, or leads, would not. The question and its answers promise
nothing and are not kept: votes are given as ever, and what makes them safe does not depend on any of this.
"""

from collections.abc import Callable, Collection
from typing import Final

from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import LogView
from quitanda_replica.raft.learner import LearnerGate
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.raft_core import RaftCore

NEVER: Final = float("-inf")
ASKINGS_PER_TIMEOUT: Final = 2
"""Of the shortest election timeout. Only answers to the latest question count, so they must have the time to come: on a
slow network as much longer as the timeouts are set for it."""


class PreVote:
    """Gives the permission, and knows both sides of the question; the raft thread's alone."""

    def __init__(
        self,
        options: RaftOptions,
        engine: RaftCore,
        log: LogView,
        guard: LearnerGate,
        network: Network,
        clock: Callable[[], float],
    ) -> None:
        self._options = options
        self._engine = engine
        self._log = log
        self._guard = guard
        self._network = network
        self._clock = clock
        self._leader_heard_at = NEVER
        self._round = 0
        self._term = 0
        """In which the round was begun."""
        self._willing: set[str] = set()
        """Who has said so in this round."""
        self._told_in: int | None = None
        """The term whose leader has told this replica, since the last tick, to stand."""

    def heard_leader(self, term: int) -> None:
        """Note that the leader of `term` has said something; who was willing before need not be any more."""
        if term >= self._engine.term:
            self._leader_heard_at = self._clock()
            self._end_round()

    def told_to_stand(self) -> None:
        """Note that the leader of the current term hands its leadership over to this replica."""
        self._told_in = self._engine.term

    def permits_standing(self, connected: Collection[str], *, state_is_whole: bool) -> bool:
        """Decide whether this replica may stand in the coming tick, and ask the others where it is time for that."""
        told_in, self._told_in = self._told_in, None
        if self._engine.leads or not self._guard.voting or not state_is_whole:
            return False
        if not self._options.peers or told_in == self._engine.term or self._is_wanted:
            self._end_round()
            return True
        now = self._clock()
        if self._engine.standing_is_due(now):
            self._engine.forget_leader()
            self._engine.hold_election(now + self._options.election_timeout_min_seconds / ASKINGS_PER_TIMEOUT)
            self._ask(connected)
        return False

    def asked(self, peer: str, message: Message) -> None:
        """Answer the question of a replica that wants to stand; one that does not vote says nothing."""
        if not self._guard.voting:
            return
        answer = {"type": "canvass_answer", "round": message["round"], "willing": self._is_willing(message)}
        self._network.send(peer, answer)

    def answered(self, peer: str, message: Message) -> None:
        """Count an answer to the latest question."""
        if message["round"] == self._round and message["willing"]:
            self._willing.add(peer)

    @property
    def _is_wanted(self) -> bool:
        return self._term == self._engine.term and len(self._willing) + 1 >= self._options.majority

    def _end_round(self) -> None:
        """Count no answer that was asked for until now, however late it comes."""
        self._round += 1
        self._willing.clear()

    def _ask(self, connected: Collection[str]) -> None:
        last = self._log.last_index
        self._end_round()
        self._term = self._engine.term
        question = {
            "type": "canvass_question",
            "round": self._round,
            "term": self._term,
            "last_log_index": last,
            "last_log_term": self._log.term_at(last),
        }
        for peer in connected:
            self._network.send(peer, question)

    def _is_willing(self, message: Message) -> bool:
        if message["term"] > self._engine.term:
            # it has stood before, and hears no leader of a lower term: only another election brings it back
            return True
        if self._engine.leads or self._clock() - self._leader_heard_at < self._options.election_timeout_min_seconds:
            return False
        last = self._log.last_index
        own = self._log.term_at(last), last
        return (message["last_log_term"], message["last_log_index"]) >= own
