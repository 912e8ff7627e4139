"""Handing over, backing up and verifying, asked of replicas that run."""

import threading
from itertools import pairwise
from typing import Any, cast

import grpc
import pytest
from replica_fake_raft import FakeLeadership
from replica_processes import Cluster
from replica_state import customer, order, product

from quitanda.backup import StateDigest, decode_pairs
from quitanda.domain.commands import CreateCustomer, Request
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Refused
from quitanda.errors import NotLeader, Overloaded, Unavailable
from quitanda.rpc_status import from_rpc_error
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.admin_portal_pb2 import BackupPart, TransferLeadershipRequest
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_replica.admin.backup_source import BackupSource
from quitanda_replica.admin.replica_admin import ReplicaAdmin
from quitanda_replica.integrity.digest_history import DigestHistory
from quitanda_replica.integrity.verification import Verification, matches
from quitanda_replica.raft.journal import APPLIED_KEY, log_key, read_applied
from quitanda_replica.servicer import Replica
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.store import StoreDamaged
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow

SECONDS = 20.0


@pytest.fixture
def cluster(tmp_path):
    running = Cluster(tmp_path).start()
    yield running
    running.close()
    assert running.fatal == []


def transfer(cluster, to="", at=None):
    stub = ReplicaStub(cluster.clients[at or cluster.leader()].channel)
    return cluster.clients[cluster.leader()].call(stub.TransferLeadership, TransferLeadershipRequest(to=to), SECONDS)


def backup(client):
    """All parts, or the failure."""
    try:
        return list(ReplicaStub(client.channel).Backup(pb.BackupRequest(), timeout=SECONDS))
    except grpc.RpcError as error:
        return from_rpc_error(error)


def began_and_left(client):
    """The first part, or the failure."""
    call = ReplicaStub(client.channel).Backup(pb.BackupRequest(), timeout=SECONDS)
    try:
        return next(call)
    except grpc.RpcError as error:
        return from_rpc_error(error)
    finally:
        call.cancel()


def verify(cluster, name, revision=0):
    answer = cluster.clients[name].call(
        ReplicaStub(cluster.clients[name].channel).Verify, pb.VerifyRequest(compared_revision=revision), SECONDS
    )
    return answer.verification if isinstance(answer, pb.VerifyResponse) else answer


def apply_to_a_source(state, *commands):
    """Let a state without Raft hold what the commands do, and what a backup's header asks of the log."""
    state.do(*commands)
    state.store.put(APPLIED_KEY, (1).to_bytes(8, "big"))
    state.store.put(log_key(1), bytes(8))
    state.store.commit()


class TestTransfer:
    def test_the_replica_that_is_named_leads_afterwards(self, cluster):
        for name in (*cluster.followers(), *cluster.followers()):
            answer = transfer(cluster, name)

            assert answer.leader == name
            block_until(lambda name=name: cluster.leader() == name, f"{name} leads")

    def test_without_a_name_another_one_leads(self, cluster):
        before = cluster.leader()
        cluster.leading().execute(Request("", "c", customer()))

        answer = transfer(cluster)

        assert answer.leader != before
        assert cluster.leader() == answer.leader

    def test_who_leads_already_goes_on(self, cluster):
        leader = cluster.leader()
        term = cluster.clients[leader].status().term

        assert transfer(cluster, leader).term == term

    def test_a_name_that_no_replica_has_is_refused(self, cluster):
        refused = transfer(cluster, "replica9")

        assert isinstance(refused, Refused)
        assert refused.field == "to"

    def test_a_follower_names_the_leader(self, cluster):
        leader = cluster.leader()
        answer = transfer(cluster, at=cluster.followers()[0])

        assert isinstance(answer, NotLeader)
        assert answer.leader == leader

    def test_where_the_named_one_is_not_there_the_leader_leads_on_and_takes_writes(self, cluster):
        leader = cluster.leader()
        gone = cluster.followers()[0]
        cluster.stop(gone)

        answer = transfer(cluster, gone)

        assert isinstance(answer, Unavailable)
        assert cluster.leader() == leader
        assert cluster.leading().execute(Request("", "c", customer()))


class TestBackup:
    def test_it_holds_the_whole_state_of_one_moment_and_every_acknowledged_write(self, cluster):
        client = cluster.leading()
        client.execute(Request("", "c", customer()), Request("", "p", product()))
        ((_, revision),) = client.execute(Request("ana", "o", order(pen=2)))

        header, *chunks, trailer = backup(client)

        digest = StateDigest()
        pairs = [pair for part in chunks for pair in decode_pairs(part.chunk.pairs)]
        for key, value in pairs:
            digest.add(key, value)
        assert header.header.revision >= revision
        assert header.header.state_digest == digest.computed == digest.kept
        assert (header.header.customers, header.header.products, header.header.orders) == (1, 1, 1)
        assert trailer.trailer.keys == len(pairs) == header.header.keys_expected
        assert trailer.trailer.chunks == len(chunks)
        assert all(earlier < later for (earlier, _), (later, _) in pairwise(pairs))

    def test_the_state_is_looked_at_only_when_the_leadership_is_proven(self, state):
        leadership = FakeLeadership()
        leadership.meanwhile = lambda: apply_to_a_source(state, customer("acknowledged"))

        parts = list(BackupSource("replica1", state.store, applied_index, leadership).parts(1.0))

        read = [key for part in parts[1:-1] for key, _ in decode_pairs(part.chunk.pairs)]
        assert keys.document(Kind.CUSTOMER, "acknowledged") in read

    def test_a_follower_gives_none(self, cluster):
        follower = cluster.followers()[0]

        assert isinstance(backup(cluster.clients[follower]), NotLeader)

    def test_writes_go_on_while_a_slow_reader_reads_one_moment(self, state):
        apply_to_a_source(state, *(customer(f"c{number}") for number in range(50)))
        before = state.contents()
        source = BackupSource("replica1", state.store, applied_index, FakeLeadership(), chunk_bytes=500)
        parts = source.parts(1.0)
        header = next(parts)
        first = next(parts)
        state.do(*(product(f"p{number}") for number in range(50)))

        rest = list(parts)

        read = [pair for part in (first, *rest[:-1]) for pair in decode_pairs(part.chunk.pairs)]
        assert dict(read) == before
        assert len(rest) > 5
        assert header.header.products == 0

    def test_readers_that_go_away_half_way_leave_room_for_others(self, cluster):
        client = cluster.leading()
        large = (("note", f'"{"x" * 15_000}"'),)
        for number in range(100):
            client.execute(Request("", f"c{number}", CreateCustomer(f"c{number}", "Ana", large)))
        for _ in range(5):
            block_until(lambda: isinstance(began_and_left(client), BackupPart), "there is room")

        assert block_until(lambda: isinstance(parts := backup(client), list) and parts, "there is room")

    def test_more_readers_than_two_are_refused_until_one_ends(self, state):
        state.store.put(log_key(0), bytes(8))
        state.store.commit()
        source = BackupSource("replica1", state.store, applied_index, FakeLeadership())
        first, second, third = (cast("Any", source.parts(1.0)) for _ in range(3))
        next(first)
        next(second)

        with pytest.raises(Overloaded):
            next(third)
        first.close()
        assert next(source.parts(1.0))


class TestVerify:
    def test_every_replica_tells_the_same_at_the_same_revision(self, cluster):
        client = cluster.leading()
        ((_, revision),) = client.execute(Request("", "c", customer()))

        told = [verify(cluster, name, revision) for name in cluster.running]

        assert all(matches(each) for each in told)
        assert len({each.compared_digest for each in told}) == 1
        assert all(each.compared_digest for each in told)
        assert {each.keys for each in told} == {5}

    def test_an_entry_that_does_not_come_is_waited_for_no_longer_than_the_call_may_take(self, cluster):
        name = cluster.leader()
        answer = cluster.clients[name].call(
            ReplicaStub(cluster.clients[name].channel).Verify, pb.VerifyRequest(compared_revision=10_000), 0.3
        )

        assert isinstance(answer, Unavailable)

    def test_what_changed_on_the_disk_is_found(self, state):
        history = DigestHistory()
        state.do(customer())
        verification = Verification("replica1", state.store, applied_index, history)
        assert matches(verification.run(0, 5.0))
        ((key, value),) = state.store.scan(keys.DOCUMENTS["customer"], None, 1)
        state.store.put(key, value.replace(b"Name", b"Mane"))
        state.store.commit()

        assert not matches(verification.run(0, 5.0))

    def test_one_at_a_time(self, state):
        history = DigestHistory()
        verification = Verification("replica1", state.store, applied_index, history)
        waiting = threading.Thread(target=lambda: verification.run(1, 5.0))
        waiting.start()

        def refused():
            try:
                verification.run(0, 5.0)
            except Overloaded:
                return True
            return False

        block_until(refused, "the second one is refused")
        history.committed(1)
        waiting.join(5)
        assert matches(verification.run(1, 5.0))


class FakeContext:
    """A call: does what was asked for at its end when the test ends it."""

    def __init__(self):
        self.at_the_end = []

    def time_remaining(self):
        return SECONDS

    def add_callback(self, callback):
        self.at_the_end.append(callback)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_replica_whose_state_does_not_match_answers_so_and_then_stops(state, damaged):
    state.do(customer())
    if damaged:
        ((key, value),) = state.store.scan(keys.DOCUMENTS["customer"], None, 1)
        state.store.put(key, value.replace(b"Name", b"Mane"))
        state.store.commit()
    fatal = []
    verification = Verification("replica1", state.store, applied_index, DigestHistory())
    replica_admin = ReplicaAdmin("replica1", ["replica1"], FakeLeadership(), None, verification, None, fatal.append)
    context = FakeContext()

    answer = Replica(None, None, None, replica_admin, None, None).Verify(pb.VerifyRequest(), context)

    assert matches(answer.verification) is not damaged
    assert fatal == []
    for callback in context.at_the_end:
        callback()
    assert [type(error) for error in fatal] == ([StateCorrupt] if damaged else [])


class DamagedSnapshots:
    """A database whose tables changed on the disk."""

    def snapshot(self):
        raise StoreDamaged("the data folder is damaged: Corruption: block checksum mismatch")


def test_a_replica_whose_disk_is_damaged_answers_so_instead_of_being_unavailable_and_then_stops():
    fatal = []
    verification = Verification("replica1", DamagedSnapshots(), applied_index, DigestHistory())
    replica_admin = ReplicaAdmin("replica1", ["replica1"], FakeLeadership(), None, verification, None, fatal.append)
    context = FakeContext()

    answer = Replica(None, None, None, replica_admin, None, None).Verify(pb.VerifyRequest(), context).verification

    assert answer.reachable
    assert answer.error == "the data folder is damaged: Corruption: block checksum mismatch"
    assert fatal == []
    for callback in context.at_the_end:
        callback()
    assert [type(error) for error in fatal] == [StoreDamaged]


def applied_index(state):
    return read_applied(state.get(APPLIED_KEY))
