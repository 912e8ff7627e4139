"""A running cluster for all scenarios, and a shop in it for each.

Scenarios use the verbs of `quitanda_testing.cluster.cluster.Cluster` and the clients' library only, so that they say
nothing about what the cluster is made of: QUITANDA_TEST_CLUSTER does, processes (the default) or containers.
QUITANDA_TEST_IDENTITY says whether its processes have identities (`on`, the default, or `off`): then administrators
call with the first token, and each customer with her own.
"""

import asyncio
import itertools
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import pytest
import pytest_asyncio

from quitanda.errors import Rejected
from quitanda_clients.connecting import Transport
from quitanda_testing.cluster.kinds import KIND_VARIABLE, ClusterKind, chosen, make


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory):
    """A cluster that runs as long as the tests; at the end its replicas must agree and stop by themselves."""
    async with _running(make(tmp_path_factory.mktemp("cluster"), breakable_disks=True)) as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def open_cluster(tmp_path_factory):
    """A cluster in the open mode, where nobody proves who calls, for what is about that mode."""
    async with _running(make(tmp_path_factory.mktemp("open"), identities=False)) as cluster:
        yield cluster


@asynccontextmanager
async def _running(cluster):
    try:
        await cluster.start()
        yield cluster
        await cluster.wait_until_replicas_agree()
    finally:
        killed = await cluster.stop()
        cluster.close()
    assert killed == ()


@pytest.fixture
def new_cluster(tmp_path_factory):
    """Make another cluster beside the one that all share: `async with new_cluster(NAME=setting) as cluster: …`.

    `identities=False` asks for the open mode; `True` for identities, whatever the shared one has.
    """

    @asynccontextmanager
    async def another(*, identities=None, **settings):
        cluster = make(tmp_path_factory.mktemp("another"), settings, identities=identities)
        try:
            yield cluster
        finally:
            await cluster.stop()
            cluster.close()

    return another


def pytest_runtest_setup(item):
    """Leave out what is about processes where the cluster is containers, and the other way round."""
    if item.get_closest_marker("containers_only") and chosen() is not ClusterKind.CONTAINERS:
        pytest.skip(f"needs Docker: {KIND_VARIABLE}={ClusterKind.CONTAINERS}")
    if (marker := item.get_closest_marker("processes_only")) and chosen() is not ClusterKind.PROCESSES:
        pytest.skip(f"not for containers: {marker.kwargs['reason']}")


@pytest.fixture(autouse=True)
def _the_faults_that_it_needs(request):
    """Leave out a scenario that needs a fault which the cluster cannot have: `@pytest.mark.needs(Fault.BAD_DISK)`."""
    if marker := request.node.get_closest_marker("needs"):
        missing = set(marker.args) - request.getfixturevalue("cluster").faults
        if missing:
            pytest.skip(f"{chosen()} cannot have {', '.join(sorted(missing))}")


@pytest.fixture
async def healthy_cluster(cluster):
    """The cluster, for a scenario that breaks it: whole again afterwards, with its replicas in agreement."""
    yield cluster
    await cluster.mend()
    await cluster.wait_until_replicas_agree()


@pytest.fixture(params=list(Transport))
def transport(request):
    """Each way that customers' requests travel."""
    return request.param


@pytest.fixture
async def shop(cluster):
    """A shop of one's own: ids that no other test uses, and clients that are closed at the end."""
    async with AsyncExitStack() as open_clients:
        yield ScenarioShop(cluster, open_clients)


@pytest.fixture
def shops():
    """Open a shop in a cluster of one's own: `async with shops(cluster) as shop: …`."""

    @asynccontextmanager
    async def opened(cluster):
        async with AsyncExitStack() as open_clients:
            yield ScenarioShop(cluster, open_clients)

    return opened


@pytest.fixture
def refused():
    """Expect a refusal: `with refused(Reason.OUT_OF_STOCK, "delta") as details: …`; details are its facts."""

    @contextmanager
    def expected(reason, field=""):
        details = {}
        with pytest.raises(Rejected) as caught:
            yield details
        details.update(caught.value.refused.details)
        assert (caught.value.refused.reason, caught.value.refused.field) == (reason, field)

    return expected


_numbers = itertools.count(1)


class ScenarioShop:
    """Customers, products and clients of one scenario."""

    def __init__(self, cluster, open_clients):
        self.cluster = cluster
        self._open_clients = open_clients
        self.prefix = f"t{next(_numbers)}"
        self._ids = itertools.count(1)

    def new_id(self, kind="id"):
        """An id that nothing has yet."""
        return f"{self.prefix}-{kind}-{next(self._ids)}"

    async def admin(self, portal=None):
        """An administrator, at one portal or at whichever answers."""
        return await self._open(self.cluster.callers.admin_client(*(() if portal is None else (portal,))))

    async def client(self, customer_id, transport=Transport.GRPC, portal=None):
        """A customer's client; with gRPC at one portal or at whichever answers."""
        return await self._open(self.cluster.callers.shop_client(customer_id, transport, portal))

    async def customer(self, transport=Transport.GRPC, portal=None):
        """A client of a new customer."""
        customer_id = self.new_id("customer")
        await (await self.admin()).create_customer(customer_id, "Conceição")
        assert self.cluster.callers.has_own_token(customer_id) is self.cluster.callers.secure
        return await self.client(customer_id, transport, portal)

    async def product(self, quantity=100, price=250):
        """A new product."""
        return await self._new_product(await self.admin(), quantity, price)

    async def stock(self, product_id):
        """Units on hand."""
        return (await (await self.admin()).get_product(product_id)).document.quantity

    async def products(self, count, quantity=10, price=250):
        """Several new products at once, by one client: to open two hundred takes this process longer than the calls."""
        admin = await self.admin()
        return await asyncio.gather(*(self._new_product(admin, quantity, price) for _ in range(count)))

    async def _new_product(self, admin, quantity, price):
        return (await admin.create_product(self.new_id("product"), "Pão de queijo", price, quantity)).document

    async def _open(self, client):
        return await self._open_clients.enter_async_context(client)
