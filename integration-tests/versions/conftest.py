"""The version before this one, and clusters that mix it with this one."""

import os
from contextlib import asynccontextmanager

import pytest

from versions.installed_version import VersionMissing, extracted, installed, present, previous
from versions.mixed_cluster import MixedCluster
from versions.old_data import load

REQUIRED_VARIABLE = "QUITANDA_TEST_VERSIONS"
"""`required`: the version before this one must be there; otherwise what needs it is skipped where it is missing."""


def _version_before(get):
    try:
        return get(previous())
    except VersionMissing as missing:
        if os.environ.get(REQUIRED_VARIABLE) == "required":
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def before():
    """Return the installed version before this one."""
    return _version_before(installed)


@pytest.fixture(scope="session")
def images_before():
    """Return the version before this one, of which there are images."""
    from versions.mixed_containers import build_images  # noqa: PLC0415 - most runs have no Docker

    version = _version_before(extracted)
    build_images(version)
    return version


@pytest.fixture(scope="session")
def now():
    """Return the present version."""
    return present()


@pytest.fixture
def mixed_cluster(before, tmp_path):
    """Start a cluster whose processes all run the version before, from old data with a log that was cut."""

    @asynccontextmanager
    async def started():
        data = tmp_path / "data"
        load("9cd34e3").unpack(data)
        cluster = MixedCluster(data, before)
        try:
            await cluster.start()
            yield cluster
        finally:
            killed = await cluster.stop()
            cluster.close()
        assert killed == ()

    return started
