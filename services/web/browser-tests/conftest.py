"""A cluster of processes with the page before it, and people at real browsers."""

import inspect
import itertools
import os
import shutil
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

# the tests' own parts stand beside them
sys.path.insert(0, str(Path(__file__).parent))

from person import Person, begin
from shop_window import Shop

from quitanda_clients.i18n.languages import Language
from quitanda_local.ports import free_ports
from quitanda_local.topology import PORTS_NEEDED, Service, ServiceRole, Topology, on_ports
from quitanda_testing.cluster.process_cluster import ProcessCluster

WEB = "web"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
FROM_PROXY = {"QUITANDA_WEB_FORWARDED_FROM": "127.0.0.1"}
"""Each person has an address of her own, as behind a proxy: the page allows each ten attempts to sign in a minute."""


def pytest_collection_modifyitems(items):
    """Let all run in one event loop, to which the browser belongs."""
    for item in items:
        if inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory):
    """Three replicas, two portals of each kind, the broker and one page; at the end the replicas must agree."""
    *ports, page, metrics = free_ports(PORTS_NEEDED + 2)
    services = (*on_ports(ports).services, Service(WEB, ServiceRole.WEB, page, metrics_port=metrics))
    folder = tmp_path_factory.mktemp("cluster")
    cluster = ProcessCluster(folder, Topology(services), settings=FROM_PROXY, identities=True)
    try:
        await cluster.start()
        yield cluster
        await cluster.wait_until_replicas_agree()
    finally:
        killed = await cluster.stop()
        cluster.close()
    assert killed == ()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium():
    """The browser of the distribution."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.exit("There is no Chromium here: apt-get install chromium", returncode=2)
    # Chromium refuses to have a sandbox where it is started by root
    sandbox = () if os.geteuid() else ("--no-sandbox",)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *sandbox])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(cluster):
    """The shop behind the page, for what a test prepares and looks at."""
    async with cluster.callers.admin_client() as office, AsyncExitStack() as stack:
        yield Shop(cluster, office, stack)


_addresses = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def people(cluster, chromium):
    """Let somebody sit down at a browser of her own: `await people(Language.PORTUGUESE, javascript=False)`.

    At the end no browser may have told of an error or of a breach of the content security policy, or have asked
    anything of anybody but the page.
    """
    async with AsyncExitStack() as stack:
        present = []

        async def sit_down(language=Language.ENGLISH, **options) -> Person:
            number = next(_addresses)
            address = f"10.0.{number // 250}.{number % 250 + 1}"
            person = await begin(chromium, f"http://{cluster.address(WEB)}", language, address, **options)
            stack.push_async_callback(person.page.context.close)
            present.append(person)
            return person

        yield sit_down
        assert [complaint for person in present for complaint in person.complaints] == []
        assert [url for person in present for url in person.outside] == []
