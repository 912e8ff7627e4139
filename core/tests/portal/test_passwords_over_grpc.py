"""Passwords at both portals over gRPC: each operation's success, each refusal, each bad field, by the messages."""

import grpc
import pytest
from fake_cluster import DirectReader
from known_callers import cluster_of_known_callers, let_in
from prometheus_client import CollectorRegistry

from quitanda.domain.commands import SetPassword
from quitanda.domain.model import CallerRole
from quitanda.error_status import describe
from quitanda.errors import OutcomeUnknown, Unavailable
from quitanda.identity.passwords import hash_password
from quitanda.operations import PortalKind, operations_of
from quitanda.portal.callers import Authenticator
from quitanda.portal.cluster_admin import ClusterAdmin
from quitanda.portal.failure_limits import FailureLimiter
from quitanda.portal.grpc_servicer import GrpcServicer
from quitanda.portal.ids import IdGenerator
from quitanda.portal.new_tokens import RequestChoices
from quitanda.portal.operations import PortalOperations
from quitanda.portal.passwords import PasswordKeeper
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime import metrics
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda_testing import bad_values as bad

TIMEOUT, SECONDS_MAX = 60.0, 60.0
GOOD, OTHER = "nine green bottles", "ten blue bottles"
ADMIN, CLIENT = PortalKind.ADMIN, PortalKind.CLIENT
BEN = {"name": "clerk "}  # what `let_in` calls the credential
ANA = {"customer_id": "ana"}


@pytest.fixture(scope="module")
def kept():
    return hash_password(GOOD)


@pytest.fixture
def cluster():
    return cluster_of_known_callers("ana", "bia")


@pytest.fixture
def tokens(cluster, kept):
    """Those of an administrator, of a clerk and ana, who have a password, and of Ana's second credential."""
    made = {
        "admin": let_in(cluster, CallerRole.ADMIN),
        "clerk": let_in(cluster, CallerRole.CLERK),
        "ana": let_in(cluster, CallerRole.CUSTOMER, "ana"),
        "second": let_in(cluster, CallerRole.CUSTOMER, "ana"),
        "expired": let_in(cluster, CallerRole.CUSTOMER, "bia", expires_at_ms=1),
    }
    for name in ("clerk", "ana", "expired"):
        cluster.does(SetPassword(made[name].credential_id, kept))
    return made


def servicer_of(portal, cluster):
    reader = DirectReader(cluster)
    authenticator, ids = Authenticator(reader), IdGenerator()
    return GrpcServicer(
        portal,
        PortalOperations(portal, cluster, reader, authenticator),
        ids,
        TIMEOUT,
        ClusterAdmin(cluster),
        choices=RequestChoices(ids, bytes(32), customers_get_tokens=True),
        authenticator=authenticator,
        passwords=PasswordKeeper(portal, cluster, authenticator, FailureLimiter()),
    )


@pytest.fixture
async def call(cluster, tokens):
    """A function that calls an operation by its name, and gives the answer, or the failure as it is told."""
    servers, channels = [], {}
    for portal in PortalKind:
        servicer = servicer_of(portal, cluster)
        server = AioGrpcServer(
            Address("127.0.0.1", 0),
            servicer.add_to,
            (servicer.service_name,),
            AccessLog(metrics.RequestMetrics(CollectorRegistry())),
            refuse_unread=servicer.refuse_unread,
            authenticate=servicer.authenticate,
        )
        await server.start()
        servers.append(server)
        channels[portal] = grpc.aio.insecure_channel(str(server.address))

    async def calling(portal, name_of_operation, token="", /, **fields):
        operation = operations_of(portal)[name_of_operation]
        text = tokens[token].text() if token in tokens else token
        metadata = (("authorization", f"Bearer {text}"),) if text else ()
        invoke = channels[portal].unary_unary(operation.path)
        message = operation.request_class(**fields).SerializeToString()
        try:
            answer = await invoke(message, timeout=SECONDS_MAX, metadata=metadata)
            return operation.response_class.FromString(answer)
        except grpc.RpcError as error:
            return describe(from_rpc_error(error))

    yield calling
    for channel in channels.values():
        await channel.close()
    for server in servers:
        await server.stop(0)


PEOPLE = [(ADMIN, "clerk", {}, BEN), (CLIENT, "ana", ANA, ANA)]


@pytest.mark.parametrize(("portal", "person", "own", "name"), PEOPLE)
async def test_whoever_signs_in_is_shown_her_session_and_its_token_and_no_hash(
    call, cluster, tokens, portal, person, own, name
):
    answer = await call(portal, "sign_in", password=GOOD, **name)

    shown = answer.credential
    assert (shown.session_of, shown.has_password) == (tokens[person].credential_id, False)
    assert shown.expires_at_ms > shown.created_at_ms > 0
    assert answer.token.startswith(f"qt1_{shown.credential_id}_")
    assert answer.revision == cluster.revision
    assert b"argon2" not in answer.SerializeToString()
    refused = await call(portal, "set_password", answer.token, password=OTHER, **own)
    assert (refused.reason, refused.field, refused.details["problem"]) == (
        "INVALID_ARGUMENT",
        "current_password",
        "missing",
    )
    changed = await call(portal, "set_password", answer.token, password=OTHER, current_password=GOOD, **own)
    assert changed.credential.credential_id == tokens[person].credential_id


@pytest.mark.parametrize(("portal", "person", "own", "name"), PEOPLE)
async def test_a_password_is_set_and_removed_and_a_repeated_request_is_answered_again(call, portal, person, own, name):
    first = await call(portal, "set_password", person, password=OTHER, request_id="r1", **own)
    assert first.credential.has_password
    assert first.request_id == "r1"
    assert b"argon2" not in first.SerializeToString()
    assert await call(portal, "set_password", person, password=OTHER, request_id="r1", **own) == first

    assert (await call(portal, "sign_in", password=OTHER, **name)).token
    removed = await call(portal, "set_password", person, **own)
    assert (removed.credential.has_password, len(removed.request_id)) == (False, 32)
    assert (await call(portal, "sign_in", password=OTHER, **name)).details["problem"] == "wrong_password"


REFUSED = [
    (CLIENT, "set_password", "second", {**ANA, "password": OTHER}, ("PASSWORD_EXISTS", "credential_id", None)),
    (CLIENT, "set_password", "ana", {"customer_id": "bia", "password": OTHER}, ("FORBIDDEN", "", None)),
    (CLIENT, "set_password", "admin", {**ANA, "password": OTHER}, ("FORBIDDEN", "", None)),  # hers, or the admin's?
    (ADMIN, "set_password", "clerk", {"credential_id": "ID_OF_ADMIN"}, ("FORBIDDEN", "", None)),
    (ADMIN, "set_password", "admin", {"credential_id": "z" * 12}, ("CREDENTIAL_NOT_FOUND", "credential_id", None)),
    (ADMIN, "set_password", "admin", {"password": "short"}, ("INVALID_ARGUMENT", "password", "too_short")),
    (ADMIN, "sign_in", "", {**BEN, "password": OTHER}, ("UNAUTHENTICATED", "password", "wrong_password")),
    (ADMIN, "sign_in", "", {"name": "nobody", "password": GOOD}, ("UNAUTHENTICATED", "password", "wrong_password")),
    (CLIENT, "sign_in", "", {**ANA, "password": OTHER}, ("UNAUTHENTICATED", "password", "wrong_password")),
    (CLIENT, "sign_in", "", {"customer_id": "bia", "password": GOOD}, ("UNAUTHENTICATED", "password", "expired")),
]


@pytest.mark.parametrize(("portal", "name", "token", "fields", "wanted"), REFUSED)
async def test_refusals(call, cluster, tokens, portal, name, token, fields, wanted):
    before = list(cluster.state.documents())
    if fields.get("credential_id") == "ID_OF_ADMIN":
        fields = {**fields, "credential_id": tokens["admin"].credential_id}

    told = await call(portal, name, token, **fields)

    assert (told.reason, told.field, told.details.get("problem")) == wanted
    assert told.message
    assert list(cluster.state.documents()) == before


def bad_fields():
    for value, problem in bad.PASSWORDS:
        yield ADMIN, "set_password", "admin", {"password": value}, "password", problem
        yield CLIENT, "set_password", "ana", {**ANA, "password": value}, "password", problem
    for value, problem in bad.GIVEN_IDS:
        yield ADMIN, "set_password", "admin", {"password": GOOD, "request_id": value}, "request_id", problem
        yield CLIENT, "set_password", "ana", {**ANA, "password": GOOD, "request_id": value}, "request_id", problem
    for value, problem in bad.CREDENTIAL_IDS:
        if value:
            yield ADMIN, "set_password", "admin", {"credential_id": value}, "credential_id", problem
    for value, problem in bad.IDS:
        yield CLIENT, "sign_in", "", {"customer_id": value, "password": GOOD}, "customer_id", problem
    for value, problem in (("", "missing"), ("  ", "missing"), ("x" * 201, "too_long"), ("x" * 50_000, "too_long")):
        yield ADMIN, "sign_in", "", {"name": value, "password": GOOD}, "name", problem
    yield ADMIN, "sign_in", "", {"name": "Ben"}, "password", "missing"
    yield CLIENT, "sign_in", "", ANA, "password", "missing"


async def test_each_bad_field_is_named_and_nothing_comes_into_the_log(call, cluster):
    for portal, name, token, fields, field, problem in bad_fields():
        told = await call(portal, name, token, **fields)

        case = (name, {key: value[:40] for key, value in fields.items()})
        assert (case, told.reason, told.field, told.details["problem"]) == (case, "INVALID_ARGUMENT", field, problem)
        assert field in told.message
    assert cluster.requests == []


@pytest.mark.parametrize(("portal", "person", "own", "name"), PEOPLE)
@pytest.mark.parametrize(
    ("error", "wanted"),
    [(Unavailable("no leader"), ("UNAVAILABLE", True)), (OutcomeUnknown("too late"), ("OUTCOME_UNKNOWN", False))],
)
async def test_a_failure_says_whether_anything_may_have_happened(
    call, cluster, portal, person, own, name, error, wanted
):
    def fail():
        raise error

    for operation, token, fields in (("set_password", person, own | {"password": OTHER}), ("sign_in", "", name)):
        cluster.before_next_execution(fail)
        told = await call(portal, operation, token, **{"password": GOOD, **fields})

        assert (told.reason, told.definite) == wanted
    assert (await call(portal, "sign_in", password=GOOD, **name)).token
