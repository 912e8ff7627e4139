"""A cluster of processes with the page before it, and people at real browsers."""

import inspect
import itertools
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

# the tests' own parts stand beside them
sys.path.insert(0, str(Path(__file__).parent))

from balancer import balanced
from page_cluster import OTHER_WEB, WEB, NoBrowser, browser_of_the_distribution, cluster_with_page
from person import Person, begin
from shop_window import Shop

from quitanda_clients.i18n.languages import Language


def pytest_collection_modifyitems(items):
    """Let all run in one event loop, to which the browser belongs."""
    for item in items:
        if inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory):
    async with cluster_with_page(tmp_path_factory.mktemp("cluster"), WEB, OTHER_WEB) as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium():
    async with AsyncExitStack() as stack:
        try:
            browser = await stack.enter_async_context(browser_of_the_distribution())
        except NoBrowser as error:
            pytest.exit(str(error), returncode=2)
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(cluster):
    """The shop behind the page, for what a test prepares and looks at."""
    async with cluster.callers.admin_client() as office, AsyncExitStack() as stack:
        yield Shop(cluster, office, stack)


_addresses = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def both(cluster):
    """The address behind which both processes of the page are; `people(at=both)` lets somebody call there."""
    async with balanced(cluster.address(WEB), cluster.address(OTHER_WEB)) as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session")
async def people(cluster, chromium):
    """Let somebody sit down at a browser of her own: `await people(Language.PORTUGUESE, javascript=False)`.

    At the end no browser may have told of an error or of a breach of the content security policy, or have asked
    anything of anybody but the page.
    """
    async with AsyncExitStack() as stack:
        present = []

        async def sit_down(language=Language.ENGLISH, at="", **options) -> Person:
            number = next(_addresses)
            address = f"10.0.{number // 250}.{number % 250 + 1}"
            person = await begin(chromium, f"http://{at or cluster.address(WEB)}", language, address, **options)
            stack.push_async_callback(person.page.context.close)
            present.append(person)
            return person

        yield sit_down
        assert [complaint for person in present for complaint in person.complaints] == []
        assert [url for person in present for url in person.outside] == []
