"""Every port of a Quitanda with identities under fire: no process stops or grows, and its callers notice nothing.

QUITANDA_TEST_FUZZ_SECONDS says for how long; 600 is what a release is given.
"""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from quitanda.identity.folder import IdentityFolder
from quitanda.runtime.addresses import parse_address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_clients.client import AdminClient
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.topology import HOST
from quitanda_testing.hostile_tls import HostileCaller
from quitanda_testing.identity_folders import CertificateAuthority, write_identity

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.processes_only(reason="it starts processes of its own, and looks at their memory"),
]

SECONDS = float(os.environ.get("QUITANDA_TEST_FUZZ_SECONDS", "20"))
WARM_UP_SECONDS = 5.0
"""The first inputs fill caches and pools of the libraries."""
MEMORY_GROWTH_MIB_MAX = 48
DESCRIPTORS_GROWTH_MAX = 20
PAUSE_SECONDS_MAX = 5.0
"""Between two answers to a caller; here all attackers, the callers and all processes share a few cores."""


class Footprint:
    """What a process holds now."""

    def __init__(self, process):
        folder = Path("/proc") / str(process.pid)
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        self.mebibytes = int(status["RssAnon"].split()[0]) / 1024
        self.descriptors = len(list((folder / "fd").iterdir()))


class Administrator:
    """Writes and reads without a pause, and counts what failed."""

    def __init__(self, cluster):
        self._identity = LinkIdentity(cluster.identities.of_clients)
        self._token = IdentityFolder(cluster.identities.of_clients).credential()
        self._portals = [parse_address(cluster.address(name)) for name in cluster.admin_portals]
        self.answered, self.failures, self.longest_pause = 0, [], 0.0

    async def work(self, until):
        async with AdminClient(self._portals, identity=self._identity, token=self._token) as client:
            last = time.monotonic()
            while not until():
                name = f"customer-{self.answered}-{len(self.failures)}"
                try:
                    await client.create_customer(name, "Ana")
                    assert (await client.get_customer(name)).document.customer_id == name
                    self.answered += 1
                except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
                    self.failures.append(repr(error))
                now = time.monotonic()
                self.longest_pause, last = max(self.longest_pause, now - last), now


@pytest.fixture
async def secure_cluster(tmp_path):
    cluster = LocalCluster.on_free_ports(tmp_path, identities=True)
    try:
        async with cluster:
            yield cluster
    finally:
        cluster.close()


def identities_to_show(cluster, folder):
    """Own ones, which a taken-over process has, and one of nobody."""
    own = [cluster.identities.folder(name) for name in (cluster.client_portals[0], cluster.replicas[0])]
    return [*own, write_identity(folder, "replica/replica1", CertificateAuthority("another one"))]


def join_all(threads):
    for thread in threads:
        thread.join()


async def test_no_port_with_tls_stops_or_grows_under_hostile_input(secure_cluster, tmp_path):
    shown = identities_to_show(secure_cluster, tmp_path / "nobodys")
    until = time.monotonic() + WARM_UP_SECONDS + SECONDS
    over = threading.Event()

    def ended():
        return over.is_set() or time.monotonic() > until

    callers = [
        HostileCaller((HOST, port), shown, seed=port)
        for service in secure_cluster.topology.services
        for port, _ in service.ports()
    ]
    threads = [threading.Thread(target=caller.throw, args=(ended,)) for caller in callers]
    pids = {name: secure_cluster.process(name).pid for name in secure_cluster.everything}
    administrator = Administrator(secure_cluster)
    working = asyncio.create_task(administrator.work(ended))
    for thread in threads:
        thread.start()
    try:
        await asyncio.wait([working], timeout=WARM_UP_SECONDS)
        before = {name: Footprint(secure_cluster.process(name)) for name in pids}
        await working
    finally:
        over.set()
        await asyncio.to_thread(join_all, threads)

    assert administrator.failures == []
    assert administrator.answered > 0
    assert administrator.longest_pause < PAUSE_SECONDS_MAX
    assert all(caller.thrown > 0 for caller in callers)
    assert {name: secure_cluster.process(name).pid for name in pids} == pids
    await secure_cluster.wait_until_ready(*pids)
    for name, was in before.items():
        now = Footprint(secure_cluster.process(name))
        grown = now.mebibytes - was.mebibytes
        assert grown < MEMORY_GROWTH_MIB_MAX, (name, was.mebibytes, now.mebibytes)
        assert (name, now.descriptors - was.descriptors < DESCRIPTORS_GROWTH_MAX) == (name, True)
        written = secure_cluster.process(name).log.read_text(encoding="utf-8", errors="replace")
        assert [line for line in written.splitlines() if "Traceback" in line] == [], name
    await secure_cluster.wait_until_replicas_agree()
