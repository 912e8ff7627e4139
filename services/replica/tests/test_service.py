"""The whole service over real gRPC, real Raft and real LevelDB, one replica or three in this process."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from replica_broker import Broker, FeedListener
from replica_processes import Client, Cluster, Topology
from replica_state import customer, order, product
from structlog.testing import capture_logs

from quitanda.codec.documents import decode_document, document_digest, encode_document
from quitanda.codec.protobuf import encode_request
from quitanda.domain.commands import (
    CREDENTIALS_LEVEL,
    AdjustStock,
    CreateCredential,
    CreateCustomer,
    Principal,
    Request,
    RevokeCredential,
)
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Done, Problem, Reason, Refused
from quitanda.errors import NotLeader, OutcomeUnknown, Unavailable
from quitanda.runtime.grpc_options import HEALTH_SERVICES
from quitanda.v1 import admin_portal_pb2
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_replica.composition import ReplicaProcess
from quitanda_replica.state.store import StoreFailed
from quitanda_testing.blocking_wait import block_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("single"), 1).start()
    yield cluster
    cluster.close()
    assert cluster.fatal == []


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path).start()
    yield made
    made.close()
    assert made.fatal == []


def request(name, command, scope=""):
    return Request(scope, name, command)


def get_customer(customer_id, held=None):
    known = {} if held is None else {"known_version": held.version, "known_digest": digest_of(held)}
    return pb.ReadItem(get=pb.GetItem(kind=pb.DOCUMENT_KIND_CUSTOMER, id=customer_id, **known))


def digest_of(document):
    return document_digest(encode_document(document))


def test_a_write_is_answered_with_its_document_and_read_back(single):
    client = single.leading()
    ((outcome, revision),) = client.execute(request("w1", customer("w1")))
    answer = client.read(get_customer("w1"))

    assert outcome.document == decode_document(Kind.CUSTOMER, answer.results[0].document)
    assert answer.revision >= revision


def test_a_refusal_is_an_outcome_of_the_call_not_its_failure(single):
    client = single.leading()
    (first, _), (second, _) = client.execute(request("x1", customer("x1")), request("x2", customer("x1")))

    assert isinstance(first, Done)
    assert second.reason is Reason.CUSTOMER_EXISTS


def raise_to_credentials(client):
    raising = admin_portal_pb2.RaiseLevelRequest(level=CREDENTIALS_LEVEL)
    client.call(ReplicaStub(client.channel).RaiseLevel, raising, 5.0)


def test_a_revoked_credential_decides_nothing_more_and_the_log_says_who_asked(single):
    client = single.leading()
    client.call(
        ReplicaStub(client.channel).RaiseLevel, admin_portal_pb2.RaiseLevelRequest(level=CREDENTIALS_LEVEL), 5.0
    )
    clerk = Principal("c" * 12, 1)
    client.execute(
        request("k1", CreateCredential(clerk.credential_id, "clerk", "Bia", "1" * 64, 1)),
        request("k2", product("k", quantity=5)),
    )

    with capture_logs() as logs:
        answers = client.execute(
            Request("", "k3", AdjustStock("k", 1), clerk),
            Request("", "k4", customer("k"), clerk),
            request("k5", RevokeCredential(clerk.credential_id)),
            Request("", "k6", AdjustStock("k", 1), clerk),
            Request("", "k3", AdjustStock("k", 1), clerk),
        )

    reasons = [getattr(outcome, "reason", None) for outcome, _ in answers]
    revoked = Reason.CREDENTIAL_REVOKED
    assert reasons == [None, Reason.FORBIDDEN, None, revoked, revoked]
    assert [each.get("credential_id") for each in logs if each["event"] == "command"] == [
        clerk.credential_id,
        clerk.credential_id,
        None,
        clerk.credential_id,
        clerk.credential_id,
    ]
    listed = client.read(pb.ReadItem(list=pb.ListItem(kind=pb.ListItem.KIND_CREDENTIALS))).results[0].page
    assert listed.documents == []


def test_credentials_are_read_one_by_one_and_listed_by_their_owner(single):
    client = single.leading()
    client.call(
        ReplicaStub(client.channel).RaiseLevel, admin_portal_pb2.RaiseLevelRequest(level=CREDENTIALS_LEVEL), 5.0
    )
    client.execute(
        request("l1", CreateCustomer("lia", "Lia", (), "d" * 12, "2" * 64, 1)),
        request("l2", CreateCredential("e" * 12, "customer", "phone", "3" * 64, 1, "lia")),
        request("l3", CreateCredential("f" * 12, "read-only", "Eva", "4" * 64, 1)),
    )
    get = pb.ReadItem(get=pb.GetItem(kind=pb.DOCUMENT_KIND_CREDENTIAL, id="d" * 12))
    of_lia = pb.ListItem(kind=pb.ListItem.KIND_CREDENTIALS, customer_id="lia", page_size=1)
    of_staff = pb.ListItem(kind=pb.ListItem.KIND_CREDENTIALS)

    answers = client.read(get, pb.ReadItem(list=of_lia), pb.ReadItem(list=of_staff)).results
    of_lia.page_token = answers[1].page.next_page_token
    second = client.read(pb.ReadItem(list=of_lia)).results[0].page

    first = decode_document(Kind.CREDENTIAL, answers[0].document)
    assert (first.customer_id, first.secret_hash) == ("lia", "2" * 64)
    assert list(answers[1].page.documents) == [answers[0].document]
    assert [decode_document(Kind.CREDENTIAL, each).credential_id for each in second.documents] == ["e" * 12]
    assert [decode_document(Kind.CREDENTIAL, each).label for each in answers[2].page.documents] == ["Eva"]


def test_an_empty_call_is_answered_without_an_entry(single):
    client = single.leading()
    before = client.status().last_log_index

    assert client.execute() == []
    assert client.status().last_log_index == before


def test_a_call_with_too_many_commands_is_refused_whole(single):
    client = single.leading()
    refusal = client.execute(*(request(f"m{n}", customer(f"m{n}")) for n in range(513)))

    assert (refusal.field, dict(refusal.details)["problem"]) == ("requests", Problem.TOO_MANY)
    assert client.read(get_customer("m0")).results[0].HasField("absent")


def test_a_call_with_too_many_bytes_is_refused_whole(single):
    big = (("big", '"' + "x" * 16_000 + '"'),)
    refusal = single.leading().execute(*(request(f"b{n}", CreateCustomer(f"b{n}", "name", big)) for n in range(200)))

    assert (refusal.field, dict(refusal.details)["problem"]) == ("requests", Problem.TOO_LARGE)


def test_a_request_that_does_not_parse_is_told_by_its_field(single):
    client = single.leading()
    good = pb.ExecuteRequest(requests=[encode_request(request("u1", customer("name")))]).SerializeToString()
    method = client.channel.unary_unary("/quitanda.v1.Replica/Execute", None, pb.ExecuteResponse.FromString)
    refusal = client.call(method, good.replace(b"u1", b"\xff\xff"), 5)

    assert refusal == Refused(Reason.INVALID_ARGUMENT, "requests[0].request_id", (("problem", Problem.NOT_UTF8.value),))


@pytest.mark.parametrize(
    ("encoded", "field", "problem"),
    [
        (b"\x12\x02\xff\xff", "requests[1].request_id", Problem.NOT_UTF8),
        (b"\x1a\x04\x12\x02\xff\xff", "requests[1].create_customer.name", Problem.NOT_UTF8),
        (b"\x12\x40r", "request", Problem.MALFORMED),
        (b"\x1a\x04\x12\x09no", "request", Problem.MALFORMED),
        (b"\x8b\x3f" * 100 + b"\x8c\x3f" * 100, "request", Problem.MALFORMED),  # too deep within an entry
    ],
)
def test_one_request_that_is_no_message_refuses_the_whole_call_and_nothing_happens(single, encoded, field, problem):
    client = single.leading()
    good = encode_request(request("whole", customer("whole")))

    refusal = client.execute_raw(pb.ExecuteRequest(requests=[good, encoded]))

    assert refusal == Refused(Reason.INVALID_ARGUMENT, field, (("problem", problem.value),))
    assert client.read(get_customer("whole")).results[0].HasField("absent")


def test_a_commands_own_garbage_is_its_own_refusal(single):
    client = single.leading()
    nothing, good = pb.Request(request_id="g").SerializeToString(), encode_request(request("g2", customer("g2")))
    answer = client.execute_raw(pb.ExecuteRequest(requests=[nothing, good]))

    refused, done = map(pb.Outcome.FromString, answer.outcomes)
    assert refused.refused.reason == "INVALID_ARGUMENT"
    assert done.HasField("done")


def test_a_call_whose_time_is_over_is_unknown_or_not_begun_never_failed(single):
    client = single.leading()
    failure = client.execute(request("t1", customer("t1")), timeout=0.0001)

    assert isinstance(failure, OutcomeUnknown | Unavailable)


def test_health_and_reflection_are_served(single):
    client = single.leading()
    block_until(lambda: all(client.health(service) for service in HEALTH_SERVICES), "all is SERVING")
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = list(stub.ServerReflectionInfo(iter([asked]), timeout=5))

    assert "quitanda.v1.Replica" in {service.name for service in answer.list_services_response.service}


def test_many_health_watches_leave_room_for_calls(single):
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    client = single.leading()
    stub = health_pb2_grpc.HealthStub(client.channel)
    watches = [stub.Watch(health_pb2.HealthCheckRequest(service=""), timeout=30) for _ in range(100)]
    for watch in watches:
        next(iter(watch))

    assert client.status().name == "replica1"
    for watch in watches:
        watch.cancel()


def test_the_status_counts_what_there_is(single):
    client = single.leading()
    before = client.status()
    client.execute(*(request(f"s{n}", command) for n, command in enumerate((customer("sa"), product("sp")))))
    client.execute(request("so", order("so", "sa", sp=1), "sa"))
    after = client.status()

    counted = [(s.customers, s.products, s.orders) for s in (before, after)]
    assert [b - a for a, b in zip(*counted, strict=True)] == [1, 1, 1]
    assert after.revision == before.revision + 2
    assert after.state_digest != before.state_digest
    assert after.role == admin_portal_pb2.REPLICA_ROLE_LEADER


def test_all_replicas_come_to_the_same_digest(cluster):
    client = cluster.leading()
    client.execute(request("c", customer()), request("p", product(quantity=500)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: client.execute(request(f"o{n}", order(f"o{n}", pen=1), "ana")), range(100)))
    statuses = cluster.agreed()

    assert all(isinstance(outcome, Done) for ((outcome, _),) in answers)
    assert len({status.state_digest for status in statuses}) == 1
    assert {status.orders for status in statuses} == {100}
    assert [len([peer for peer in status.peers if peer.connected]) for status in statuses] == [2, 2, 2]


def test_a_follower_names_the_leader(cluster):
    leader = cluster.leader()
    for name in cluster.followers():
        block_until(lambda name=name: cluster.clients[name].status().leader == leader, "the follower knows the leader")
        for failure in (
            cluster.clients[name].execute(request("r", customer())),
            cluster.clients[name].read(get_customer("ana")),
        ):
            assert isinstance(failure, NotLeader)
            assert failure.leader == leader


def test_after_the_leader_stops_another_one_knows_everything(cluster):
    again = request("again", customer())
    first = cluster.leading().execute(again)
    ((created, _),) = first
    cluster.stop(cluster.leader())
    client = cluster.leading()

    assert client.execute(again) == first
    assert client.read(get_customer("ana", created.document)).results[0].HasField("unchanged")


def test_a_list_goes_on_where_it_began_although_another_replica_leads(cluster):
    old = cluster.leader()
    client = cluster.leading()
    client.execute(*(request(f"c{n}", customer(f"c{n}")) for n in range(4)))
    first = client.read(list_customers()).results[0].page
    client.transfer_leadership()
    new = block_until(lambda: cluster.leader() != old and cluster.leader(), "another leader")
    cluster.clients[new].execute(request("late", customer("c2b")))

    refused_there = cluster.clients[new].read(list_customers(first.next_page_token))
    second = client.read(list_customers(first.next_page_token)).results[0].page

    assert isinstance(refused_there, NotLeader)
    assert refused_there.leader == old
    assert [decode_document(Kind.CUSTOMER, data).customer_id for data in second.documents] == ["c2", "c3"]


def list_customers(page_token=""):
    return pb.ReadItem(list=pb.ListItem(kind=pb.ListItem.KIND_CUSTOMERS, page_size=2, page_token=page_token))


def test_without_a_majority_nothing_is_acknowledged_and_readiness_ends(cluster):
    client = cluster.leading()
    leader = cluster.leader()
    for name in cluster.followers():
        cluster.stop(name)
    written = client.execute(request("w", customer()), timeout=1.0)
    read = client.read(get_customer("ana"), timeout=0.5)

    assert isinstance(written, OutcomeUnknown | Unavailable)
    assert isinstance(read, Unavailable | OutcomeUnknown)
    block_until(lambda: not cluster.clients[leader].health("readiness"), "readiness ends")
    assert cluster.clients[leader].health("liveness")


def test_a_replica_that_was_away_catches_up_to_the_same_digest(cluster):
    away = cluster.followers()[0]
    cluster.stop(away)
    client = cluster.leading()
    for number in range(20):
        client.execute(request(f"c{number}", customer(f"c{number}")))
    cluster.start(away)
    statuses = cluster.agreed()

    assert {status.name for status in statuses} == set(cluster.topology.names)
    assert len({status.state_digest for status in statuses}) == 1


def test_the_leader_publishes_what_changes_and_the_next_leader_goes_on(tmp_path):
    broker = Broker(tmp_path)
    broker.start()
    cluster = Cluster(tmp_path, 3, broker.address).start()
    listener = FeedListener(broker.address)
    try:
        block_until(lambda: listener.heartbeats, "a heartbeat")
        cluster.leading().execute(request("a", customer("a")))
        block_until(lambda: len(listener.changes) == 1, "the first change")
        cluster.stop(cluster.leader())
        ((_, revision),) = cluster.leading().execute(request("b", customer("b")))
        block_until(lambda: listener.heartbeats[-1].revision == revision, "a heartbeat of the new leader")
    finally:
        listener.close()
        cluster.close()
        broker.stop()

    first, second = listener.changes
    assert [change.document_id for change in first.changes + second.changes] == ["a", "b"]
    assert second.previous_revision == first.revision
    assert second.term > first.term


def test_a_second_replica_on_the_same_data_does_not_start(tmp_path):
    cluster = Cluster(tmp_path, 1).start()
    other = Topology(tmp_path, 1)
    try:
        with pytest.raises(StoreFailed, match="in use by another process"):
            ReplicaProcess(other.settings("replica1"), cluster.fatal.append).start()
    finally:
        cluster.close()


def test_a_replica_whose_address_is_taken_does_not_start_and_lets_its_data_go(tmp_path):
    cluster = Cluster(tmp_path / "one", 1).start()
    topology = Topology(tmp_path / "two", 1)
    topology.grpc = cluster.topology.grpc
    try:
        for _ in range(2):
            with pytest.raises(OSError, match="cannot listen on"):
                ReplicaProcess(topology.settings("replica1"), cluster.fatal.append).start()
    finally:
        cluster.close()


def test_an_orderly_end_takes_a_moment_only(tmp_path):
    cluster = Cluster(tmp_path, 1).start()
    cluster.leading()
    allowed = 120.0
    begun = time.monotonic()
    cluster.stop("replica1", allowed)

    assert time.monotonic() - begun < allowed / 2  # nothing waits its time out


def test_a_client_that_goes_on_calling_while_the_replica_ends_is_told_so(tmp_path):
    cluster = Cluster(tmp_path, 1).start()
    client = Client(cluster.topology.grpc["replica1"])
    cluster.leading()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(client.execute, request(f"c{n}", customer(f"c{n}"))) for n in range(200)]
        cluster.stop("replica1")
        answers = [call.result() for call in calls]
    client.close()

    assert all(isinstance(answer, list | Unavailable | OutcomeUnknown) for answer in answers)
    assert cluster.fatal == []
    assert isinstance(client.channel, grpc.Channel)
