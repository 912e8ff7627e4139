"""A replica whose state is not the majority's stops; the others go on."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import structlog
from replica_processes import Cluster, Process, Topology
from replica_state import customer, product

from quitanda.domain.commands import Request
from quitanda.runtime.addresses import Address
from quitanda.v1 import admin_portal_pb2, replica_pb2
from quitanda.v1.replica_pb2_grpc import ReplicaServicer, add_ReplicaServicer_to_server
from quitanda_replica.fatal import next_step
from quitanda_replica.integrity.digest_history import DigestHistory
from quitanda_replica.integrity.divergence import GRACE_SECONDS, DivergenceDetector, PeerDigests, StateDiverged
from quitanda_replica.peer_statuses import PeerStatuses
from quitanda_replica.state import digest, keys
from quitanda_replica.state.store import Store
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow

PEERS = ("replica2", "replica3")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def history():
    """Entries 10, 20 and 30 changed the state; everything up to 35 is durable."""
    made = DigestHistory()
    made.restarted(10, 1)
    made.applied(20, 2)
    made.applied(30, 3)
    made.committed(35)
    return made


@pytest.fixture
def detector(history, clock):
    return DivergenceDetector(PEERS, history, clock)


class TestHistory:
    @pytest.mark.parametrize(("revision", "known"), [(9, None), (10, 1), (19, 1), (20, 2), (35, 3), (36, None)])
    def test_it_knows_what_the_state_was_at_every_entry_since_it_began(self, history, revision, known):
        assert history.at(revision) == known

    def test_what_is_applied_and_not_durable_is_told_to_nobody(self, history):
        history.applied(40, 4)
        assert history.at(40) is None

        history.committed(40)
        assert history.at(40) == 4

    def test_it_is_bounded(self):
        history = DigestHistory(entries_kept=10)
        for revision in range(100):
            history.applied(revision, revision)
        history.committed(99)

        assert history.at(99) == 99
        assert history.at(90) == 90
        assert history.at(70) is None

    def test_a_snapshot_from_another_replica_begins_it_anew(self, history):
        history.restarted(90, 9)

        assert history.at(35) is None
        assert history.at(90) == 9

    def test_who_waits_for_an_entry_that_does_not_come_is_told_so(self, history):
        assert history.wait_for(35, 0.0)
        assert not history.wait_for(36, 0.01)


class TestJudge:
    def test_replicas_that_agree_go_on(self, detector, clock):
        detector.compare({"replica2": (35, 3), "replica3": (20, 2)})
        clock.now += 10 * GRACE_SECONDS
        detector.compare({})

    def test_one_that_all_others_contradict_stops_at_once(self, detector):
        with pytest.raises(StateDiverged, match="replica2, replica3 at entry 20"):
            detector.compare({"replica2": (35, 33), "replica3": (20, 22)})

    def test_one_that_is_contradicted_by_one_and_confirmed_by_another_goes_on(self, detector, clock):
        detector.compare({"replica2": (35, 33), "replica3": (35, 3)})
        clock.now += 10 * GRACE_SECONDS
        detector.compare({"replica3": (35, 3)})

    def test_one_that_is_contradicted_and_finds_nobody_who_agrees_stops_after_a_while(self, detector, clock):
        detector.compare({"replica2": (35, 33)})
        clock.now += GRACE_SECONDS - 0.1
        detector.compare({"replica2": (35, 33)})
        clock.now += 0.1

        with pytest.raises(StateDiverged, match="nobody can tell which one is right"):
            detector.compare({})

    def test_agreement_about_an_earlier_entry_says_nothing_about_a_later_difference(self, detector, clock):
        detector.compare({"replica3": (20, 2)})
        detector.compare({"replica2": (35, 33)})
        clock.now += GRACE_SECONDS

        with pytest.raises(StateDiverged):
            detector.compare({})

    def test_a_replica_that_was_replaced_and_agrees_again_counts_again(self, detector, clock):
        detector.compare({"replica2": (35, 33), "replica3": (35, 3)})
        detector.compare({"replica2": (35, 3)})
        clock.now += 10 * GRACE_SECONDS
        detector.compare({})

    def test_what_lies_ahead_is_compared_when_this_replica_gets_there_though_others_go_further(self, detector, history):
        detector.compare({"replica2": (40, 44), "replica3": (40, 44)})
        detector.compare({"replica2": (50, 55), "replica3": (50, 55)})
        history.applied(40, 4)
        history.committed(40)

        with pytest.raises(StateDiverged, match="entry 40"):
            detector.compare({"replica2": (60, 66), "replica3": (60, 66)})

    def test_what_is_no_longer_known_is_not_compared(self, detector):
        detector.compare({"replica2": (5, 99), "replica3": (5, 99)})


class TellingReplica(ReplicaServicer):
    """A replica that tells nothing but one status."""

    def __init__(self, **status):
        self.status = status

    def GetStatus(self, _request, _context):  # noqa: N802 - gRPC's name
        return replica_pb2.GetStatusResponse(status=admin_portal_pb2.ReplicaStatus(**self.status))


@pytest.mark.parametrize(
    ("told", "stops"),
    [({"cluster": "ours"}, True), ({"cluster": "another"}, False), ({"cluster": "ours", "catching_up": True}, False)],
    ids=["of this cluster", "of another cluster", "catching up"],
)
def test_only_the_state_of_replicas_of_the_same_cluster_is_compared(detector, clock, told, stops):
    servers, addresses = [], {}
    for name in ("replica2", "replica3"):
        server = grpc.server(ThreadPoolExecutor(2))
        add_ReplicaServicer_to_server(TellingReplica(name=name, revision=20, state_digest="63", **told), server)
        addresses[name] = Address("127.0.0.1", server.add_insecure_port("127.0.0.1:0"))
        server.start()
        servers.append(server)
    fatal = []
    peers = PeerStatuses(addresses)
    peer_digests = PeerDigests(peers, detector, fatal.append, lambda: "ours")
    try:
        for _ in range(2):
            peer_digests.ask()
            clock.now += 60
    finally:
        peers.close()
        for server in servers:
            server.stop(None)

    assert [type(error) for error in fatal[:1]] == [StateDiverged] * stops


def falsify(directory):
    """Change a document, and the digest with it: the start cannot notice, as it could not notice a bug."""
    store = Store.open(directory)
    ((key, value),) = store.scan(keys.DOCUMENTS["customer"], None, 1)
    other = value.replace(b"Name", b"Mane")
    kept = digest.decode_digest(store.get(keys.DIGEST))
    store.put(key, other)
    store.put(keys.DIGEST, digest.encode_digest(digest.replaced(kept, key, value, other)))
    store.commit()
    store.close()


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_exactly_the_replica_whose_state_differs_stops_with_exit_code_3_and_says_what_to_do(tmp_path, role):
    topology = Topology(tmp_path, 3)
    running = {name: Process(topology, name) for name in topology.names}
    try:
        leader = leading(running)
        running[leader].client.execute(Request("", "c", customer()))
        block_until(lambda: len({p.client.status().revision for p in running.values()}) == 1, "one revision")
        wrong = leader if role == "leader" else next(name for name in running if name != leader)
        for process in running.values():
            assert process.terminate() == 0
        falsify(tmp_path / wrong)

        running = {name: Process(topology, name) for name in topology.names}

        assert running[wrong].exit_code() == 3
        assert "every other replica contradicts this one" in running[wrong].log()
        assert "docs/OPERATIONS.md" in running[wrong].log()
        again = Process(topology, wrong)
        assert again.exit_code() == 3  # not even for a second
        assert "not to be started from" in again.log()
        again.close()
        others = {name: process for name, process in running.items() if name != wrong}
        block_until(
            lambda: isinstance(running[leading(others)].client.execute(Request("", "p", product())), list),
            "the others go on",
            20,
        )
        for process in others.values():
            process.ready()

        (tmp_path / wrong).rename(tmp_path / "wrong")
        rebuilt = running[wrong] = Process(topology, wrong).ready()
        block_until(lambda: rebuilt.client.status().customers == 1, "it is rebuilt")
    finally:
        for process in running.values():
            process.close()


def test_two_that_differ_both_stop_while_the_third_is_missing(tmp_path):
    cluster = Cluster(tmp_path).start()
    try:
        cluster.leading().execute(Request("", "c", customer()))
        cluster.agreed()
        missing, wrong = cluster.followers()
        cluster.stop(missing)
        cluster.stop(wrong)
        falsify(tmp_path / wrong)
        with structlog.testing.capture_logs():
            cluster.start(wrong)

            block_until(lambda: len(cluster.fatal) >= 2, "both have stopped", 20)
        assert {type(error) for error in cluster.fatal} == {StateDiverged}
        assert not any(error.certain for error in cluster.fatal)
        assert "start the replica that is missing" in next_step(cluster.fatal[0])
        cluster.stop(wrong)
        cluster.start(wrong)  # nobody knows that it is the wrong one, so it is not kept from starting
    finally:
        cluster.close()


def leading(running):
    def leader():
        for name, process in running.items():
            status = process.client.status_or_none()
            if status is not None and status.role == admin_portal_pb2.REPLICA_ROLE_LEADER:
                return name
        return None

    return block_until(leader, "a leader", 20)
