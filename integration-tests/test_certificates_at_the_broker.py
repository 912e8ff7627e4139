"""From a token to a certificate, and with both to a reply over MQTT: a client portal, a secure broker, and customers.

The replicas are a cluster in memory; everything else is as in a whole system.
"""

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from fake_cluster import DirectReader, FakeCluster
from known_callers import let_in, raise_to_highest_level
from mqtt_users import SecureBroker
from printed_examples import GUIDE, block, needs, run
from prometheus_client import CollectorRegistry

from quitanda.domain.commands import CreateCustomer, RevokeCredential
from quitanda.domain.model import CallerRole
from quitanda.error_status import describe
from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda.mqtt.topics import reply_topic, request_topic
from quitanda.operations import PortalKind
from quitanda.portal.composition import PortalParts
from quitanda.rpc_status import from_rpc_error
from quitanda.runtime.addresses import Address, parse_address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.settings import ClientPortalSettings
from quitanda.v1.client_portal_pb2 import IssueCertificateRequest
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda_clients.broker_certificate import BrokerCertificate, new_request, portal_asker
from quitanda_clients.client import ShopClient
from quitanda_clients.connecting import connect_portals
from quitanda_clients.results import ignore_slow_call
from quitanda_clients.transports.mqtt import MqttTransport
from quitanda_local.broker import find_mosquitto
from quitanda_local.topology import BrokerKind
from quitanda_local.waiting import wait_until
from quitanda_testing.identity_folders import write_file, write_identity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_mosquitto(), reason="mosquitto is not installed"),
    pytest.mark.processes_only(reason="nothing in it is a cluster"),
]

TIMEOUT = 5.0
CUSTOMERS = ("ana", "eve")


@dataclass
class Shop:
    """A client portal at `address`, the broker, each customer's token, and the identity folder `clients`."""

    broker: SecureBroker
    cluster: FakeCluster
    address: Address
    tokens: dict[str, str]
    clients: Path

    @asynccontextmanager
    async def portal(self):
        credentials = grpc.ssl_channel_credentials(IdentityFolder(self.clients).ca())
        async with grpc.aio.secure_channel(f"localhost:{self.address.port}", credentials) as channel:
            yield ClientPortalStub(channel)

    async def issue(self, customer_id, token, made=None):
        """Ask the portal for a certificate; gives the content of a process.pem, or what was refused."""
        made = made or new_request()
        request = IssueCertificateRequest(customer_id=customer_id, certificate_request=made.request)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        async with self.portal() as portal:
            try:
                answer = await portal.IssueCertificate(request, timeout=TIMEOUT, metadata=metadata)
            except grpc.RpcError as error:
                return describe(from_rpc_error(error))
        return made.key + answer.certificate.encode()


@pytest.fixture
async def shop(tmp_path):
    cluster = FakeCluster(demands_principals=True)
    raise_to_highest_level(cluster)
    for customer_id in CUSTOMERS:
        cluster.does(CreateCustomer(customer_id, customer_id))
    tokens = {each: let_in(cluster, CallerRole.CUSTOMER, each).text() for each in CUSTOMERS}
    tokens["metrics"] = let_in(cluster, CallerRole.METRICS).text()
    with SecureBroker(tmp_path, BrokerKind.MOSQUITTO).running() as broker:
        folder = write_identity(tmp_path / "portal", "portal/client-portal-1", broker.processes)
        write_file(folder / IdentityFile.REQUEST_GROUP, b"a-secret-group")
        write_file(folder / IdentityFile.CUSTOMERS_CA_KEY, broker.customers.key_and_certificate)
        clients = tmp_path / "clients"
        clients.mkdir()
        write_file(clients / IdentityFile.CA, broker.processes.pem)
        settings = ClientPortalSettings(
            replicas={"replica1": Address("127.0.0.1", 1)},
            name="client-portal-1",
            listen=Address("127.0.0.1", 0),
            identity=folder,
            mqtt=Address("localhost", broker.port),
            mqtt_gateway="shared",
            feed_key="a feed key of the tests",
        )
        parts = PortalParts(
            PortalKind.CLIENT, settings, cluster, DirectReader(cluster), CollectorRegistry(), LinkIdentity(folder)
        )
        server, gateway = parts.grpc_server(), parts.mqtt_gateway(settings)
        await server.start()
        await gateway.start()

        async def connected():
            return gateway.connected

        await wait_until(connected, "the gateway to be connected", TIMEOUT)
        try:
            yield Shop(broker, cluster, server.address, tokens, clients)
        finally:
            await gateway.stop(1.0)
            await server.stop(0)


def ask(user, customer_id, token, number):
    """Send a request as a client of any make does, and give the reply; None where the broker refuses it."""
    topic = reply_topic(customer_id, "s1")
    user.subscribe(topic)
    payload = {"request_id": f"r{number}", "reply_to": "s1", **({"token": token} if token else {})}
    if user.publish(request_topic(customer_id, "list_orders"), json.dumps(payload)) not in {0, 0x10}:
        return None
    return json.loads(user.wait_for_any(topic))


async def test_a_customer_gets_a_certificate_for_her_token_and_with_both_a_reply_over_mqtt(shop):
    certificate = await shop.issue("ana", shop.tokens["ana"])

    with shop.broker.user(certificate) as ana:
        reply = await asyncio.to_thread(ask, ana, "ana", shop.tokens["ana"], 1)

    assert reply["result"]["orders"] == []


async def test_a_certificate_alone_proves_nothing_to_a_portal(shop):
    certificate = await shop.issue("ana", shop.tokens["ana"])

    with shop.broker.user(certificate) as ana:
        for number, token in enumerate(("", shop.tokens["eve"])):
            reply = await asyncio.to_thread(ask, ana, "ana", token, number)
            assert reply["error"]["reason"] in {"UNAUTHENTICATED", "FORBIDDEN"}
            ana.inbox.clear()


async def test_a_token_alone_reaches_no_topic_of_its_customer(shop):
    certificate = await shop.issue("eve", shop.tokens["eve"])

    with shop.broker.user(certificate) as eve:
        assert await asyncio.to_thread(ask, eve, "ana", shop.tokens["ana"], 1) is None


@pytest.mark.parametrize(
    ("customer_id", "caller", "reason"),
    [
        ("ana", "", "UNAUTHENTICATED"),
        ("ana", "eve", "FORBIDDEN"),
        ("ana", "metrics", "FORBIDDEN"),
        ("replica/replica1", "ana", "FORBIDDEN"),
        ("", "ana", "FORBIDDEN"),
    ],
)
async def test_nobody_gets_a_certificate_of_another_name(shop, customer_id, caller, reason):
    refused = await shop.issue(customer_id, shop.tokens.get(caller, ""))

    assert refused.reason == reason


async def test_a_revoked_token_gets_no_certificate_and_no_reply_though_the_old_certificate_still_connects(shop):
    certificate = await shop.issue("ana", shop.tokens["ana"])
    shop.cluster.does(RevokeCredential(shop.tokens["ana"].split("_")[1]))

    refused = await shop.issue("ana", shop.tokens["ana"])
    with shop.broker.user(certificate) as ana:
        reply = await asyncio.to_thread(ask, ana, "ana", shop.tokens["ana"], 1)

    assert refused.reason == "UNAUTHENTICATED"
    assert reply["error"]["reason"] in {"UNAUTHENTICATED", "CREDENTIAL_REVOKED"}


async def test_the_guide_for_those_who_speak_only_mqtt_gets_a_certificate_with_openssl(shop, tmp_path):
    needs("sh", "openssl")
    write_file(shop.clients / IdentityFile.CREDENTIAL, shop.tokens["ana"].encode() + b"\n")
    made = await run("sh", "-c", block(GUIDE, "sh", "openssl req"), folder=tmp_path)
    script = block(GUIDE, "python", "IssueCertificateRequest").replace(
        "localhost:7003", f"localhost:{shop.address.port}"
    )
    asked = await run(sys.executable, "-c", script, folder=tmp_path)
    certificate = (tmp_path / "ana.key").read_bytes() + (tmp_path / "ana.crt").read_bytes()

    assert (made[0], asked) == (0, (0, "", ""))
    with shop.broker.user(certificate) as ana:
        reply = await asyncio.to_thread(ask, ana, "ana", shop.tokens["ana"], 1)
    assert reply["result"]["orders"] == []


async def shop_program(shop, *arguments, folder):
    """Run quitanda-shop as ana."""
    write_file(shop.clients / IdentityFile.CREDENTIAL, shop.tokens["ana"].encode() + b"\n")
    addresses = ("--portal", f"localhost:{shop.address.port}", "--mqtt", f"localhost:{shop.broker.port}")
    program = (sys.executable, "-m", "quitanda_clients.shop", "--customer", "ana", *addresses)
    return await run("env", f"QUITANDA_IDENTITY={shop.clients}", *program, *arguments, folder=folder)


async def test_the_program_writes_files_for_any_client_of_mqtt_which_only_their_owner_reads(shop, tmp_path):
    code, out, err = await shop_program(shop, "certificate", "--out", "ana", folder=tmp_path)

    assert (code, err) == (0, "")
    assert "ana/process.pem: the key and its certificate, valid until 20" in out
    assert (tmp_path / "ana" / "process.pem").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ana" / "ca.pem").read_bytes() == shop.broker.processes.pem
    with shop.broker.user((tmp_path / "ana" / "process.pem").read_bytes()) as ana:
        reply = await asyncio.to_thread(ask, ana, "ana", shop.tokens["ana"], 1)
    assert reply["result"]["orders"] == []


async def test_the_program_replaces_files_only_if_it_is_forced_to(shop, tmp_path):
    await shop_program(shop, "certificate", "--out", "ana", folder=tmp_path)
    before = (tmp_path / "ana" / "process.pem").read_bytes()

    refused = await shop_program(shop, "certificate", "--out", "ana", folder=tmp_path)
    assert refused[0] == 2
    assert "--force" in refused[2]
    assert (tmp_path / "ana" / "process.pem").read_bytes() == before

    assert (await shop_program(shop, "--json", "certificate", "--out", "ana", "--force", folder=tmp_path))[0] == 0
    assert (tmp_path / "ana" / "process.pem").read_bytes() != before
    assert not [file for file in (tmp_path / "ana").iterdir() if file.name not in {"process.pem", "ca.pem"}]


async def test_the_program_without_an_identity_says_that_the_broker_asks_nobody_for_a_certificate(tmp_path):
    program = (sys.executable, "-m", "quitanda_clients.shop", "--customer", "ana")
    code, _, err = await run("env", "QUITANDA_IDENTITY=off", *program, "certificate", "--out", "ana", folder=tmp_path)

    assert code == 2
    assert "QUITANDA_IDENTITY" in err
    assert not (tmp_path / "ana").exists()


async def test_the_program_gets_its_certificate_by_itself_where_it_speaks_mqtt(shop, tmp_path):
    listed = await shop_program(shop, "--transport", "mqtt", "--json", "order", "list", folder=tmp_path)

    assert listed[0] == 0, listed
    assert not [each for each in tmp_path.iterdir() if each.name.startswith("quitanda-")]


async def test_a_client_that_runs_for_days_renews_its_certificate_and_its_calls_go_on(shop):
    now = time.time()
    portals = [parse_address(f"localhost:{shop.address.port}")]
    identity = LinkIdentity(shop.clients)

    def portal():
        return connect_portals(
            portals, timeout=TIMEOUT, on_slow=ignore_slow_call, token=shop.tokens["ana"], identity=identity
        )

    certificate = BrokerCertificate(identity.folder, "ana", portal_asker("ana", portal), lambda: now)
    transport = MqttTransport(
        "ana", Address("localhost", shop.broker.port), token=shop.tokens["ana"], certificate=certificate
    )
    async with ShopClient("ana", transport) as client:
        await client.list_orders()
        first = certificate.folder.process()
        now += 17 * 3_600
        await client.list_orders()

        assert certificate.folder.process() != first
