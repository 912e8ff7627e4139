"""The first administrator's credential: created by the leader, once, and never again."""

import json
from dataclasses import asdict

import grpc
import pytest
from replica_fake_raft import OneReplicaRaft
from replica_processes import Client, Topology
from replica_state import customer
from structlog.testing import capture_logs

from quitanda.codec.protobuf import request_to_proto
from quitanda.domain.commands import (
    CreateCredential,
    CreateFirstCredential,
    OpenSession,
    Principal,
    RaiseLevel,
    Request,
    RevokeCredential,
)
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Done, Problem, Reason, invalid
from quitanda.errors import Rejected, Unavailable
from quitanda.identity.folder import FirstCredential, IdentityFile
from quitanda.runtime.grpc_options import secure_channel_options
from quitanda.runtime.link_credentials import channel_credentials
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_replica.admin.first_credential import FirstCredentialProposer
from quitanda_replica.composition import ReplicaProcess
from quitanda_replica.level_check import LevelCheck
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.reads.snapshots import ConsistentSnapshots
from quitanda_testing.blocking_wait import block_until
from quitanda_testing.identity_folders import CertificateAuthority, write_file, write_identity

FIRST = FirstCredential("a" * 12, "admin", "1" * 64)
ANOTHER = FirstCredential("b" * 12, "admin", "2" * 64)


@pytest.fixture
def raft(state):
    state.do(*map(RaiseLevel, range(2, SUPPORTED_LEVEL + 1)))
    return OneReplicaRaft(state)


def proposer(raft, first=FIRST):
    return FirstCredentialProposer(first, raft, ConsistentSnapshots(raft.state.store))


def credentials(raft):
    return {document_id for kind, document_id in raft.state.documents() if kind is Kind.CREDENTIAL}


def test_the_leader_creates_it_once(raft):
    raft.state.do(customer())
    proposing = proposer(raft)

    with capture_logs() as logs:
        for _ in range(3):
            proposing.propose()

    created = raft.state.view().credential(FIRST.credential_id)
    assert (created.role, created.secret_hash, created.expires_at_ms) == ("admin", FIRST.secret_hash, 0)
    assert raft.submitted == 1
    assert [each["event"] for each in logs] == ["first_credential_created"]
    raft.state.digest()


def test_a_follower_creates_nothing(raft):
    raft.role = Role.FOLLOWER

    proposer(raft).propose()

    assert (raft.submitted, credentials(raft)) == (0, set())


def test_below_the_level_of_credentials_nothing_comes_into_the_log(state):
    raft = OneReplicaRaft(state)
    proposing = proposer(raft)
    proposing.propose()
    assert raft.submitted == 0

    state.do(*map(RaiseLevel, range(2, SUPPORTED_LEVEL + 1)))
    proposing.propose()

    assert credentials(raft) == {FIRST.credential_id}


def test_another_leader_with_another_folder_does_not_create_a_second_one(raft):
    proposer(raft).propose()

    proposer(raft, ANOTHER).propose()

    assert credentials(raft) == {FIRST.credential_id}


def test_once_it_was_revoked_it_does_not_come_back(raft):
    proposer(raft).propose()
    raft.state.do(CreateCredential(ANOTHER.credential_id, "admin", "Bia", ANOTHER.secret_hash, 1))
    ((outcome, _),) = raft.state.do(RevokeCredential(FIRST.credential_id))
    assert outcome == Done(None)

    proposer(raft).propose()

    assert credentials(raft) == {ANOTHER.credential_id}
    ((outcome, _),) = raft.state.do(RevokeCredential(ANOTHER.credential_id))
    assert outcome.reason is Reason.LAST_ADMIN_CREDENTIAL


def test_a_state_that_holds_only_credentials_of_others_still_gets_it(raft):
    raft.state.do(CreateCredential(ANOTHER.credential_id, "clerk", "Bia", ANOTHER.secret_hash, 1))

    proposer(raft).propose()

    assert credentials(raft) == {FIRST.credential_id, ANOTHER.credential_id}


def test_an_attempt_that_fails_is_told_once_and_made_again(raft):
    raft.failing = Unavailable("no majority")
    proposing = proposer(raft)
    with capture_logs() as logs:
        proposing.propose()
        proposing.propose()
    assert [each["event"] for each in logs] == ["first_credential_not_created"]
    raft.failing = None

    proposing.propose()

    assert credentials(raft) == {FIRST.credential_id}


def level_check(state):
    return LevelCheck(lambda: state.counters().level, lambda _: None)


def test_no_portal_may_send_it(raft):
    request = Request("", "x", CreateFirstCredential(FIRST.credential_id, FIRST.secret_hash, 1))

    with pytest.raises(Rejected) as refused:
        level_check(raft.state).demand([request_to_proto(request)], 1.0)

    assert refused.value.refused == invalid("create_first_credential", Problem.UNKNOWN_FIELD)


def test_below_level_three_a_request_with_a_principal_is_refused_before_the_log(state):
    named = request_to_proto(Request("", "x", customer(), Principal(FIRST.credential_id, 1)))
    unnamed = request_to_proto(Request("", "x", customer()))

    level_check(state).demand([unnamed], 1.0)
    with pytest.raises(Rejected) as refused:
        level_check(state).demand([unnamed, named], 1.0)
    assert (refused.value.refused.reason, refused.value.refused.field) == (Reason.LEVEL_TOO_LOW, "principal")

    state.do(*map(RaiseLevel, range(2, SUPPORTED_LEVEL + 1)))
    level_check(state).demand([unnamed, named], 1.0)


class SecureTopology(Topology):
    """One replica with an identity folder, and the folder of a portal."""

    def __init__(self, directory):
        super().__init__(directory, 1)
        authority = CertificateAuthority()
        self.folder = write_identity(directory / "identity", "replica/replica1", authority)
        write_file(self.folder / IdentityFile.FIRST_CREDENTIAL, json.dumps(asdict(FIRST)).encode())
        self.portal = write_identity(directory / "portal", "portal/admin-portal-1", authority)

    def settings(self, name):
        return super().settings(name).model_copy(update={"identity": self.folder})


class SecureClient(Client):
    """A client with a portal's certificate."""

    def __init__(self, address, folder):
        super().__init__(address)
        self.channel.close()
        credentials = channel_credentials(LinkIdentity(folder).current())
        self.channel = grpc.secure_channel(str(address), credentials, secure_channel_options())
        self._stub = ReplicaStub(self.channel)


@pytest.mark.slow
def test_a_replica_with_an_identity_begins_with_its_first_credential_and_takes_unnamed_only_what_portals_ask(tmp_path):
    topology = SecureTopology(tmp_path)
    fatal = []
    process = ReplicaProcess(topology.settings("replica1"), fatal.append)
    process.start()
    client = SecureClient(topology.grpc["replica1"], topology.portal)
    try:
        get = pb.ReadItem(get=pb.GetItem(kind=pb.DOCUMENT_KIND_CREDENTIAL, id=FIRST.credential_id))
        block_until(
            lambda: isinstance(found := client.read(get), pb.ReadResponse) and found.results[0].document,
            "the first credential is there",
        )
        administrator = Principal(FIRST.credential_id, 1)

        unnamed = client.execute(Request("", "a", customer(), administrator), Request("", "b", customer("bia")))
        named = client.execute(Request("", "a", customer(), administrator))
        opening = OpenSession("z" * 12, 1, "y" * 12, FIRST.secret_hash, 1, 2)
        ((of_portal, _),) = client.execute(Request("", "c", opening))
        mixed = client.execute(Request("", "d", opening), Request("", "e", customer("bia")))

        assert (unnamed.reason, unnamed.field, dict(unnamed.details)) == (
            Reason.UNAUTHENTICATED,
            "principal",
            {"problem": "missing"},
        )
        assert isinstance(named[0][0], Done)
        assert of_portal.reason is Reason.CREDENTIAL_NOT_FOUND
        assert mixed.reason is Reason.UNAUTHENTICATED
    finally:
        client.close()
        process.stop(5.0)
    assert fatal == []
