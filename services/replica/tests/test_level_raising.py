"""Raising the level: only with the permission that every replica gives at that moment."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import pytest
from replica_fake_raft import FakeLeadership, OneReplicaRaft
from replica_processes import Cluster, Process, Topology
from replica_state import customer, product

from quitanda.backup import BackupWriter, Header, encode_pairs
from quitanda.backup.backup_file import BackupFile
from quitanda.codec.protobuf import request_to_proto
from quitanda.domain.commands import CreateFirstCredential, RaiseLevel, Request
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.outcomes import Problem, Reason, invalid
from quitanda.errors import NotLeader, OutcomeUnknown, Rejected
from quitanda.runtime.addresses import Address
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.admin_portal_pb2 import RaiseLevelRequest, RaiseLevelResponse, ReplicaStatus
from quitanda.v1.replica_pb2_grpc import ReplicaServicer, ReplicaStub, add_ReplicaServicer_to_server
from quitanda_replica.admin.backup_source import BackupSource
from quitanda_replica.admin.level_raiser import LevelRaiser
from quitanda_replica.admin.offline_commands import EXIT_FAILED, main
from quitanda_replica.admin.restore import restore
from quitanda_replica.level_check import LevelCheck
from quitanda_replica.peer_statuses import PeerStatuses
from quitanda_replica.raft.journal import APPLIED_KEY, log_key, read_applied
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.state import keys
from quitanda_replica.state.counters import Counters, encode_counters
from quitanda_replica.state.digest import encode_digest, replaced
from quitanda_replica.state.store import Store
from quitanda_replica.state.write_set import read_counters
from quitanda_testing.blocking_wait import block_until

SECONDS = 20.0
EXIT_FATAL = 3
NEWER = SUPPORTED_LEVEL + 1
PEERS = ("replica2", "replica3")


def lift(store, level):
    """Change a state into what a later version would leave there."""
    counters = read_counters(store)
    counters.level = level
    old, new = store.get(keys.COUNTERS), encode_counters(counters)
    digest = int.from_bytes(store.get(keys.DIGEST), "big")
    store.put(keys.COUNTERS, new)
    store.put(keys.DIGEST, encode_digest(replaced(digest, keys.COUNTERS, old, new)))
    store.commit()


class Peers:
    """What the other replicas say when they are asked."""

    def __init__(self, **answers):
        self.answers = {name: supports(name) for name in PEERS} | answers
        self.asked = 0

    def ask(self, timeout):
        assert timeout >= 0
        self.asked += 1
        return self.answers


def supports(name, level=SUPPORTED_LEVEL, cluster="", **said):
    return ReplicaStatus(name=name, reachable=True, supported_level=level, cluster=cluster, **said)


@pytest.fixture
def raft(state):
    return OneReplicaRaft(state)


def raiser(raft, peers):
    return LevelRaiser("replica1", raft, raft.state.counters, peers.ask)


def refusal(raft, peers, level=SUPPORTED_LEVEL):
    with pytest.raises(Rejected) as refused:
        raiser(raft, peers).run(level, 1.0)
    assert refused.value.refused.reason is Reason.LEVEL_NOT_SUPPORTED
    assert raft.submitted == 0
    assert raft.state.counters().level == FIRST_LEVEL
    return dict(refused.value.refused.details)


class TestPermission:
    @pytest.mark.parametrize("wanted", [0, SUPPORTED_LEVEL])
    def test_where_every_replica_supports_the_level_the_cluster_is_raised(self, raft, wanted):
        peers = Peers()

        assert raiser(raft, peers).run(wanted, 1.0) == SUPPORTED_LEVEL
        assert raft.state.counters().level == SUPPORTED_LEVEL
        assert raft.submitted == SUPPORTED_LEVEL - FIRST_LEVEL

    def test_a_replica_that_is_silent_forbids_it(self, raft):
        told = refusal(raft, Peers(replica3="no answer: UNAVAILABLE"))

        assert told == {"level": str(SUPPORTED_LEVEL), "replica": "replica3", "error": "no answer: UNAVAILABLE"}

    def test_a_replica_of_a_version_that_knows_no_levels_forbids_it(self, raft):
        told = refusal(raft, Peers(replica2=supports("replica2", 0)))

        assert told == {"level": str(SUPPORTED_LEVEL), "replica": "replica2", "supported": "1"}

    def test_a_replica_that_supports_less_forbids_it(self, raft):
        assert refusal(raft, Peers(replica3=supports("replica3", 1)))["replica"] == "replica3"

    def test_a_replica_with_a_disk_of_another_cluster_forbids_it(self, raft):
        told = refusal(raft, Peers(replica2=supports("replica2", cluster="another")))

        assert told["error"] == "its disk belongs to another cluster"

    def test_a_level_that_the_leader_does_not_support_itself_is_refused_without_asking(self, raft):
        peers = Peers()

        assert refusal(raft, peers, NEWER)["replica"] == "replica1"
        assert peers.asked == 0

    def test_every_attempt_asks_anew(self, raft):
        peers = Peers(replica3="no answer")
        raising = raiser(raft, peers)
        with pytest.raises(Rejected):
            raising.run(0, 1.0)
        peers.answers["replica3"] = supports("replica3")

        assert raising.run(0, 1.0) == SUPPORTED_LEVEL
        assert peers.asked == 2

    def test_a_level_that_is_reached_needs_nobody(self, raft):
        raiser(raft, Peers()).run(0, 1.0)
        submitted, peers = raft.submitted, Peers(replica3="no answer")

        assert raiser(raft, peers).run(0, 1.0) == SUPPORTED_LEVEL
        assert raiser(raft, peers).run(1, 1.0) == SUPPORTED_LEVEL
        assert (peers.asked, raft.submitted) == (0, submitted)

    def test_who_does_not_lead_names_the_leader(self, raft):
        raft.role, raft.leader = Role.FOLLOWER, "replica2"

        with pytest.raises(NotLeader, match="replica2"):
            raiser(raft, Peers()).run(0, 1.0)


class TestFreshCluster:
    def test_its_leader_raises_it_under_the_same_permission(self, raft):
        peers = Peers(replica3="no answer")
        raising = raiser(raft, peers)
        raising.raise_fresh()
        assert raft.state.counters().level == FIRST_LEVEL
        peers.answers["replica3"] = supports("replica3")

        raising.raise_fresh()

        assert raft.state.counters() == Counters(level=SUPPORTED_LEVEL)

    def test_a_follower_does_nothing(self, raft):
        raft.role = Role.FOLLOWER
        peers = Peers()

        raiser(raft, peers).raise_fresh()

        assert (peers.asked, raft.submitted) == (0, 0)

    def test_one_that_has_held_anything_is_left_to_the_administrators(self, raft):
        raft.state.do(customer())
        peers = Peers()

        raiser(raft, peers).raise_fresh()

        assert (peers.asked, raft.submitted) == (0, 0)

    def test_an_unknown_outcome_is_not_the_end(self, raft):
        raft.error = OutcomeUnknown("no majority")
        raising = raiser(raft, Peers())
        raising.raise_fresh()
        raft.error = None

        raising.raise_fresh()

        assert raft.state.counters().level == SUPPORTED_LEVEL


class StatusOf(ReplicaServicer):
    def __init__(self, name):
        self.name = name

    def GetStatus(self, request, context):  # noqa: ARG002, N802 - the service names it
        return pb.GetStatusResponse(status=supports(self.name))


@pytest.fixture
def serve():
    """Give the address at which a replica of a name tells its status."""
    with ExitStack() as closing:

        def start(name):
            server = grpc.server(ThreadPoolExecutor(2))
            add_ReplicaServicer_to_server(StatusOf(name), server)
            address = Address("127.0.0.1", server.add_insecure_port("127.0.0.1:0"))
            server.start()
            closing.callback(lambda: server.stop(None).wait())
            return address

        yield start


class TestAsking:
    def test_each_replica_answers_for_itself_alone(self, serve):
        peers = PeerStatuses({"replica2": serve("replica2"), "replica3": serve("replica2")})

        answers = peers.ask(SECONDS)
        peers.close()

        assert answers["replica2"].supported_level == SUPPORTED_LEVEL
        assert answers["replica3"] == "replica2 answers at its address"

    def test_one_that_is_not_there_has_not_answered(self, serve):
        peers = PeerStatuses({"replica2": serve("replica2"), "replica3": Address("127.0.0.1", 1)})

        answers = peers.ask(2.0)
        peers.close()

        assert answers["replica3"].startswith("no answer")
        assert peers.ask(1.0) == dict.fromkeys(PEERS, "this replica stops")


def raised(cluster, level=0, at=None):
    name = at or cluster.leader()
    return cluster.clients[name].call(
        ReplicaStub(cluster.clients[name].channel).RaiseLevel, RaiseLevelRequest(level=level), SECONDS
    )


def levels(cluster):
    return {status.cluster_level for status in cluster.statuses()}


@pytest.fixture
def cluster(tmp_path):
    running = Cluster(tmp_path)
    yield running
    running.close()
    assert running.fatal == []


@pytest.fixture
def backup(state, tmp_path):
    """Write a backup of the state as it is then; return the file."""

    def write():
        state.store.put(APPLIED_KEY, state.index.to_bytes(8, "big"))
        state.store.put(log_key(state.index), (1).to_bytes(8, "big"))
        state.store.commit()
        source = BackupSource("replica1", state.store, lambda s: read_applied(s.get(APPLIED_KEY)), FakeLeadership())
        with BackupFile(tmp_path / "backup", replace=True) as file:
            for part in source.parts(1.0):
                file.take(part)
            file.keep()
        return tmp_path / "backup"

    return write


@pytest.fixture
def old_cluster(cluster, state, backup):
    """A cluster at level 1 that has data, as one of before there were levels; none of its replicas runs."""
    state.do(customer(), product())
    for name in cluster.topology.names:
        restore(backup(), cluster.topology.directory / name)
    return cluster


class TestBackups:
    def test_one_at_level_one_says_nothing_of_levels(self, state, backup):
        state.do(customer())

        with backup().open("rb") as file:
            assert b"level" not in file.read()

    def test_one_carries_its_level_and_the_restored_folder_is_at_it(self, state, backup, tmp_path):
        state.do(customer(), *map(RaiseLevel, range(FIRST_LEVEL + 1, SUPPORTED_LEVEL + 1)))
        state.do(CreateFirstCredential("a" * 12, "1" * 64, 1))
        kept = state.contents()

        header, contents = restore(backup(), tmp_path / "restored")

        assert header.level == SUPPORTED_LEVEL
        assert contents.keys == len(kept)
        assert abs(header.keys_expected - len(kept)) <= 1  # how many records the history's changes are in is estimated
        store = Store.open(tmp_path / "restored")
        assert read_counters(store).level == SUPPORTED_LEVEL
        assert dict(store.scan(keys.STATE, None, None)) == kept
        store.close()

    @pytest.mark.parametrize("told", [NEWER, FIRST_LEVEL], ids=["header", "state"])
    def test_one_at_a_newer_level_is_not_restored(self, state, tmp_path, capsys, told):
        """The header says it, or, where an earlier version's client wrote the header, the state."""
        state.do(customer())
        if told == FIRST_LEVEL:
            lift(state.store, NEWER)
        pairs, digest = sorted(state.contents().items()), state.store.get(keys.DIGEST).hex()
        with (tmp_path / "backup").open("wb") as file:
            writer = BackupWriter(file, Header(1, 1, digest, 1, 0, 0, len(pairs), "replica1", "", level=told))
            writer.chunk(encode_pairs(pairs))
            writer.finish(1, len(pairs))

        code = main(["restore", "--from", str(tmp_path / "backup"), "--into", str(tmp_path / "restored")])

        assert code == EXIT_FAILED
        assert f"at level {NEWER}" in capsys.readouterr().err
        assert not (tmp_path / "restored").exists()
        assert not list(tmp_path.glob(".restored*"))


@pytest.mark.slow
class TestReplicas:
    def test_a_fresh_cluster_comes_to_the_supported_level_by_itself(self, cluster):
        cluster.start()

        block_until(lambda: levels(cluster) == {SUPPORTED_LEVEL}, "all replicas are at the supported level")
        assert {status.supported_level for status in cluster.statuses()} == {SUPPORTED_LEVEL}
        assert all(status.customers == 0 for status in cluster.agreed())

    def test_with_a_replica_missing_it_is_refused_and_with_all_it_is_raised(self, old_cluster):
        cluster = old_cluster.start()
        missing = cluster.followers()[0]
        cluster.stop(missing)

        refused = raised(cluster)
        assert refused.reason is Reason.LEVEL_NOT_SUPPORTED
        assert dict(refused.details)["replica"] == missing
        assert levels(cluster) == {FIRST_LEVEL}

        cluster.start(missing)
        answer = block_until(lambda: isinstance(given := raised(cluster), RaiseLevelResponse) and given, "it is raised")
        assert answer.level == SUPPORTED_LEVEL
        block_until(lambda: levels(cluster) == {SUPPORTED_LEVEL}, "all replicas are at the supported level")
        assert raised(cluster, at=cluster.followers()[0]).leader == cluster.leader()

    def test_no_portal_may_send_the_raise(self, old_cluster):
        cluster = old_cluster.start()
        before = cluster.leading().status().customers
        new = Request("", "c", customer("new"))

        answer = cluster.leading().execute(new, Request("", "raise", RaiseLevel(SUPPORTED_LEVEL)))

        assert answer == invalid("raise_level", Problem.UNKNOWN_FIELD)
        assert levels(cluster) == {FIRST_LEVEL}
        assert {status.customers for status in cluster.agreed()} == {before}


class TestBeforeTheLog:
    def test_what_needs_a_higher_level_is_refused(self):
        requests = [request_to_proto(Request("", "c", customer()))]

        with pytest.raises(Rejected) as refused:  # every command needs level 1, so at level 0 all are too new
            LevelCheck(lambda: 0, lambda _: 7).demand(requests, 1.0)

        assert refused.value.refused.reason is Reason.LEVEL_TOO_LOW

    def test_a_replica_that_lags_refuses_nothing_that_the_cluster_takes_already(self):
        level = [0]
        check = LevelCheck(lambda: level[0], lambda _: level.append(level.pop() + 1))

        check.demand([request_to_proto(Request("", "c", customer()))], 1.0)

        assert level == [FIRST_LEVEL]

    def test_a_replica_that_does_not_lead_names_the_leader_instead_of_refusing(self, raft):
        raft.role, raft.leader = Role.FOLLOWER, "replica2"

        with pytest.raises(NotLeader, match="replica2"):
            LevelCheck(lambda: 0, raft.read_point).demand([request_to_proto(Request("", "c", customer()))], 1.0)

    def test_the_level_is_read_as_long_as_it_may_rise(self):
        told = [FIRST_LEVEL, SUPPORTED_LEVEL]
        check = LevelCheck(lambda: told.pop(0), lambda _: 7)
        requests = [request_to_proto(Request("", "c", customer())), pb.Request(request_id="no command")]

        for _ in range(4):
            check.demand(requests, 1.0)

        assert told == []


def contents_of(directory):
    store = Store.open(directory)
    try:
        return dict(store.scan(b""))
    finally:
        store.close()


@pytest.mark.slow
class TestNewerDisk:
    @pytest.fixture
    def folder(self, tmp_path):
        """The folder of a replica that stopped at a level which this version does not know."""
        topology = Topology(tmp_path, 1)
        with ExitStack() as closing:
            process = Process(topology, "replica1")
            closing.callback(process.close)
            process.ready()
            process.client.execute(Request("", "c", customer()), Request("", "p", product()))
            process.terminate()
        store = Store.open(tmp_path / "replica1")
        lift(store, NEWER)
        store.close()
        return topology, contents_of(tmp_path / "replica1")

    def test_a_replica_does_not_start_from_it_says_which_version_is_needed_and_changes_nothing(self, folder):
        topology, before = folder
        process = Process(topology, "replica1")
        try:
            assert process.exit_code() == EXIT_FATAL
            assert f"a version is needed that supports level {NEWER}" in process.log()
            assert "on the same data folder" in process.log()
        finally:
            process.close()

        assert contents_of(topology.directory / "replica1") == before

    def test_nothing_is_exported_from_it(self, folder, capsys):
        topology, before = folder
        backup = topology.directory / "backup"

        code = main(["export", "--from", str(topology.directory / "replica1"), "--to", str(backup)])

        assert code == EXIT_FAILED
        assert f"at level {NEWER}" in capsys.readouterr().err
        assert not backup.exists()
        assert contents_of(topology.directory / "replica1") == before
