"""The permission to start an election, and the pre-vote (Raft thesis, section 9.6, "Preventing disruptions").

Each step gives the permission anew, and only to a voter whose state is whole. One of three things must hold. The leader
of the replica's term told it to start an election. Or it is the only replica. Or a majority granted its latest pre-vote
request, in its present term. A message from a leader ends the round. The clock decides when to ask, and nothing else:
however late this replica looks at it, the clock permits nothing.

A replica that does not hear the leader, though others do, would start one election after another. Each time it would
take the leadership away with a higher term, and lose it again in the same way to the leader that it cannot hear. So it
first asks the others whether they would vote for it. A replica that leads, or hears a leader, does not grant that. The
request and its responses promise nothing and are not stored. Votes are given as ever, and what makes them safe does not
depend on any of this.
"""

from collections.abc import Callable, Collection
from typing import Final

from quitanda_replica.raft import codec
from quitanda_replica.raft.codec import Message
from quitanda_replica.raft.journal import LevelJournal
from quitanda_replica.raft.learner import LearnerGate
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.raft_core import RaftCore

NEVER_HEARD: Final = float("-inf")
REQUESTS_PER_TIMEOUT: Final = 2
"""Per shortest election timeout. Only responses to the latest request count, so they must have the time to arrive. On a
slow network the timeouts are set longer, and so is this time."""


class PreVote:
    """Gives the permission, and handles both sides of the pre-vote. The raft thread owns it."""

    def __init__(
        self,
        options: RaftOptions,
        core: RaftCore,
        log: LevelJournal,
        gate: LearnerGate,
        network: Network,
        clock: Callable[[], float],
    ) -> None:
        self._options = options
        self._core = core
        self._log = log
        self._gate = gate
        self._network = network
        self._clock = clock
        self._leader_heard_at = NEVER_HEARD
        self._round = 0
        self._term = 0
        """The term in which the round began."""
        self._granted: set[str] = set()
        """The peers that have granted the request of this round."""
        self._timeout_now_term: int | None = None
        """The term whose leader has told this replica, since the last tick, to start an election."""

    def on_leader_message(self, term: int) -> None:
        """Note a message of the leader of `term`. Peers that granted a request before may no longer grant it."""
        if term >= self._core.term:
            self._leader_heard_at = self._clock()
            self._end_round()

    def on_timeout_now(self) -> None:
        """Note that the leader of the current term transfers its leadership to this replica."""
        self._timeout_now_term = self._core.term

    def may_start_election(self, connected: Collection[str], *, state_is_whole: bool) -> bool:
        """Decide whether this replica may start an election in the coming tick; send requests where they are due."""
        timeout_now_term, self._timeout_now_term = self._timeout_now_term, None
        if self._core.is_leader or not self._gate.voting or not state_is_whole:
            return False
        if not self._options.peers or timeout_now_term == self._core.term or self._has_majority:
            self._end_round()
            return True
        now = self._clock()
        if self._core.election_is_due(now):
            self._core.forget_leader()
            self._core.set_election_deadline(now + self._options.election_timeout_min_seconds / REQUESTS_PER_TIMEOUT)
            self._send_requests(connected)
        return False

    def on_request(self, peer: str, message: Message) -> None:
        """Answer a peer that wants to start an election; a learner does not answer."""
        if not self._gate.voting:
            return
        response = {"type": codec.PREVOTE_RESPONSE, "round": message["round"], "willing": self._grants(message)}
        self._network.send(peer, response)

    def on_response(self, peer: str, message: Message) -> None:
        """Count a response to the latest request."""
        if message["round"] == self._round and message["willing"]:
            self._granted.add(peer)

    @property
    def _has_majority(self) -> bool:
        return self._term == self._core.term and len(self._granted) + 1 >= self._options.majority

    def _end_round(self) -> None:
        """Count no response to an earlier request, however late it arrives."""
        self._round += 1
        self._granted.clear()

    def _send_requests(self, connected: Collection[str]) -> None:
        last = self._log.last_index
        self._end_round()
        self._term = self._core.term
        request = {
            "type": codec.PREVOTE_REQUEST,
            "round": self._round,
            "term": self._term,
            "last_log_index": last,
            "last_log_term": self._log.term_at(last),
        }
        for peer in connected:
            self._network.send(peer, request)

    def _grants(self, message: Message) -> bool:
        if message["term"] > self._core.term:
            # the peer was a candidate before and ignores a leader of a lower term: only an election brings it back
            return True
        if self._core.is_leader or self._clock() - self._leader_heard_at < self._options.election_timeout_min_seconds:
            return False
        last = self._log.last_index
        own = self._log.term_at(last), last
        return (message["last_log_term"], message["last_log_index"]) >= own
