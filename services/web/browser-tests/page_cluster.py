"""A cluster of processes with the page before it, and the browser of the distribution: for these tests and the film."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from quitanda_local.ports import free_ports
from quitanda_local.topology import PORTS_NEEDED, Service, ServiceRole, Topology, on_ports
from quitanda_testing.cluster.process_cluster import ProcessCluster

WEB = "web"
OTHER_WEB = "web2"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
FROM_PROXY = {"QUITANDA_WEB_FORWARDED_FROM": "127.0.0.1"}
"""Each person has an address of her own, as behind a proxy: the page allows each ten attempts to sign in a minute."""


class NoBrowser(Exception):
    """This machine has no Chromium; the text says how to get it."""


@asynccontextmanager
async def cluster_with_page(folder: Path, *pages: str) -> AsyncIterator[ProcessCluster]:
    """Three replicas, two portals of each kind, the broker and the page's processes of these names, or one.

    At the end the replicas must agree.
    """
    names = pages or (WEB,)
    ports = free_ports(PORTS_NEEDED + 2 * len(names))
    of_pages = [Service(name, ServiceRole.WEB, ports.pop(), metrics_port=ports.pop()) for name in names]
    topology = Topology((*on_ports(ports).services, *of_pages))
    cluster = ProcessCluster(folder, topology, settings=FROM_PROXY, identities=True)
    try:
        await cluster.start()
        yield cluster
        await cluster.wait_until_replicas_agree()
    finally:
        killed = await cluster.stop()
        cluster.close()
    assert killed == ()


@asynccontextmanager
async def browser_of_the_distribution() -> AsyncIterator[Browser]:
    """Start Chromium. Raises NoBrowser where there is none."""
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        raise NoBrowser("There is no Chromium here: apt-get install chromium")
    # Chromium refuses to have a sandbox where it is started by root
    sandbox = () if os.geteuid() else ("--no-sandbox",)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS, *sandbox])
        yield browser
        await browser.close()
