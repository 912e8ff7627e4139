"""The contract between the portals and the data, on our replicas: those of the cluster that the environment chooses."""

import pytest
import pytest_asyncio
from replica_contract.service import Target
from replica_contract.suite import CHECKS, run

from quitanda_testing.cluster.kinds import make

FEED_KEY = "the feed key of the contract's suite"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def target(tmp_path_factory):
    # the suite asks any server of the contract, without a certificate
    cluster = make(tmp_path_factory.mktemp("contract"), {"QUITANDA_FEED_KEY": FEED_KEY}, identities=False)
    try:
        await cluster.start()
        replicas = {name: cluster.address(name) for name in cluster.replicas}
        yield Target(replicas, cluster.address(cluster.broker), FEED_KEY)
        await cluster.wait_until_replicas_agree()
    finally:
        await cluster.stop()
        cluster.close()


@pytest.mark.parametrize("check", CHECKS)
def test_the_replicas_keep(check, target):
    run(check, target)
