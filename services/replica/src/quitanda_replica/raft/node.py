"""The face of Raft: the raft thread, and what other threads may ask of it.

Whatever goes wrong inside the thread (a rule of the state machine that raises, a disk that fails, a defect) ends the
replica through `RaftOptions.on_fatal`: after a failed write nothing in memory can be trusted, and an entry that was
skipped on one replica would make it differ from the others for ever.
"""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from quitanda.errors import Unavailable
from quitanda_replica.raft.leadership_transfer import LeadershipTransfers
from quitanda_replica.raft.loop_times import TimedNetwork
from quitanda_replica.raft.network import Network
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.proposal import Proposal
from quitanda_replica.raft.raft_loop import RaftLoop
from quitanda_replica.raft.state_machine import RaftStatus, Role, StateMachine
from quitanda_replica.raft.tcp import TcpNetwork
from quitanda_replica.state.store import Store

NETWORK_GONE: Final = "the replica is not running"

_log = logging.getLogger(__name__)


class RaftNode:
    """One replica's Raft, running in a thread of its own between `start` and `close`."""

    def __init__(
        self,
        options: RaftOptions,
        store: Store,
        machine: StateMachine,
        *,
        network: Network | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take up where `store` stopped. Raises StoreFailed, UnsupportedLibrary.

        From `start` to `close` the store belongs to the raft thread; closing it afterwards is the caller's.
        """
        self._options = options
        self._network = TimedNetwork(network or TcpNetwork(options, clock), clock)
        try:
            self._consensus = RaftLoop(options, store, machine, self._network, clock)
        except BaseException:
            self._network.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"raft {options.name}", daemon=True)
        self._stop = threading.Event()
        self._transfers = LeadershipTransfers(self._leads_no_more, self._network.wake, clock)

    def start(self) -> None:
        """Listen and begin. Raises OSError where the address cannot be listened on."""
        try:
            self._consensus.open()
        except BaseException:
            self._network.close()
            raise
        self._thread.start()

    def submit(self, payload: bytes) -> Proposal:
        """Put a command on its way; wait for it with `Proposal.result`.

        Raises NotLeader with the leader's name, Overloaded, Unavailable: definitely not executed. ValueError where
        `payload` is longer than an entry may be.
        """
        return self._consensus.submissions.offer(payload)

    def read_point(self, timeout: float) -> int:
        """Return an index that covers every write acknowledged anywhere before this call, durable and applied here.

        A store snapshot taken afterwards answers a linearizable read. Raises NotLeader with the leader's name,
        Unavailable where no majority confirmed this leader within `timeout` seconds, Overloaded.
        """
        return self._consensus.reads.ask().result(timeout)

    @property
    def longest_round(self) -> float:
        """Seconds that the raft thread worked without listening, at most, since the start; any thread."""
        return self._network.longest_round

    def status(self) -> RaftStatus:
        """Return what this replica knew after its last round."""
        return self._consensus.status

    def transfer_leadership(self, timeout: float, to: str = "") -> bool:
        """Let another replica lead, within `timeout` seconds; True once this one does not lead.

        `to` names one of the peers; '' leaves it to whichever is furthest. Submissions are refused meanwhile. Where it
        fails this replica leads on and takes submissions again. Overloaded: see `LeadershipTransfers.run`.
        """
        return self._transfers.run(to, timeout)

    def close(self, timeout: float) -> bool:
        """Stop: settle who waits, make durable what is staged, release the sockets; True if that took no longer."""
        self._stop.set()
        self._network.wake()
        if self._thread.ident is None:
            self._consensus.close()
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

    def _leads_no_more(self) -> bool:
        status = self.status()
        return status.role is not Role.LEADER and status.leader != ""

    def _run(self) -> None:
        try:
            transfer = None
            while not self._stop.is_set():
                if transfer is not (wanted := self._transfers.wanted):
                    transfer = wanted
                    self._consensus.hand_over(wanted is not None, wanted.to if wanted is not None else "")
                before = self._consensus.status
                self._consensus.round()
                if (before.role, before.leader) != (self._consensus.status.role, self._consensus.status.leader):
                    self._transfers.look()
            self._consensus.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it must not be survived
            self._options.on_fatal(error)
            self._give_up()

    def _give_up(self) -> None:
        """Where `on_fatal` has not ended the process: answer nobody as if nothing had happened."""
        self._consensus.fail(Unavailable(NETWORK_GONE))
        self._network.close()
