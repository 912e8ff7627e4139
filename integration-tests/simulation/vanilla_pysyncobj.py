"""The published PySyncObj, as it comes: its own journal, dump files and protocol, on the simulated network.

It is given the best of worlds where the simulation has a choice: a crash is a kill, never a loss of power, so whatever
it has written is still there, although it syncs nothing; its files are real ones, in a temporary folder. Messages
travel in its own encoding. Reads are left out, as it offers none that are linearizable.
"""

import pickle
import shutil
import tempfile
from pathlib import Path

from pysyncobj import FAIL_REASON, SyncObj, SyncObjConf, replicated
from pysyncobj.node import Node
from pysyncobj.transport import Transport

from quitanda.errors import NotLeader, OutcomeUnknown, QuitandaError, Unavailable
from simulation.host import SimulatedHost
from simulation.network import SimulatedNetwork
from simulation.request_model import START, digest_behind

TICK_SECONDS = 0.05
REGULAR = b"\x00"


class VanillaTransport(Transport):
    """Hands messages over to the simulated network."""

    def __init__(self, network):
        super().__init__(None, None, ())
        self._network = network

    def send(self, node, message):
        self._network.send(node.id, message)
        return True

    def deliver(self, peer, message):
        self._onMessageReceived(peer, message)

    def connected(self, peer):
        self._onNodeConnected(peer)

    def disconnected(self, peer):
        self._onNodeDisconnected(peer)


class VanillaObject(SyncObj):
    """A replicated object as the library's manual describes it."""

    def __init__(self, name, peers, conf, transport):
        super().__init__(Node(name), [Node(peer) for peer in peers], conf, transport=transport)
        self.state = (0, START)
        self.effects = {}

    @replicated
    def append(self, command):
        index = self.raftLastApplied + 1
        self.state = (index, digest_behind(self.state[1], command))
        return command[:8] + self.effects.setdefault(command[:8], index).to_bytes(8, "big")


class VanillaRequest:
    """What the callback of a command has said."""

    def __init__(self):
        self._done = False
        self._answer = b""
        self._error: QuitandaError | None = None

    def on_result(self, answer, error):
        self._done = True
        if error == FAIL_REASON.SUCCESS:
            self._answer = answer
        elif error in {FAIL_REASON.QUEUE_FULL, FAIL_REASON.MISSING_LEADER, FAIL_REASON.NOT_LEADER}:
            self._error = NotLeader("")
        else:
            self._error = OutcomeUnknown(f"reason {error}")

    def done(self):
        return self._done

    def result(self, _timeout):
        if not self._done:
            raise OutcomeUnknown("not yet")
        if self._error is not None:
            raise self._error
        return self._answer


class VanillaReplica(SimulatedHost):
    """A process that runs nothing but the library."""

    voting = counts = True
    stands = altered = False
    state_is_whole = True

    def __init__(self, name, world, disk, chance):
        super().__init__(name, world, disk, chance)
        self._folder = Path(tempfile.mkdtemp(prefix="quitanda-stock-"))
        self._object: VanillaObject | None = None
        self._transport: VanillaTransport | None = None
        self._nodes: dict[str, Node] = {}
        self.wrote_state = True

    # --- for the checker

    def view(self):
        return self if self._object is not None else None

    @property
    def journal(self):
        return self._object._SyncObj__raftLog  # noqa: SLF001 - the checker must see what nobody else may

    @property
    def term(self):
        return self._object.raftCurrentTerm

    @property
    def leads(self):
        return self._object._isLeader()  # noqa: SLF001

    @property
    def commit_index(self):
        return self._object.raftCommitIndex

    @property
    def durable_applied(self):
        return self._object.raftLastApplied

    @property
    def durable_state(self):
        return self._object.state

    def payload_of(self, command):
        if command[:1] != REGULAR:
            return None
        _, arguments = pickle.loads(command[1:])
        return arguments[0]

    # --- for clients

    def submit(self, payload):
        request = VanillaRequest()
        self._object.append(payload, callback=request.on_result)
        return request

    def ask(self):
        raise Unavailable("the library has no linearizable reads")

    def outcome(self, answer):
        return answer

    def hand_over(self, *, wanted, to=""):
        if wanted and self._object is not None:
            self._object.transferLeadership(self._nodes[to] if to else None)

    # --- the network's receiver

    def greeting_to(self, _peer):
        return None

    def check_greeting(self, _peer, _greeting):
        return ""

    def connected(self, peer):
        self._transport.connected(self._nodes[peer])

    def disconnected(self, peer):
        self._transport.disconnected(self._nodes[peer])

    def received(self, peer, message):
        self._transport.deliver(self._nodes[peer], message)

    def digest_told(self):
        return None

    def listens_to(self, _peer):
        return False

    def _compare(self, _told):
        """It keeps no digests."""

    # --- life

    def close(self):
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def note_message(self, peer, message):
        self.world.trace.note(self.name, f"< {peer} {message['type']}")
        self.world.count("messages")

    def note_sent(self, message):
        """Nothing to note: it has no blank disks that do not count."""

    def _boot(self, _settings):
        options = self.world.config.options
        configuration = SyncObjConf(
            autoTick=False,
            journalFile=str(self._folder / "journal"),
            fullDumpFile=str(self._folder / "dump"),
            useFork=False,
            dynamicMembershipChange=False,
            raftMinTimeout=0.5,
            raftMaxTimeout=1.0,
            appendEntriesPeriod=0.1,
            leaderFallbackTimeout=2.0,
            appendEntriesBatchSizeBytes=max(100, options.get("message_bytes", 1000)),
            logCompactionMinEntries=options.get("log_entries_max", 80),
            logCompactionMinTime=1_000_000,
            logCompactionBatchSize=options.get("snapshot_chunk_bytes", 10_000),
        )
        self.network = SimulatedNetwork(self.world.fabric, self, pickle.dumps, pickle.loads)
        self._transport = VanillaTransport(self.network)
        self.world.running = self
        peers = [peer for peer in self.world.addresses if peer != self.name]
        self._nodes = {peer: Node(peer) for peer in peers}
        self._object = VanillaObject(self.name, peers, configuration, self._transport)
        self.network.open(self)

    def _turn(self):
        """Tick, then hear: in this order, as the library does."""
        self._object.doTick(0.0)
        self.network.poll(TICK_SECONDS)
        self.wrote_state = True

    def _finish(self):
        """End: it is the same as being killed, but for what `_halt` does anyway."""

    def _halt(self):
        if self._object is not None:
            # What was written stays: the pages of a killed process are the system's.
            self._object._doDestroy()  # noqa: SLF001
        self._object = self._transport = None
