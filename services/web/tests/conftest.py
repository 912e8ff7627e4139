"""The page as people see it."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

# the tests' own parts stand beside them
sys.path.insert(0, str(Path(__file__).parent))

from fake_cluster import FakeCluster
from known_callers import raise_to_highest_level
from running_page import running

from quitanda.domain.commands import CreateCustomer, CreateProduct
from quitanda.identity.authority import Authority
from quitanda.identity.holders import DEFAULT


@pytest.fixture
def cluster():
    cluster = FakeCluster()
    raise_to_highest_level(cluster)
    cluster.does(CreateCustomer("ana", "Ana"))
    cluster.does(CreateCustomer("bia", "Bia"))
    cluster.does(CreateProduct("caneta", "Caneta", price=250, quantity=10, description="Azul", reorder_level=20))
    cluster.does(CreateProduct("lapis", "Lápis", price=1120, quantity=5))
    return cluster


@pytest.fixture
async def shop(cluster):
    """The page in the open mode: nobody proves who they are."""
    async with running(cluster) as shop:
        yield shop


@pytest.fixture(scope="session")
def identities(tmp_path_factory):
    root = tmp_path_factory.mktemp("identities")
    Authority(root, lambda _change: None).create(DEFAULT, datetime.now(UTC))
    return root


@pytest.fixture
async def secure_shop(cluster, identities):
    """The page with tokens, over TLS to the portals."""
    async with running(cluster, identities) as shop:
        yield shop
