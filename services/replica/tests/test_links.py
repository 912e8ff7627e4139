"""A replica's port with TLS: whom it takes, what it says to the others, and what a renewal does not disturb."""

import asyncio
import itertools
import threading
import time
from contextlib import ExitStack

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from quitanda.cluster_client.options import ClusterOptions
from quitanda.cluster_client.replica_channel import ReplicaChannel
from quitanda.domain.outcomes import Reason, Refused
from quitanda.errors import NoConnection
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_options import secure_channel_options
from quitanda.runtime.link_credentials import channel_credentials
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.link_refusals import refusal
from quitanda.runtime.metrics import RequestMetrics
from quitanda.v1 import replica_pb2 as pb
from quitanda.v1.admin_portal_pb2 import ReplicaStatus
from quitanda.v1.replica_pb2_grpc import ReplicaServicer, ReplicaStub
from quitanda_replica.grpc_server import CallInterceptor, GrpcServer
from quitanda_replica.peer_statuses import PeerStatuses
from quitanda_testing.blocking_wait import block_until
from quitanda_testing.identity_folders import HOUR, CertificateAuthority, write_file, write_identity

SECONDS = 5.0
PORTAL = "portal/admin-portal-1"
STATUS = pb.GetStatusRequest()


class StatusOf(ReplicaServicer):
    def __init__(self, name):
        self.name = name
        self.asked = 0

    def GetStatus(self, request, context):  # noqa: ARG002, N802 - the service names it
        self.asked += 1
        return pb.GetStatusResponse(status=ReplicaStatus(name=self.name))


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture
def folders(tmp_path, authority):
    """Makes the identity folder of a process, or gives the one that it made before."""

    def folder(common_name):
        path = tmp_path / common_name.replace("/", "-")
        return path if path.exists() else write_identity(path, common_name, authority)

    return folder


@pytest.fixture
def serve(folders):
    """Starts the replica's server under a name; gives its address and its servicer."""
    with ExitStack() as closing:

        def start(name="replica1", identity=True, **given):
            folder = folders(f"replica/{name}")
            interceptor = CallInterceptor(RequestMetrics(CollectorRegistry()), lambda _: None)
            server = GrpcServer(
                Address("127.0.0.1", 0), interceptor, LinkIdentity(folder) if identity else None, **given
            )
            address, servicer = server.bind(), StatusOf(name)
            server.start(servicer)
            closing.callback(server.stop, 0)
            return address, servicer

        yield start


def channel_to(address, folder, certificate_name=""):
    credentials = channel_credentials(LinkIdentity(folder).current())
    options = (*secure_channel_options(certificate_name), ("grpc.use_local_subchannel_pool", 1))
    return grpc.secure_channel(str(address), credentials, options)


def answer(call, request):
    """What the server answers, or the failure of the call and what the library says."""
    try:
        return call(request, timeout=SECONDS), ""
    except grpc.RpcError as error:
        return from_rpc_error(error), error.details()


def asked(address, folder):
    """Ask a replica's status; give the answer, and what the caller is told of a connection that was refused."""
    with channel_to(address, folder) as channel:
        found, said = answer(ReplicaStub(channel).GetStatus, STATUS)
    return found, refusal(said, LinkIdentity(folder))


@pytest.mark.parametrize("common_name", [PORTAL, "portal/client-portal-2", "replica/replica2", "replica/replica1"])
def test_portals_and_replicas_are_taken(serve, folders, common_name):
    address, _ = serve()

    found, _ = asked(address, folders(common_name))

    assert found.status.name == "replica1"


@pytest.mark.parametrize("common_name", ["broker", "metrics", "ana", "portal", "portals/x", "Portal/admin-portal-1"])
def test_whoever_is_called_otherwise_gets_nothing_of_any_service(serve, folders, common_name):
    address, servicer = serve()
    health = health_pb2.HealthCheckRequest(service="liveness")

    with channel_to(address, folders(common_name)) as channel:
        answers = [
            answer(ReplicaStub(channel).GetStatus, STATUS)[0],
            answer(health_pb2_grpc.HealthStub(channel).Check, health)[0],
            answer(lambda request, timeout: next(health_pb2_grpc.HealthStub(channel).Watch(request, timeout)), health)[
                0
            ],
            answer(lambda request, timeout: next(_reflection(channel)(iter([request]), timeout)), _LIST_SERVICES)[0],
        ]

    assert [(type(found), found.reason) for found in answers] == [(Refused, Reason.FORBIDDEN)] * 4
    assert servicer.asked == 0


_LIST_SERVICES = reflection_pb2.ServerReflectionRequest(list_services="")


def _reflection(channel):
    return reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo


def test_health_and_reflection_answer_those_that_are_taken(serve, folders):
    address, _ = serve()
    health = health_pb2.HealthCheckRequest(service="liveness")

    with channel_to(address, folders("replica/replica1")) as channel:
        checked, _ = answer(health_pb2_grpc.HealthStub(channel).Check, health)
        watched = next(health_pb2_grpc.HealthStub(channel).Watch(health, timeout=SECONDS))
        services = next(_reflection(channel)(iter([_LIST_SERVICES]), timeout=SECONDS))

    assert checked.status == watched.status == health_pb2.HealthCheckResponse.SERVING
    assert "quitanda.v1.Replica" in [service.name for service in services.list_services_response.service]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"begins": -2 * HOUR, "ends": -HOUR}, "this process's own certificate has expired (the clock here says"),
        ({"begins": HOUR, "ends": 2 * HOUR}, "this process's own certificate is not valid yet (the clock here says"),
        ({"self_signed": True}, "this process's own certificate is signed by itself"),
    ],
)
def test_a_callers_certificate_that_is_not_right_is_refused_with_a_reason(serve, folders, authority, given, said):
    address, servicer = serve()
    write_file(folders(PORTAL) / "process.pem", authority.issue(PORTAL, **given))

    found, told = asked(address, folders(PORTAL))

    assert isinstance(found, NoConnection)
    assert said in told
    assert servicer.asked == 0


def test_a_customers_certificate_is_refused_even_if_it_calls_itself_a_portal(serve, folders):
    address, servicer = serve()
    customers = CertificateAuthority("Customers")
    write_file(folders(PORTAL) / "process.pem", customers.issue(PORTAL))

    found, told = asked(address, folders(PORTAL))

    assert isinstance(found, NoConnection)
    assert "of an authority that is not in ca.pem" in told
    assert servicer.asked == 0


def test_a_caller_without_a_certificate_is_refused_and_told_what_it_may_be(serve, folders):
    address, servicer = serve()
    (folders(PORTAL) / "process.pem").unlink()

    found, told = asked(address, folders(PORTAL))

    assert isinstance(found, NoConnection)
    assert "it may not trust this process's certificate" in told
    assert "one of the two clocks may be wrong" in told
    assert servicer.asked == 0


def test_a_caller_without_tls_is_refused_and_one_with_tls_at_a_port_without_it_is_told(serve, folders):
    address, servicer = serve()
    with grpc.insecure_channel(str(address)) as channel:
        found, said = answer(ReplicaStub(channel).GetStatus, STATUS)
    assert isinstance(found, NoConnection)
    assert "set QUITANDA_IDENTITY" in refusal(said, None)
    assert servicer.asked == 0

    open_address, _ = serve("replica2", identity=False)
    found, told = asked(open_address, folders(PORTAL))
    assert isinstance(found, NoConnection)
    assert "it does not speak TLS" in told


def test_each_peer_must_have_the_certificate_of_its_name(serve, folders):
    first, _ = serve("replica2")
    wrong, servicer = serve("replica3")
    peers = PeerStatuses({"replica2": first, "replica4": wrong}, LinkIdentity(folders("replica/replica1")))

    answers = peers.ask(SECONDS)
    peers.close()

    assert answers["replica2"].name == "replica2"
    assert answers["replica4"].startswith("no answer: UNAVAILABLE (its certificate is of another name")
    assert servicer.asked == 0


def test_peers_are_asked_with_the_renewed_certificate(serve, folders, authority):
    address, _ = serve("replica2", connection_age_seconds=0.2)
    own = folders("replica/replica1")
    peers = PeerStatuses({"replica2": address}, LinkIdentity(own))
    assert peers.ask(SECONDS)["replica2"].name == "replica2"

    write_file(own / "process.pem", authority.issue("broker"))
    assert "PERMISSION_DENIED" in peers.ask(SECONDS)["replica2"]

    write_file(own / "process.pem", authority.issue("replica/replica1"))
    assert peers.ask(SECONDS)["replica2"].name == "replica2"
    peers.close()


class NewConnections(threading.Thread):
    """Makes a connection for each call, with the certificates of the moment."""

    def __init__(self, address, folder):
        super().__init__(daemon=True)
        self.made, self.failures = 0, []
        self._address, self._folder = address, folder
        self._ending = threading.Event()

    def run(self):
        while not self._ending.is_set():
            try:
                with channel_to(self._address, self._folder, "replica1") as channel:
                    assert ReplicaStub(channel).GetStatus(STATUS, timeout=SECONDS).status.name == "replica1"
                self.made += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
                self.failures.append(repr(error))

    def end(self):
        self._ending.set()
        self.join()


@pytest.mark.slow
async def test_no_call_fails_while_certificates_are_renewed_and_the_authority_is_replaced(serve, folders, authority):
    """Over a portal's lasting channel, and over a new connection for each call."""
    address, _ = serve()
    server, portal = folders("replica/replica1"), folders(PORTAL)
    old, new = authority, CertificateAuthority("Quitanda test CA")
    channel = ReplicaChannel("replica1", str(address), ClusterOptions(), LinkIdentity(portal))
    new_connections = NewConnections(address, portal)
    new_connections.start()
    steps = (
        {server: ("process.pem", old.issue("replica/replica1")), portal: ("process.pem", old.issue(PORTAL))},
        {server: ("ca.pem", old.pem + new.pem), portal: ("ca.pem", old.pem + new.pem)},
        {server: ("process.pem", new.issue("replica/replica1")), portal: ("process.pem", new.issue(PORTAL))},
        {server: ("ca.pem", new.pem), portal: ("ca.pem", new.pem)},
        {server: ("process.pem", b"half of a fi")},
        {server: ("process.pem", new.issue("replica/replica1"))},
    )
    counted, failures, ending = itertools.count(), [], asyncio.Event()

    async def ask():
        while not ending.is_set():
            try:
                await channel.status(SECONDS)
                next(counted)
            except Exception as error:  # noqa: BLE001 - as above
                failures.append(repr(error))

    callers = [asyncio.create_task(ask()) for _ in range(8)]
    for step in steps:
        for folder, (name, content) in step.items():
            write_file(folder / name, content)
            # the other side comes later, as it does where folders are copied to other machines
            await asyncio.to_thread(more_connections, new_connections)
        await asyncio.sleep(0.6)  # the channel looks for new files twice in a second
        await asyncio.to_thread(more_connections, new_connections)
    ending.set()
    await asyncio.gather(*callers)
    await channel.close()
    new_connections.end()

    assert (failures, new_connections.failures) == ([], [])
    assert next(counted) > 500


async def test_a_portal_logs_once_why_a_replica_refuses_it(serve, folders, authority):
    address, _ = serve()
    portal = folders(PORTAL)
    write_file(portal / "process.pem", authority.issue(PORTAL, begins=-2 * HOUR, ends=-HOUR))
    channel = ReplicaChannel("replica1", str(address), ClusterOptions(), LinkIdentity(portal))
    reasons = set()
    with capture_logs() as logs:
        async with asyncio.timeout(2 * SECONDS):
            while len(reasons) < 3:  # they tell the time in seconds
                with pytest.raises(NoConnection, match="this process's own certificate has expired") as refused:
                    await channel.status(SECONDS)
                reasons.add(str(refused.value))
                await asyncio.sleep(0.05)
        write_file(portal / "process.pem", authority.issue(PORTAL))
        async with asyncio.timeout(SECONDS):
            while not await answered(channel):
                pass
    await channel.close()

    (log,) = logs_of_refusals(logs)
    assert log["replica"] == "replica1"
    assert log["reason"].startswith("this process's own certificate has expired (the clock here says ")


def logs_of_refusals(logs):
    return [log for log in logs if log["event"] == "replica_connection_refused"]


async def answered(channel):
    try:
        return (await channel.status(SECONDS)).name == "replica1"
    except NoConnection:
        return False


def more_connections(connections, calls=5):
    goal = connections.made + calls
    block_until(lambda: connections.made >= goal or connections.failures, "more calls over new connections", 30)


def test_a_caller_whose_authority_is_dropped_is_out_within_the_age_of_a_connection(serve, folders, authority):
    age = 0.5
    address, _ = serve(connection_age_seconds=age)
    with channel_to(address, folders(PORTAL)) as channel:
        assert answer(ReplicaStub(channel).GetStatus, STATUS)[0].status.name == "replica1"
        server = folders("replica/replica1")
        successor = CertificateAuthority("Another")
        write_file(server / "ca.pem", successor.pem)
        dropped = time.monotonic()

        block_until(
            lambda: isinstance(answer(ReplicaStub(channel).GetStatus, STATUS)[0], NoConnection), "the caller is out", 10
        )

    assert time.monotonic() - dropped < 10 * age
    assert authority.pem != successor.pem
