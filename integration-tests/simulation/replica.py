"""The process that runs the project's own Raft."""

from quitanda.errors import Unavailable
from quitanda_replica.integrity.digest_history import DigestHistory
from quitanda_replica.integrity.divergence import DivergenceDetector, counts
from quitanda_replica.raft import RaftOptions, Role
from quitanda_replica.raft.codec import decode, encode
from quitanda_replica.raft.journal import APPLIED_KEY, read_applied
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY
from simulation.disk import SimulatedStore
from simulation.host import SimulatedHost
from simulation.network import SimulatedNetwork
from simulation.run_config import SECRET


class SimulatedReplica(SimulatedHost):
    """The project's own Raft."""

    def __init__(self, name, world, disk, chance):
        super().__init__(name, world, disk, chance)
        self.consensus = None
        self.history: DigestHistory | None = None
        """The digests of the latest entries; told to the others."""
        self.divergence: DivergenceDetector | None = None
        self._store = None

    def view(self):
        return self if self.consensus is not None else None

    def submit(self, payload):
        return self.consensus.proposals.submit(payload)

    def ask(self):
        return self.consensus.reads.request()

    def outcome(self, answer):
        if isinstance(answer, bytes):
            return answer
        if self.world.variant.whole_reads and not self.state_is_whole:
            raise Unavailable("a snapshot replaces the state")
        return answer, self.durable_applied, self.durable_state

    def hand_over(self, *, wanted, to=""):
        if self.consensus is not None:
            self.consensus.set_transfer_target(to if wanted else None)

    # --- for the checker

    @property
    def status(self):
        return self.consensus.status

    @property
    def journal(self):
        """The log, as this process has it in memory."""
        return self.consensus._journal  # noqa: SLF001 - the checker must see what nobody else may

    @property
    def term(self):
        return self.consensus._core.term  # noqa: SLF001

    @property
    def leads(self):
        return self.consensus._core.is_leader  # noqa: SLF001

    @property
    def stands(self):
        """It asks for votes."""
        return self.consensus._core.role is Role.CANDIDATE  # noqa: SLF001

    @property
    def counts(self):
        """Its disk has a past."""
        return self.disk.counts

    @property
    def altered(self):
        """The state is another one than it wrote."""
        return self.disk.altered

    @property
    def commit_index(self):
        return self.consensus._core.commit_index  # noqa: SLF001

    @property
    def voting(self):
        return self.consensus.status.voting

    @property
    def durable_applied(self):
        return read_applied(self.disk.content.get(APPLIED_KEY))

    @property
    def durable_state(self):
        """The state machine's state on the disk, as it can be compared."""
        return self.world.model.state(self.disk.content)

    @property
    def state_is_whole(self):
        """False while a snapshot is being installed, which a crash may interrupt."""
        return INSTALL_KEY not in self.disk.content

    def payload_of(self, command):
        """Return what the machine gets of a log entry; None of a no-op."""
        return command[1:] if command[:1] == b"\x00" else None

    def note_sent(self, message):
        self.world.checker.sent(self.disk, message, voting=self.consensus._gate.voting)  # noqa: SLF001 - as above

    # --- digests

    def digest_told(self):
        if self.consensus is None or (digest := self.history.at(self.history.durable)) is None:
            return None
        return self.history.durable, digest

    def listens_to(self, peer):
        own, theirs = self.status, self.world.replicas[peer].status
        return counts(own_cluster=own.cluster, cluster=theirs.cluster, catching_up=not theirs.voting)

    def _compare(self, told):
        self.divergence.compare(told)

    # --- life

    def _boot(self, settings):
        variant = self.world.variant
        self._store = SimulatedStore(self.disk, self)
        self.network = SimulatedNetwork(self.world.fabric, self, encode, decode)
        options = RaftOptions(
            **{"name": self.name, "addresses": self.world.addresses, "secret": SECRET, "bootstrap": True}
            | self.world.config.options
            | settings
        )
        self.world.running = self
        self.history = DigestHistory()
        self.divergence = DivergenceDetector(options.peers, self.history, self.clock_reading)
        machine = self.world.model.machine(self._store, self._installed, self.history)
        self.consensus = variant.consensus(options, self._store, machine, self.network, self.clock)
        self.world.model.check(self._store.snapshot())
        machine.started(self.durable_applied)
        self.consensus.open()

    def _installed(self):
        self.world.count("snapshots")
        self.world.model.check(self._store.snapshot())

    def _turn(self):
        self.consensus.step()

    def _finish(self):
        if self.consensus is not None:
            self.consensus.close()

    def _halt(self):
        self.consensus = self._store = None
