"""Channels and portals' ports with TLS: what is refused, with which reason, and what a renewal does not disturb."""

import asyncio
import sys
from contextlib import asynccontextmanager
from functools import partial

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from running_broker import eventually

from quitanda.errors import NoConnection
from quitanda.runtime import health_probe
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_channel import ReconnectingChannel
from quitanda.runtime.grpc_options import secure_channel_options
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.runtime.metrics import RequestMetrics, new_registry
from quitanda_testing.identity_folders import HOUR, CertificateAuthority, write_file, write_identity

PORTAL = "portal/client-portal-1"
ALIVE = health_pb2.HealthCheckRequest(service="liveness")
ASK_SECONDS = 5.0


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority()


@pytest.fixture
def server_folder(tmp_path, authority):
    return write_identity(tmp_path / "server", PORTAL, authority)


@pytest.fixture
def client_folder(tmp_path, authority):
    folder = write_identity(tmp_path / "client", PORTAL, authority)
    (folder / "process.pem").unlink()
    return folder


@asynccontextmanager
async def serving(identity, **given):
    log = AccessLog(RequestMetrics(new_registry()))
    server = AioGrpcServer(Address("127.0.0.1", 0), lambda _: None, (), log, identity=identity, **given)
    await server.start()
    try:
        yield server.address
    finally:
        await server.stop(0)


@asynccontextmanager
async def channel_to(address, identity, certificate_name="", **given):
    options = (*secure_channel_options(), ("grpc.use_local_subchannel_pool", 1))
    channel = ReconnectingChannel(
        "the portal", str(address), options, health_pb2_grpc.HealthStub, identity, certificate_name, **given
    )
    try:
        yield channel
    finally:
        await channel.close()


async def ask(channel):
    stub = await channel.connected(ASK_SECONDS)
    return (await stub.Check(ALIVE, timeout=ASK_SECONDS)).status == health_pb2.HealthCheckResponse.SERVING


async def refusal(address, identity, certificate_name=""):
    async with channel_to(address, identity, certificate_name) as channel:
        with pytest.raises(NoConnection) as refused:
            await ask(channel)
    return str(refused.value)


@pytest.mark.parametrize("certificate_name", ["", "client-portal-1", "localhost"])
async def test_a_caller_without_a_certificate_reaches_a_portal_by_tls(server_folder, client_folder, certificate_name):
    async with (
        serving(LinkIdentity(server_folder)) as address,
        channel_to(address, LinkIdentity(client_folder), certificate_name) as channel,
    ):
        assert await ask(channel)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"begins": -2 * HOUR, "ends": -HOUR}, "its certificate has expired (the clock here says"),
        ({"begins": HOUR, "ends": 2 * HOUR}, "its certificate is not valid yet (the clock here says"),
        ({"self_signed": True}, "its certificate is signed by itself"),
        ({"names": ("elsewhere",)}, "its certificate is of another name"),
    ],
)
async def test_a_servers_certificate_that_is_not_right_is_refused_with_a_reason_until_it_is_renewed(
    server_folder, client_folder, authority, given, said
):
    write_file(server_folder / "process.pem", authority.issue(PORTAL, **given))

    async with serving(LinkIdentity(server_folder)) as address:
        assert f"no connection to the portal: {said}" in await refusal(address, LinkIdentity(client_folder))

        write_file(server_folder / "process.pem", authority.issue(PORTAL))
        async with channel_to(address, LinkIdentity(client_folder)) as channel:
            assert await ask(channel)


async def test_a_server_of_another_authority_is_refused(tmp_path, client_folder):
    other = write_identity(tmp_path / "other", PORTAL, CertificateAuthority("Another"))

    async with serving(LinkIdentity(other)) as address:
        said = await refusal(address, LinkIdentity(client_folder))

    assert "of an authority that is not in ca.pem; copy the ca.pem of this system" in said


async def test_another_process_at_the_address_is_refused(server_folder, client_folder):
    async with serving(LinkIdentity(server_folder)) as address:
        assert "of another name" in await refusal(address, LinkIdentity(client_folder), "client-portal-2")


async def test_tls_at_a_port_without_it_is_told(client_folder):
    async with serving(None) as address:
        assert "it does not speak TLS" in await refusal(address, LinkIdentity(client_folder))


async def test_a_caller_without_tls_at_a_port_with_it_is_told(server_folder):
    async with serving(LinkIdentity(server_folder)) as address:
        assert "set QUITANDA_IDENTITY to the folder" in await refusal(address, None)


async def test_a_server_that_is_away_says_nothing_of_tls(client_folder):
    assert await refusal(Address("127.0.0.1", 1), LinkIdentity(client_folder)) == "no connection to the portal"


class Load:
    """Callers that ask all the time; every failure is kept."""

    def __init__(self, channel, callers=8):
        self.answered, self.failures = 0, []
        self._channel = channel
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(callers)]

    async def _ask(self):
        while True:
            try:
                assert await ask(self._channel)
                self.answered += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
                self.failures.append(repr(error))

    async def more(self, calls=200):
        goal = self.answered + calls
        await eventually(lambda: self.answered >= goal, f"{calls} more answers; failures: {self.failures[:3]}")

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _has(channel, generation):
    return channel.generation == generation


@pytest.mark.slow
async def test_no_call_fails_while_certificates_are_renewed_and_the_authority_is_replaced(
    server_folder, client_folder, authority
):
    """The server ends connections so soon that several are made beside those that the new files ask for."""
    successor = CertificateAuthority("Quitanda test CA")
    client, server = LinkIdentity(client_folder), LinkIdentity(server_folder)
    async with (
        serving(server, connection_age_seconds=4.0) as address,
        channel_to(address, client, age_seconds=1.0) as channel,
    ):
        load = Load(channel)
        for content, *files in (
            (authority.issue(PORTAL), server_folder / "process.pem"),
            (authority.pem + successor.pem, server_folder / "ca.pem", client_folder / "ca.pem"),
            (None, None),
            (successor.issue(PORTAL), server_folder / "process.pem"),
            (None, None),
            (successor.pem, server_folder / "ca.pem", client_folder / "ca.pem"),
            (b"half of a fi", server_folder / "process.pem"),
            (successor.issue(PORTAL), server_folder / "process.pem"),
        ):
            for file in files:
                if file is not None:
                    write_file(file, content)
            await load.more()
            generation = client.current().generation
            await eventually(partial(_has, channel, generation), "the channel has the new files")
            await load.more()
        await load.stop()

    assert load.failures == []


async def test_a_caller_that_trusts_the_server_no_longer_loses_its_connection_by_its_age(server_folder, client_folder):
    async with (
        serving(LinkIdentity(server_folder), connection_age_seconds=0.3) as address,
        channel_to(address, LinkIdentity(client_folder)) as channel,
    ):
        assert await ask(channel)
        write_file(client_folder / "ca.pem", CertificateAuthority("Another").pem)

        async def is_out():
            try:
                await ask(channel)
            except NoConnection as error:
                return "of an authority that is not in ca.pem" in str(error)
            return False

        async with asyncio.timeout(ASK_SECONDS):
            while not await is_out():  # noqa: ASYNC110 - the library's doing
                await asyncio.sleep(0.02)


async def probed(address, folder):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "quitanda.runtime.health_probe", str(address), "liveness"),
        env={"QUITANDA_IDENTITY": str(folder)},
        stdout=-1,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, out.decode()


async def test_a_containers_probe_asks_with_the_processs_own_certificate(server_folder, tmp_path):
    other = write_identity(tmp_path / "other", PORTAL)

    async with serving(LinkIdentity(server_folder)) as address:
        assert await probed(address, server_folder) == (health_probe.EXIT_SERVING, "liveness: serving\n")
        code, text = await probed(address, other)
        assert code == health_probe.EXIT_NOT_SERVING
        assert "CERTIFICATE_VERIFY_FAILED" in text
        code, text = await probed(address, tmp_path / "nowhere")
        assert code == health_probe.EXIT_NOT_SERVING
        assert "nowhere/process.pem: it cannot be read" in text
