"""The process that runs the project's own Raft."""

from quitanda.errors import Unavailable
from quitanda_replica.raft import RaftOptions, Role
from quitanda_replica.raft.codec import decode, encode
from quitanda_replica.raft.installation import INSTALL_KEY
from quitanda_replica.raft.journal import APPLIED_KEY, read_applied
from simulation.circumstances import SECRET
from simulation.disk import SimulatedStore
from simulation.host import Host
from simulation.machine import DIGEST_KEY, LedgerMachine, read_state
from simulation.network import SimulatedNetwork


class Replica(Host):
    """The project's own Raft."""

    def __init__(self, name, world, disk, chance):
        super().__init__(name, world, disk, chance)
        self.consensus = None
        self._store = None

    def view(self):
        return self if self.consensus is not None else None

    def submit(self, payload):
        return self.consensus.submissions.offer(payload)

    def ask(self):
        return self.consensus.reads.ask()

    def outcome(self, answer):
        if isinstance(answer, bytes):
            return answer
        if self.world.variant.whole_reads and not self.state_is_whole:
            raise Unavailable("a snapshot replaces the state")
        return answer, self.durable_applied, self.durable_state

    def hand_over(self, *, wanted, to=""):
        if self.consensus is not None:
            self.consensus.hand_over(wanted, to)

    # --- for the judge

    @property
    def status(self):
        return self.consensus.status

    @property
    def journal(self):
        """The log, as this process has it in memory."""
        return self.consensus._journal  # noqa: SLF001 - the judge must see what nobody else may

    @property
    def term(self):
        return self.consensus._engine.term  # noqa: SLF001

    @property
    def leads(self):
        return self.consensus._engine.leads  # noqa: SLF001

    @property
    def stands(self):
        """It asks for votes."""
        return self.consensus._engine.role is Role.CANDIDATE  # noqa: SLF001

    @property
    def counts(self):
        """Its disk has a past."""
        return self.disk.counts

    @property
    def commit_index(self):
        return self.consensus._engine.commit_index  # noqa: SLF001

    @property
    def voting(self):
        return self.consensus.status.voting

    @property
    def durable_applied(self):
        return read_applied(self.disk.content.get(APPLIED_KEY))

    @property
    def durable_state(self):
        """Index of the last applied command, and the digest of all."""
        return read_state(self.disk.content.get(DIGEST_KEY))

    @property
    def state_is_whole(self):
        """False while a snapshot is being installed, which a crash may interrupt."""
        return INSTALL_KEY not in self.disk.content

    def payload_of(self, command):
        """Return what the machine gets of a log entry; None of a no-op."""
        return command[1:] if command[:1] == b"\x00" else None

    def note_sent(self, message):
        self.world.judge.sent(self.disk, message)

    # --- life

    def _boot(self, settings):
        variant = self.world.variant
        self._store = SimulatedStore(self.disk, self)
        self.network = SimulatedNetwork(self.world.fabric, self, encode, decode)
        options = RaftOptions(
            name=self.name,
            addresses=self.world.addresses,
            secret=SECRET,
            **(self.world.circumstances.options | {"bootstrap": True} | settings),
        )
        self.world.running = self
        self.consensus = variant.consensus(options, self._store, self._machine(), self.network, self.clock)
        self.consensus.open()

    def _machine(self):
        return LedgerMachine(self._store, lambda: self.world.count("snapshots"))

    def _turn(self):
        self.consensus.round()

    def _finish(self):
        if self.consensus is not None:
            self.consensus.close()

    def _halt(self):
        self.consensus = self._store = None
