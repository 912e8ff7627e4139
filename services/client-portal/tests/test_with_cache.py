"""The portal with the real cache before the cluster: what it wrote and read once is only validated."""

import pytest
from callers import GrpcCaller
from prometheus_client import CollectorRegistry
from running_portal import portal_settings

from quitanda.cache import ReaderOptions, open_reader
from quitanda.cluster_client import Get
from quitanda.codec.documents import document_digest, encode_document
from quitanda.domain.commands import UpdateProduct
from quitanda.domain.model import Kind
from quitanda_client_portal.composition import compose


@pytest.fixture
async def caller(cluster):
    registry = CollectorRegistry()
    async with open_reader(cluster.read, ReaderOptions(), registry=registry) as reader:
        servers, _ = compose(portal_settings(None), cluster, reader, registry)
        await servers.start()
        caller = GrpcCaller(servers.server.address.port)
        yield caller
        await caller.close()
        await servers.stop(1.0)


async def test_a_second_read_names_the_version_that_is_held(caller, cluster):
    _, product = await caller.call("get_product", "ana", product_id="lapis")
    await caller.call("get_product", "ana", product_id="lapis")

    versions = [[get.known_version for get in reads] for reads in cluster.reads]
    assert versions == [[None, None], [cluster.state.customer("ana").version, product.version]]


async def test_a_change_by_somebody_else_is_seen_by_the_next_read(caller, cluster):
    await caller.call("get_product", "ana", product_id="lapis")
    changed = cluster.does(UpdateProduct("lapis", price=999))

    assert await caller.call("get_product", "ana", product_id="lapis") == (cluster.revision, changed)


async def test_without_a_feed_a_cached_read_asks_the_leader(caller, cluster):
    _, order = await caller.call("create_order", "ana")
    answer = await caller.call("get_order", "ana", order_id=order.order_id, consistency="cached")

    assert answer[1] == order
    digest = document_digest(encode_document(order))
    assert cluster.reads[-1][1] == Get(Kind.ORDER, order.order_id, order.version, digest)
