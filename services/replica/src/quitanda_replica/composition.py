"""The replica's parts, put together; nothing else knows all of them."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda.mqtt.feed_key import FeedKey
from quitanda.mqtt.topics import FEED_TOPIC
from quitanda.runtime import tracing
from quitanda.runtime.certificate_ends import show_certificate_ends
from quitanda.runtime.metrics import MetricsServer, RequestMetrics, new_registry
from quitanda.runtime.process_identity import open_identity
from quitanda.runtime.settings import ReplicaSettings
from quitanda_replica.admin.backup_source import BackupSource
from quitanda_replica.admin.first_credential import PROPOSAL_SECONDS, FirstCredentialProposer
from quitanda_replica.admin.level_raiser import FRESH_SECONDS, LevelRaiser
from quitanda_replica.admin.order_expirer import EXPIRY_SECONDS, OrderExpirer
from quitanda_replica.admin.replica_admin import ReplicaAdmin
from quitanda_replica.admin.replica_status import StatusReport
from quitanda_replica.feed.mqtt_publisher import MqttPublisher
from quitanda_replica.feed.publisher import FeedPublisher
from quitanda_replica.feed.queue import FeedPosition, FeedQueue
from quitanda_replica.grpc_server import CallInterceptor, GrpcServer
from quitanda_replica.integrity import quarantine
from quitanda_replica.integrity.digest_history import DigestHistory
from quitanda_replica.integrity.divergence import ASK_SECONDS, DivergenceDetector, PeerDigests, StateDiverged
from quitanda_replica.integrity.verification import StateCheck, Verification
from quitanda_replica.level_check import LevelCheck
from quitanda_replica.metrics import CommandMetrics, Figure, Figures, ReplicaCollector
from quitanda_replica.peer_statuses import PeerStatuses
from quitanda_replica.periodic import Periodic, Readiness
from quitanda_replica.raft import RaftNode, RaftOptions, Role
from quitanda_replica.raft.journal import APPLIED_KEY, read_applied
from quitanda_replica.reads.page_tokens import PageTokens
from quitanda_replica.reads.reads import Reads
from quitanda_replica.reads.snapshots import ConsistentSnapshots, OpenSnapshots
from quitanda_replica.servicer import Replica
from quitanda_replica.state.access import StateReader
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.counters import Counters
from quitanda_replica.state.store import Store, StoreFailed
from quitanda_replica.state.write_set import read_counters

if TYPE_CHECKING:  # the others load OpenTelemetry
    from quitanda.runtime.link_identity import LinkIdentity
    from quitanda.runtime.spans import Tracer
    from quitanda_replica.command_spans import CommandSpans

READINESS_SECONDS: Final = 0.1
SWEEP_SECONDS: Final = 5.0
FOLDER_SECONDS: Final = 0.5
"""How often the data folder is looked at where nothing is written; each commit looks by itself."""
FRESH_LEVEL_SECONDS: Final = 0.5
"""How often a leader looks whether its cluster is fresh, and at a lower level than it could be; and whether the first
administrator's credential is missing."""
PIPELINE_BYTES: Final = 128 * 1024
"""Entries under way at a time. What is committed together is applied in one go, without a heartbeat: this is
some 700 orders, a tenth of a second, so that a machine five times slower still holds no election for it."""
CONNECTION_TIMEOUTS: Final = 2.0
"""Of the longest election time-outs: a silent connection is given up after so many, unless it is set."""
TRANSFER_SECONDS: Final = 2.0
"""How long a leader tries to hand its leadership over before it ends anyway."""

_log = structlog.get_logger(__name__)


class ReplicaProcess:
    """A replica from `start` to `stop`. What must stop it at once is told to `on_fatal`, from any thread."""

    def __init__(self, settings: ReplicaSettings, on_fatal: Callable[[BaseException], None]) -> None:
        self._settings = settings
        self._on_fatal = on_fatal
        self._stopping = False
        self._deadline = 0.0
        self._closing = ExitStack()
        self._raft: RaftNode | None = None
        self._spans = None if tracing.active is None else _command_spans(tracing.active)
        self._identity: LinkIdentity | None = None
        self.registry = new_registry()

    def start(self) -> None:
        """Start everything; on an exception, what had begun is ended again.

        StoreFailed: the data folder cannot be used. StateCorrupt, Quarantined: what is in it is damaged or wrong.
        OSError: an address is taken. ValueError: settings contradict each other. IdentityError: the identity folder
        cannot be used.
        """
        try:
            self._start()
        except BaseException:
            self.stop(0.0)
            raise

    def stop(self, timeout: float) -> None:
        """End in order, within about `timeout` seconds: step down, finish calls, close Raft, close the disk."""
        self._stopping = True
        self._deadline = time.monotonic() + timeout
        self._closing.close()

    def _start(self) -> None:
        settings = self._settings
        self._identity = open_identity(settings.identity, f"replica/{settings.name}")
        show_certificate_ends(self.registry, self._identity, settings.mqtt)
        if settings.metrics_listen is not None:
            self._closing.callback(MetricsServer(self.registry, settings.metrics_listen, self._identity).close)
        interceptor = CallInterceptor(RequestMetrics(self.registry), self._fatal)
        server = GrpcServer(settings.listen, interceptor, self._identity)
        self._closing.callback(lambda: server.stop(self._left() / 2))
        address = server.bind()
        quarantine.check(settings.data_dir)
        store = Store.open(settings.data_dir)
        self._closing.callback(store.close)
        kept = OpenSnapshots()
        self._closing.callback(kept.close)
        queue = FeedQueue(FeedPosition(0, 0))
        history = DigestHistory()
        read_counters(store)  # a state that this version cannot decide on is refused before anything changes it
        raft = self._start_raft(store, queue, history, kept)
        self._start_feed(raft, queue)
        others = {name: at for name, at in settings.replicas.items() if name != settings.name}
        peers = PeerStatuses(others, self._identity)
        self._closing.callback(peers.close)
        self._start_comparing(raft, history, peers)
        status = StatusReport(settings.name, list(settings.replicas), store, _applied_index, raft, self._identity)
        levels = LevelRaiser(settings.name, raft, partial(_counters, store), peers.ask)
        server.start(self._servicer(store, raft, kept, status, history, levels))
        # at the end, first of all: calls in flight need everything else
        self._closing.callback(lambda: server.stop(self._left() / 2))
        self._closing.callback(lambda: self._step_down(raft))
        self._start_watching(server, status, kept)
        self._start_periodic("fresh-cluster-level", FRESH_LEVEL_SECONDS, levels.raise_fresh, FRESH_SECONDS)
        self._start_proposing_first_credential(raft, store)
        expirer = OrderExpirer(raft, ConsistentSnapshots(store))
        self._start_periodic("order-expiry", EXPIRY_SECONDS, expirer.expire, PROPOSAL_SECONDS)
        expired = Figure("quitanda_orders_expired", "Orders that this leader let expire", lambda: expirer.expired)
        Figures(self.registry, counters=[expired])
        self._start_watching_folder(store)
        _log.info("started", listen=str(address), data=str(settings.data_dir), revision=raft.status().applied_index)

    def _start_raft(self, store: Store, queue: FeedQueue, history: DigestHistory, kept: OpenSnapshots) -> RaftNode:
        check = StateCheck(ConsistentSnapshots(store), self._fatal)
        machine = Applier(store, queue, on_installed=check.begin, history=history)
        options = _raft_options(self._settings, self._fatal)
        raft = RaftNode(options, store, machine, state_is_verified=check.passed)
        self._closing.callback(lambda: check.close(self._left()))
        self._closing.callback(lambda: raft.close(self._left()))
        machine.started(_applied_index(store))
        # only now the state is whole: Raft has ended an installation that was cut short
        check.begin()
        raft.start()
        self._raft = raft
        ReplicaCollector(self.registry, self._settings.data_dir, raft, store, machine, kept)
        Figures(
            self.registry,
            gauges=[Figure("quitanda_state_verified", "1 once the whole state matched its digest", check.passed)],
        )
        return raft

    def _servicer(
        self,
        store: Store,
        raft: RaftNode,
        kept: OpenSnapshots,
        status: StatusReport,
        history: DigestHistory,
        levels: LevelRaiser,
    ) -> Replica:
        settings = self._settings
        tokens = PageTokens(
            settings.cluster_secret.get_secret_value(), settings.cluster_secret_accepted.get_secret_value()
        )
        whole = ConsistentSnapshots(store)
        reads = Reads(settings.name, list(settings.replicas), whole, _applied_index, raft, kept, tokens)
        backups = BackupSource(settings.name, whole, _applied_index, raft)
        verification = Verification(settings.name, store, _applied_index, history)
        replica_admin = ReplicaAdmin(
            settings.name, list(settings.replicas), raft, backups, verification, levels, self._fatal
        )
        level_check = LevelCheck(lambda: _counters(store).level, raft.read_point)
        begin_spans = None if self._spans is None else self._spans.begin
        return Replica(
            raft,
            reads,
            status,
            replica_admin,
            CommandMetrics(self.registry),
            level_check,
            begin_spans,
            demands_principals=self._identity is not None,
        )

    def _start_feed(self, raft: RaftNode, queue: FeedQueue) -> None:
        settings = self._settings
        if settings.mqtt is None:
            _log.warning("feed_disabled", reason="no broker is set", effect="portals do not serve CACHED reads")
            return
        link = MqttPublisher(settings.mqtt, settings.name, FEED_TOPIC, self._identity)
        key = FeedKey.derive(settings.required_feed_key())
        publisher = FeedPublisher(queue, raft, link.publish, key, settings.feed_heartbeat_seconds, self._spans)
        link.start()
        self._closing.callback(lambda: link.close(self._left()))
        publisher.start()
        self._closing.callback(lambda: publisher.close(self._left()))
        Figures(
            self.registry,
            gauges=[
                Figure("quitanda_feed_connected", "Whether the broker is connected", lambda: float(link.connected)),
            ],
            counters=[
                Figure("quitanda_feed_published", "Feed messages published", lambda: publisher.published),
                Figure("quitanda_feed_lost", "Feed messages lost at the broker", lambda: publisher.lost),
                Figure("quitanda_feed_dropped", "Entries dropped from the full queue", lambda: queue.dropped),
            ],
        )

    def _start_watching(self, server: GrpcServer, status: StatusReport, kept: OpenSnapshots) -> None:
        readiness = Readiness(status.ready, server.set_ready)
        self._start_periodic("readiness", READINESS_SECONDS, readiness.look)
        self._start_periodic("page-sweep", SWEEP_SECONDS, kept.sweep)
        self._closing.callback(readiness.switch_off)

    def _start_proposing_first_credential(self, raft: RaftNode, store: Store) -> None:
        folder = None if self._settings.identity is None else IdentityFolder(self._settings.identity)
        if folder is None or not folder.has(IdentityFile.FIRST_CREDENTIAL):
            return
        proposer = FirstCredentialProposer(folder.first_credential(), raft, ConsistentSnapshots(store))
        self._start_periodic("first-credential", FRESH_LEVEL_SECONDS, proposer.propose, PROPOSAL_SECONDS)

    def _start_watching_folder(self, store: Store) -> None:
        def look() -> None:
            try:
                store.check_folder()
            except StoreFailed as error:
                self._fatal(error)

        self._start_periodic("data-folder", FOLDER_SECONDS, look)

    def _start_comparing(self, raft: RaftNode, history: DigestHistory, peers: PeerStatuses) -> None:
        names = tuple(name for name in self._settings.replicas if name != self._settings.name)
        if not names:
            return
        detector = DivergenceDetector(names, history, time.monotonic)
        peer_digests = PeerDigests(peers, detector, self._fatal, lambda: raft.status().cluster)
        self._start_periodic("digest-comparison", ASK_SECONDS, peer_digests.ask, ASK_SECONDS)
        self._closing.callback(peers.close)  # ends a question that is under way

    def _start_periodic(self, name: str, seconds: float, action: Callable[[], None], longest: float = 1.0) -> None:
        """Begin to do something again and again; at the end, wait `longest` seconds for the call that runs."""
        periodic = Periodic(name, seconds, action)
        periodic.start()
        self._closing.callback(periodic.close, longest)

    def _step_down(self, raft: RaftNode) -> None:
        status = raft.status()
        if status.role is Role.LEADER and status.peers:
            handed_over = raft.transfer_leadership(min(TRANSFER_SECONDS, self._left()))
            _log.info("leadership_transfer", handed_over=handed_over)

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _fatal(self, error: BaseException) -> None:
        if isinstance(error, StateDiverged) and error.certain:
            with suppress(OSError):  # it stops all the same
                quarantine.mark(self._settings.data_dir, str(error))
        if not self._stopping:  # calls that are cut off at the end find the disk closed; that is no trouble
            self._on_fatal(error)


def _command_spans(tracer: "Tracer") -> "CommandSpans":
    from quitanda_replica.command_spans import CommandSpans  # noqa: PLC0415 - it loads OpenTelemetry

    return CommandSpans(tracer)


def _raft_options(settings: ReplicaSettings, on_fatal: Callable[[BaseException], None]) -> RaftOptions:
    return RaftOptions(
        name=settings.name,
        addresses={name: str(address) for name, address in settings.raft_addresses.items()},
        secret=settings.cluster_secret.get_secret_value(),
        accepted_secret=settings.cluster_secret_accepted.get_secret_value(),
        bootstrap=settings.bootstrap,
        election_timeout_min_seconds=settings.raft_election_timeout_min_seconds,
        election_timeout_max_seconds=settings.raft_election_timeout_max_seconds,
        heartbeat_seconds=settings.raft_heartbeat_seconds,
        connection_timeout_seconds=(
            settings.raft_connection_timeout_seconds or CONNECTION_TIMEOUTS * settings.raft_election_timeout_max_seconds
        ),
        pipeline_bytes_max=PIPELINE_BYTES,
        on_fatal=on_fatal,
    )


def _applied_index(state: StateReader) -> int:
    return read_applied(state.get(APPLIED_KEY))


def _counters(store: Store) -> Counters:
    with store.snapshot() as snapshot:
        return read_counters(snapshot)
