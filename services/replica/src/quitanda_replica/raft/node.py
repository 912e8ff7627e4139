"""The raft thread, and what other threads may ask of it.

Any error inside the thread (a rule of the state machine that raises, a disk that fails, a defect) ends the replica
through `RaftOptions.on_fatal`. After a failed write nothing in memory can be trusted, and a replica that skipped an
entry would differ from the others for ever.
"""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from quitanda.errors import Unavailable
from quitanda_replica.raft.leadership import LeadershipTransfers
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.proposals import Proposal
from quitanda_replica.raft.raft_figures import RaftFigures
from quitanda_replica.raft.raft_loop import RaftLoop, always
from quitanda_replica.raft.state_machine import RaftStatus, Role, StateMachine
from quitanda_replica.raft.tcp import TcpNetwork
from quitanda_replica.state.store import Store

if TYPE_CHECKING:  # it loads OpenTelemetry
    from quitanda_replica.command_spans import EntrySpans

NOT_RUNNING: Final = "the replica is not running"

_log = logging.getLogger(__name__)


class RaftNode:
    """One replica's Raft. It runs in a thread of its own between `start` and `close`."""

    def __init__(
        self,
        options: RaftOptions,
        store: Store,
        machine: StateMachine,
        *,
        network: Network | None = None,
        clock: Callable[[], float] = time.monotonic,
        state_is_verified: Callable[[], bool] = always,
    ) -> None:
        """Continue from what `store` holds. Raises StoreFailed, UnsupportedLibrary.

        While `state_is_verified` says no, the replica follows and votes, and does not stand for election.

        From `start` to `close` the raft thread owns the store. The caller closes it afterwards.
        """
        self._options = options
        self._network = network or TcpNetwork(options, clock)
        try:
            self._loop = RaftLoop(options, store, machine, self._network, clock, state_is_verified)
        except BaseException:
            self._network.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"raft {options.name}", daemon=True)
        self._stop = threading.Event()
        self._leader_changes = 0
        self._transfers = LeadershipTransfers(self._has_other_leader, self._network.wake, clock)

    def start(self) -> None:
        """Listen and begin. Raises OSError where the address cannot be listened on."""
        try:
            self._loop.open()
        except BaseException:
            self._network.close()
            raise
        self._thread.start()

    def submit(self, payload: bytes, spans: "EntrySpans | None" = None) -> Proposal:
        """Propose a command; wait for its outcome with `Proposal.result`. `spans` are those of a traced command.

        Raises NotLeader with the leader's name, Overloaded, Unavailable: the command did not happen. ValueError where
        `payload` is longer than an entry may be.
        """
        return self._loop.proposals.submit(payload, spans)

    def read_point(self, timeout: float) -> int:
        """Return an index that covers every write acknowledged anywhere before this call, durable and applied here.

        A store snapshot that is taken afterwards answers a linearizable read. Raises NotLeader with the leader's name,
        Overloaded, and Unavailable where no majority confirmed this leader within `timeout` seconds.
        """
        return self._loop.reads.request().result(timeout)

    @property
    def longest_step_seconds(self) -> float:
        """The longest time since the start that the raft thread worked without receiving; for any thread."""
        return self._loop.longest_step_seconds

    @property
    def leader_changes(self) -> int:
        """How often since the start this replica learned of another leader, the first one included; for any thread."""
        return self._leader_changes

    def figures(self) -> RaftFigures:
        """Return what was counted since the start, and how far the peers are; for any thread."""
        return self._loop.figures()

    def status(self) -> RaftStatus:
        """Return what this replica knew after its last step."""
        return self._loop.status

    def transfer_leadership(self, timeout: float, to: str = "") -> bool:
        """Let another replica lead. Return True once another one leads, False after `timeout` seconds.

        `to` names one of the peers; '' leaves the choice to Raft, which takes the one with the most entries. Proposals
        are rejected meanwhile. If the transfer fails, this replica leads on and accepts proposals again. Overloaded:
        see `LeadershipTransfers.run`.
        """
        return self._transfers.run(to, timeout)

    def close(self, timeout: float) -> bool:
        """Stop: commit what is staged, answer all callers, release the sockets. Return whether `timeout` was enough."""
        self._stop.set()
        self._network.wake()
        if self._thread.ident is None:
            self._loop.close()
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(5.0)

    def _has_other_leader(self) -> bool:
        status = self.status()
        return status.role is not Role.LEADER and status.leader != ""

    def _run(self) -> None:
        try:
            transfer, leader = None, ""
            while not self._stop.is_set():
                if transfer is not (current := self._transfers.current):
                    transfer = current
                    self._loop.set_transfer_target(None if current is None else current.to)
                before = self._loop.status
                self._loop.step()
                if (before.role, before.leader) != (self._loop.status.role, self._loop.status.leader):
                    self._transfers.notify()
                if self._loop.status.leader not in {"", leader}:
                    leader = self._loop.status.leader
                    self._leader_changes += 1
            self._loop.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it must not be survived
            self._options.on_fatal(error)
            self._give_up()

    def _give_up(self) -> None:
        """Reject all callers, where `on_fatal` has not ended the process."""
        self._loop.reject_callers(Unavailable(NOT_RUNNING))
        self._network.close()
