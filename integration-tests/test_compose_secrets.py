"""What nobody may see of the system in containers: nothing of it is on a link, in a log, in an image, or in a backup.

And what nobody notices: that certificates and the CA are replaced.
"""

import json
import re
import shutil
import socket
import ssl
import subprocess
from contextlib import contextmanager

import pytest

from quitanda.identity.folder import IdentityFile
from quitanda_testing.cluster.kinds import ClusterKind, chosen

if chosen() is not ClusterKind.CONTAINERS:
    pytest.skip("needs Docker: QUITANDA_TEST_CLUSTER=containers", allow_module_level=True)

import grpc
from compose_project import EVERYTHING, REPLICAS, CommandFailed, written

from quitanda.course import contract_pb2 as pb
from quitanda.course.contract_pb2_grpc import AdminPortalStub
from quitanda_local.topology import HOST, ServiceRole, fixed

pytestmark = pytest.mark.timeout(300)
pytest_plugins = ("course_in_containers",)

TOPOLOGY = fixed(course=True)
COURSE_PORTS = {service.course_port for service in TOPOLOGY.services if service.course_port}
BROKER_PORT = 8883
TALKS_BYTES = 1_000
"""What is said at a port at least, if it is used at all: more than a handshake that fails."""

CUSTOMER, CUSTOMER_NAME = "marina-do-balcao", "Marina Verissimo"
PRODUCT, PRODUCT_NAME = "goiabada-cascao", "Goiabada Especial"
OPEN_NAME = "Falada Em Voz Alta"
"""Of a customer who is registered at a port of the course's contract, which is open."""

SESSION = f"""
quitanda-admin customer create --cid {CUSTOMER} --name '{CUSTOMER_NAME}'
quitanda-admin product create --pid {PRODUCT} --name '{PRODUCT_NAME}' --price 7.50 --quantity 400
quitanda-admin token create --role clerk --label balcao
for transport in grpc mqtt; do
    quitanda-shop --customer {CUSTOMER} --transport $transport order create --item {PRODUCT}=2
    quitanda-shop --customer {CUSTOMER} --transport $transport order list
done
quitanda-admin product adjust-stock {PRODUCT} 17
quitanda-admin cluster backup /tmp/a.backup > /dev/null
quitanda-admin cluster status
quitanda-admin --portal admin-portal-2:7002 customer list
quitanda-shop --customer {CUSTOMER} --portal client-portal-2:7004 order list
quitanda-admin history product {PRODUCT}
"""

LOAD = """
import asyncio, sys, threading
from quitanda_clients.connecting import Transport, connect_admin, connect_shop

CUSTOMER, PRODUCT = sys.argv[1:]
MORE, PAUSE_SECONDS = 10, 0.02
counts = {"written": 0, "asked anew": 0, "grpc": 0, "mqtt": 0}

async def write():
    async with connect_admin() as admin:
        while True:
            await admin.adjust_stock(PRODUCT, 1)
            counts["written"] += 1
            await asyncio.sleep(PAUSE_SECONDS)

async def ask_anew():
    while True:
        async with connect_admin() as admin:
            await admin.get_product(PRODUCT)
        counts["asked anew"] += 1
        await asyncio.sleep(PAUSE_SECONDS)

async def order(transport):
    async with connect_shop(CUSTOMER, transport) as shop:
        order_id = (await shop.create_order()).document.order_id
        while True:
            await shop.set_order_item(order_id, PRODUCT, counts[transport] % 5 + 1)
            counts[transport] += 1
            await asyncio.sleep(PAUSE_SECONDS)

def read_lines(loop, lines):
    for line in sys.stdin:
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, "")

async def main():
    lines = asyncio.Queue()
    threading.Thread(target=read_lines, args=(asyncio.get_running_loop(), lines), daemon=True).start()
    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(each) for each in (write(), ask_anew(), *map(order, Transport))]
        while await lines.get():
            before = dict(counts)
            while any(counts[kind] < before[kind] + MORE for kind in counts):
                await asyncio.sleep(PAUSE_SECONDS)
            print(counts, flush=True)
        for caller in callers:
            caller.cancel()

asyncio.run(main())
"""
"""Calls one after the other until its input ends; any failure ends it. A line is answered after ten more of each."""

ENDS_SECONDS = 30


@pytest.fixture(scope="module", autouse=True)
def _nothing_goes_on_afterwards(course_project):
    """Other tests of the same run have the machine for themselves."""
    yield
    course_project.run("docker compose --profile '*' down --timeout 0")


@pytest.fixture(scope="module")
def session(course_project):
    """What a session with everything in it printed: documents, a token of a customer and one of a clerk."""
    printed = course_project.run(course_project.client(f"bash -euc {_quoted(SESSION)}"))
    metrics_of(course_project, "client-portal-1")
    metrics_of(course_project, "replica1")
    with grpc.insecure_channel(f"{HOST}:{course_project.ports['QUITANDA_COURSE_ADMIN_PORTAL_1_PORT']}") as channel:
        data = json.dumps({"CID": "falada", "name": OPEN_NAME})
        assert AdminPortalStub(channel).CreateClient(pb.Client(CID="falada", data=data), timeout=10).error == 0
    return printed


def _quoted(script):
    assert '"' not in script
    return f'"{script}"'.replace("$", "\\$")


def metrics_of(project, service):
    """Read the metrics of a process with the certificate that Prometheus has."""
    port = project.ports[f"QUITANDA_{service.upper().replace('-', '_')}_METRICS_PORT"]
    with connected(port, context_of(project, "metrics", shows=True)) as connection:
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert b"200 OK" in connection.recv(1 << 12)


def context_of(project, folder, *, shows=False):
    identity = project.identity(folder)
    context = ssl.create_default_context(cafile=identity.file(IdentityFile.CA))
    if shows:
        context.load_cert_chain(identity.file(IdentityFile.PROCESS))
    return context


@contextmanager
def connected(port, context):
    with (
        socket.create_connection((HOST, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection


@pytest.fixture(scope="module")
def secrets(course_project, session):
    """Every secret there is, by what it is: those of the authority, and the tokens that were shown."""
    found = {f"token {number}": token for number, token in enumerate(re.findall(r"qt1_\w+", session))}
    assert len(found) == 2
    authority = course_project.identity("ca").path
    for file in authority.iterdir():
        lines = file.read_text().splitlines()
        if file.suffix == ".pem":
            keys = re.findall(r"-----BEGIN PRIVATE KEY-----\n(.*?)-----END", file.read_text(), re.DOTALL)
            found |= {f"{file.name} {n}": key.splitlines()[0] for n, key in enumerate(keys)}
        elif len(lines) == 1 and len(lines[0]) >= 16:
            found[file.name] = lines[0]
    assert set(found) >= {"cluster-secret", "feed-key", "request-group", "customer-secret-key", "credential"}
    assert sum(name.endswith("0") and ".pem" in name for name in found) == 2
    return {name: text.rpartition("_")[2] if text.startswith("qt1_") else text for name, text in found.items()}


def test_no_secret_and_no_document_is_in_plain_text_on_any_link(course_project, session, secrets):
    """All traffic of the network since it was made. The course's contract is open: there the same look finds a name."""
    traffic = course_project.capture.stop()
    hidden = secrets | {
        "customer": CUSTOMER,
        "name of the customer": CUSTOMER_NAME,
        "product": PRODUCT,
        "name of the product": PRODUCT_NAME,
        "topics": "quitanda/v1/",
        "metrics": "quitanda_cache",
    }
    hidden |= {f"order {number}": order for number, order in enumerate(set(re.findall(r"\b[0-9a-f-]{36}\b", session)))}
    hidden |= {f"credential {number}": found for number, found in enumerate(re.findall(r"qt1_([a-z2-7]+)_", session))}
    open_flows = {flow: said for flow, said in traffic.flows.items() if flow.ports & COURSE_PORTS}
    closed_flows = {flow: said for flow, said in traffic.flows.items() if flow not in open_flows}

    assert any(OPEN_NAME.encode() in said for said in open_flows.values())
    hidden["name told to the course"] = OPEN_NAME
    shown = [
        (what, flow) for what, text in hidden.items() for flow, said in closed_flows.items() if text.encode() in said
    ]
    assert shown == []
    assert [what for what, text in hidden.items() if text.encode() in traffic.others] == []
    assert every_link_was_used(course_project, closed_flows) == []


def every_link_was_used(project, flows):
    """Name the ports and the pairs of replicas of which the capture has nothing, or hardly anything."""
    said = dict.fromkeys([BROKER_PORT], 0)
    for service in TOPOLOGY.services:
        if service.role is not ServiceRole.BROKER:
            said[service.port] = 0
    said |= dict.fromkeys((7203, 7211), 0)  # whose metrics were read
    addresses = {
        network["IPAddress"]: name
        for name in REPLICAS
        for network in project.inspected(name)["NetworkSettings"]["Networks"].values()
    }
    raft_ports = {service.raft_port for service in TOPOLOGY.services if service.raft_port}
    pairs = {frozenset({one, other}): 0 for one in REPLICAS for other in REPLICAS if one != other}
    for flow, content in flows.items():
        for port in flow.ports & set(said):
            said[port] += len(content)
        if flow.ports & raft_ports:
            pairs[frozenset({addresses[flow.source], addresses[flow.target]})] += len(content)
    return [link for link, count in (said | pairs).items() if count < TALKS_BYTES]


@pytest.mark.usefixtures("session")
def test_no_secret_is_in_what_docker_tells_or_in_a_log_or_in_an_image_or_in_a_backup(course_project, secrets):
    images = " ".join(sorted({course_project.inspected(name)["Config"]["Image"] for name in EVERYTHING}))
    told = {
        "containers": course_project.run("docker inspect $(docker compose --profile '*' ps --all --quiet)"),
        "configuration": course_project.run("docker compose --profile '*' config"),
        "images": course_project.run(f"docker inspect {images}; docker history --no-trunc {images.split()[0]}"),
        "logs": course_project.run("docker compose --profile '*' logs --no-color"),
    }
    course_project.run(written("docs/OPERATIONS.md", "Back up"))
    (backup,) = course_project.folder.glob("*.backup")
    everything = {what: text.encode() for what, text in told.items()} | {"backup": backup.read_bytes()}

    for what, known in (
        ("containers", "/identity"),
        ("configuration", "/identity"),
        ("images", "QUITANDA_DATA_DIR"),
        ("logs", CUSTOMER),
        ("backup", CUSTOMER_NAME),
    ):
        assert known.encode() in everything[what]
    shown = [
        (where, what) for where, said in everything.items() for what, text in secrets.items() if text.encode() in said
    ]
    assert shown == []


@pytest.mark.usefixtures("session")
def test_no_call_fails_while_certificates_and_the_ca_are_replaced_as_documented(course_project):
    """All of them are replaced, though none is old yet; and what else takes hours follows at once."""
    commands = written("docs/OPERATIONS.md", "Identities").splitlines()
    renew = commands.index("docker compose run --rm identity renew")
    reload_broker = commands[renew + 1]
    rotate = [line for line in commands if "identity rotate-ca" in line]
    old_ca = context_of(course_project, "clients")
    before = {name: course_project.inspected(name)["State"]["StartedAt"] for name in EVERYTHING}
    port = course_project.ports["QUITANDA_ADMIN_PORTAL_1_PORT"]

    def certificate():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with connected(port, context) as connection:
            return connection.getpeercert(binary_form=True)

    shown = [certificate()]
    with calling(course_project) as more_calls:
        more_calls()
        course_project.run(f"docker compose run --rm identity renew --all\n{reload_broker}")
        more_calls()
        shown.append(certificate())
        for line in rotate:
            course_project.run(line.replace("rotate-ca", "rotate-ca --at-once"))
            more_calls()
        shown.append(certificate())

    assert len(rotate) == len(set(shown)) == 3
    after = {name: course_project.inspected(name)["State"]["StartedAt"] for name in EVERYTHING}
    assert [name for name in EVERYTHING if after[name] != before[name]] == ["broker"]
    with pytest.raises(ssl.SSLCertVerificationError), connected(port, old_ca):
        pass
    assert course_project.states_agree()


@contextmanager
def calling(project):
    """Let clients in a container call meanwhile, and give what waits for more calls; each call must succeed."""
    command = project.client(f"python -c '{LOAD}' {CUSTOMER} {PRODUCT}").replace("--rm", "--rm -i")
    caller = subprocess.Popen(
        ["bash", "-c", project.here(command)],
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def more_calls():
        caller.stdin.write("\n")
        caller.stdin.flush()
        assert caller.stdout.readline(), caller.communicate()

    try:
        yield more_calls
    finally:
        _, failed = caller.communicate("", timeout=ENDS_SECONDS)
    assert caller.returncode == 0, failed


def test_a_lost_folder_is_made_again_and_without_its_own_the_authority_makes_nothing(course_project):
    """Other identities than before would cut off everybody. The copy is made and put back as documented."""
    shutil.rmtree(course_project.identity("ca").path)  # a copy of before the CA was replaced would be worth nothing
    before = course_project.identity("ca").cluster_secret()
    course_project.run(
        "docker compose --profile course down\ndocker volume rm quitanda_identity-ca quitanda_identity-replica2"
    )
    with pytest.raises(CommandFailed, match="identity"):
        course_project.up()
    assert "the CA of processes is missing" in course_project.run("docker compose logs identity")
    (put_back,) = [
        line for line in written("docs/OPERATIONS.md", "Identities").splitlines() if "-x -C" in line and "run" in line
    ]
    course_project.run(put_back)
    course_project.up()

    shutil.rmtree(course_project.identity("replica2").path, ignore_errors=True)
    assert course_project.identity("replica2").cluster_secret() == before
    assert course_project.states_agree()
