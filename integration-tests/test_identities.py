"""A whole cluster in which every process has an identity: what it takes, what it refuses, and how it is renewed."""

import asyncio
import os
import signal
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial

import grpc
import grpc.aio
import psutil
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.identity.authority import Authority
from quitanda.identity.certificates import PROCESS_LIFE
from quitanda.identity.folder import IdentityFolder
from quitanda.v1.replica_pb2 import GetStatusRequest
from quitanda.v1.replica_pb2_grpc import ReplicaStub
from quitanda_clients.connecting import connect_admin
from quitanda_local.data_directory import LOCK_FILE
from quitanda_local.readiness import CHANNEL_OPTIONS, MQTT_ACCEPTED, MQTT_CONNECT
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.process_cluster import ProcessCluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.processes_only(reason="it changes files beside them"),
]


@pytest.fixture
async def secure(tmp_path):
    cluster = ProcessCluster.on_free_ports(tmp_path / "data", identities=True)
    async with cluster:
        yield cluster
    cluster.close()


def secrets_of(cluster):
    folder = IdentityFolder(cluster.identities.folder("ca"))
    return [folder.cluster_secret(), folder.feed_key(), folder.request_group(), folder.credential().rpartition("_")[2]]


def credentials(cluster, name, *, shows=True):
    folder = IdentityFolder(cluster.identities.folder(name))
    own = (folder.process().private_key, folder.process().certificates) if shows else ()
    return grpc.ssl_channel_credentials(folder.ca(), *own)


async def status_of(cluster, replica, of):
    async with grpc.aio.secure_channel(cluster.address(replica), of, options=CHANNEL_OPTIONS) as channel:
        return (await ReplicaStub(channel).GetStatus(GetStatusRequest(), timeout=5)).status.name


async def test_every_port_speaks_tls_and_a_replica_takes_processes_only(secure):
    portal, replica = secure.admin_portals[0], secure.replicas[0]

    assert await status_of(secure, replica, credentials(secure, portal)) == replica
    for refused in (
        grpc.ssl_channel_credentials(IdentityFolder(secure.identities.of_clients).ca()),
        credentials(secure, "metrics"),
        credentials(secure, "broker"),
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await status_of(secure, replica, refused)
    for name in (replica, portal, secure.client_portals[0]):
        async with grpc.aio.insecure_channel(secure.address(name), options=CHANNEL_OPTIONS) as channel:
            with pytest.raises(grpc.aio.AioRpcError):
                await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await greet_broker_without_certificate(secure)


async def greet_broker_without_certificate(cluster):
    host, _, port = cluster.address(cluster.broker).partition(":")
    trusting = ssl.create_default_context(cadata=IdentityFolder(cluster.identities.of_clients).ca().decode())
    reader, writer = await asyncio.open_connection(host, port, ssl=trusting)
    writer.write(MQTT_CONNECT)
    await reader.readexactly(len(MQTT_ACCEPTED))


def certificate_in_folder(cluster, name):
    return ssl.PEM_cert_to_DER_cert(IdentityFolder(cluster.identities.folder(name)).process().certificates.decode())


async def broker_certificate(cluster):
    """Give the certificate that the broker shows."""
    host, _, port = cluster.address(cluster.broker).partition(":")
    certificates = cluster.identities.observer(cluster.topology).current()
    _, writer = await asyncio.open_connection(host, port, ssl=certificates.client_context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown


async def test_no_secret_is_in_a_log_an_environment_or_a_command_line(secure):
    running = {name: psutil.Process(secure.process(name).pid) for name in secure.everything}
    for name in secure.everything:
        for secret in secrets_of(secure):
            assert secret not in "".join(secure.log(name))
            assert secret not in str(running[name].environ())
            assert secret not in str(running[name].cmdline())


async def test_no_call_fails_while_certificates_and_then_the_ca_are_replaced(secure, monkeypatch):
    """Each caller makes one call after the other; any that ends with another thing than its answer fails the test."""
    monkeypatch.setenv("QUITANDA_IDENTITY", str(secure.identities.of_clients))
    portals = ",".join(secure.address(name) for name in secure.admin_portals)
    authority = Authority(secure.identities.root, lambda _change: None)
    done = asyncio.Event()
    calls = {"read": 0, "written": 0}

    async def write(admin, product_id):
        await admin.create_product(product_id, "apples", 100, 10)
        while not done.is_set():
            await admin.adjust_stock(product_id, 1)
            calls["written"] += 1

    async def read():
        async with connect_admin(portals) as fresh:
            await fresh.cluster_status()
        calls["read"] += 1

    async def keep_reading():
        while not done.is_set():
            await read()

    async with connect_admin(portals) as admin, asyncio.TaskGroup() as callers:
        for n in range(4):
            callers.create_task(write(admin, f"apples-{n}"))
        callers.create_task(keep_reading())
        for change in (
            lambda: authority.renew(datetime.now(UTC), everything=True),
            *[lambda: authority.rotate(authority.processes, datetime.now(UTC), at_once=True)] * 3,
        ):
            change()
            await more_calls(calls)
        done.set()

    assert calls["written"] > 40


SHORT_LIFE = timedelta(seconds=12)
"""How long certificates live in the next test, which renews them before."""


@pytest.fixture
async def short_lived(tmp_path):
    """A cluster whose CA is old enough to have signed certificates that end now."""
    long_ago = datetime.now(UTC) - PROCESS_LIFE - timedelta(days=1)
    cluster = ProcessCluster.on_free_ports(tmp_path / "data", identities=True)
    Authority(cluster.identities.root, lambda _change: None).create((), long_ago)
    (tmp_path / "data" / LOCK_FILE).touch()  # as a run leaves its folder
    async with cluster:
        yield cluster
    cluster.close()


async def test_no_call_fails_while_certificates_end_and_each_start_renews_them_before(short_lived, monkeypatch):
    """Callers with connections of their own, and callers that connect for each call, go on past each end."""
    cluster = short_lived
    monkeypatch.setenv("QUITANDA_IDENTITY", str(cluster.identities.of_clients))
    portals = ",".join(cluster.address(name) for name in cluster.admin_portals)
    authority = Authority(cluster.identities.root, lambda _change: None)
    done = asyncio.Event()
    calls = {"kept": 0, "fresh": 0}

    async def keep_calling(product_id):
        async with connect_admin(portals) as admin:
            await admin.create_product(product_id, "pears", 100, 10)
            while not done.is_set():
                await admin.adjust_stock(product_id, 1)
                calls["kept"] += 1
                async with connect_admin(portals) as fresh:
                    await fresh.cluster_status()
                calls["fresh"] += 1

    async with asyncio.TaskGroup() as callers:
        for n in range(3):
            callers.create_task(keep_calling(f"pears-{n}"))
        for _ in range(2):
            ends = datetime.now(UTC) + SHORT_LIFE
            authority.renew(ends - PROCESS_LIFE, everything=True)
            os.kill(cluster.process(cluster.broker).pid, signal.SIGHUP)
            assert certificate_ends(cluster) == {ends.replace(microsecond=0)}
            await wait_until(partial(are_told, cluster, ends), "the replicas to tell the end of the new ones", 5)
            authority.create((), datetime.now(UTC))
            os.kill(cluster.process(cluster.broker).pid, signal.SIGHUP)
            await wait_until(partial(is_past, ends), "the certificates to end", SHORT_LIFE.total_seconds() + 5)
            await more_calls(calls)
        done.set()

    assert await broker_certificate(cluster) == certificate_in_folder(cluster, cluster.broker)


async def are_told(cluster, ends):
    """Whether each replica says that its certificate ends at this moment."""
    told = {(await cluster.status(name)).certificate_expires_at_ms for name in cluster.replicas}
    return told == {int(ends.timestamp()) * 1_000}


async def is_past(moment):
    return datetime.now(UTC) > moment


def certificate_ends(cluster):
    """When the certificates of all processes end."""
    return {
        x509.load_der_x509_certificate(certificate_in_folder(cluster, name)).not_valid_after_utc
        for name in cluster.everything
    }


async def more_calls(calls):
    """Wait until so many calls were answered that some began after the files were changed."""
    before = dict(calls)

    async def answered():
        return all(calls[kind] >= before[kind] + 10 for kind in calls)

    await wait_until(answered, "ten more calls of each kind", 30, lambda: str(calls))


async def test_certificates_and_the_ca_are_replaced_while_everything_stays_ready(secure):
    """Long-lived channels go on; new ones are made with what the folders hold at that moment."""
    authority = Authority(secure.identities.root, lambda _change: None)
    before = credentials(secure, "admin-portal-1")
    terms = {(await secure.status(name)).term for name in secure.replicas}

    def renew():
        authority.renew(datetime.now(UTC), everything=True)

    def rotate():
        authority.rotate(authority.processes, datetime.now(UTC), at_once=True)

    renew()
    os.kill(secure.process(secure.broker).pid, signal.SIGHUP)

    async def renewed():
        return await broker_certificate(secure) == certificate_in_folder(secure, "broker")

    await wait_until(renewed, "the broker to show its new certificate", 10)
    for change in (renew, rotate, rotate, rotate):
        change()
        await secure.restart(secure.broker)
        for name in secure.replicas:
            assert await status_of(secure, name, credentials(secure, "admin-portal-1")) == name
        await secure.wait_until_ready(*secure.everything)

    assert {(await secure.status(name)).term for name in secure.replicas} == terms

    async def refused():
        try:
            await status_of(secure, secure.replicas[0], before)
        except grpc.aio.AioRpcError:
            return True
        return False

    await wait_until(refused, "a certificate of the old CA to be refused", 10)
