"""Asking before standing for election (Raft thesis, section 9.6, "Preventing disruptions when a server rejoins").

A replica that does not hear the leader, though others do, would stand again and again. Each time it would take the
leadership away with a higher term, and lose it the same way to the one whom it cannot hear. So it first asks the others
whether they would vote for it; whoever hears a leader, or leads, would not. The question and its answers promise
nothing and are not kept: votes are given as ever, and what makes them safe does not depend on any of this.
"""

from collections.abc import Callable, Collection
from typing import Final

from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.engine import Engine
from quitanda_replica.raft.journal import LogView
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.rejoin import RejoinGuard

NEVER: Final = float("-inf")
AT_ONCE: Final = 0.0
"""A time of the clock that lies behind."""


class Canvass:
    """Both sides of the question; the raft thread's alone."""

    def __init__(
        self,
        options: RaftOptions,
        engine: Engine,
        log: LogView,
        guard: RejoinGuard,
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
        self._willing: set[str] = set()

    def heard_leader(self, term: int) -> None:
        """Note that the leader of `term` has said something."""
        if term >= self._engine.term:
            self._leader_heard_at = self._clock()
            self._willing.clear()

    def before_tick(self, connected: Collection[str]) -> None:
        """Keep PySyncObj from standing before a majority is willing. One that may not vote never comes to stand."""
        engine, now = self._engine, self._clock()
        if engine.leads or engine.told_to_stand or not self._options.peers or not engine.standing_is_due(now):
            return
        if self._term == engine.term and len(self._willing) + 1 >= self._options.majority:
            self._willing.clear()
            engine.hold_election(AT_ONCE)
            return
        engine.forget_leader()
        engine.hold_election(now + self._options.heartbeat_seconds)
        self._ask(connected)

    def asked(self, peer: str, message: Message) -> None:
        """Answer the question of a replica that wants to stand; one that does not vote says nothing."""
        if not self._guard.voting:
            return
        answer = {"type": "canvass_answer", "round": message["round"], "willing": self._is_willing(message)}
        self._network.send(peer, answer)

    def answered(self, peer: str, message: Message) -> None:
        """Count an answer; with those of a majority the replica stands in this round."""
        if message["round"] != self._round or not message["willing"]:
            return
        self._willing.add(peer)
        if len(self._willing) + 1 >= self._options.majority and not self._engine.leads:
            self._engine.hold_election(AT_ONCE)

    def _ask(self, connected: Collection[str]) -> None:
        last = self._log.last_index
        self._round += 1
        self._term = self._engine.term
        self._willing.clear()
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
