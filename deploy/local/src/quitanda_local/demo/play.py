"""The whole story, in a cluster of its own that is gone afterwards."""

import tempfile
from pathlib import Path

from rich.console import Console

from quitanda.errors import QuitandaError
from quitanda_local.demo import administration, failover, ordering
from quitanda_local.demo.narrator import Narrator, StoryBroken
from quitanda_local.demo.programs import Programs
from quitanda_local.demo.stage import Stage
from quitanda_local.errors import LocalError
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.topology import BrokerKind


async def play(wanted_broker: BrokerKind | None, console: Console) -> int:
    """Play the story; return 0 if everything was as it should be."""
    narrator = Narrator(console)
    with tempfile.TemporaryDirectory(prefix="quitanda-demo-") as directory:
        try:
            cluster = LocalCluster.on_free_ports(Path(directory), wanted_broker)
        except LocalError as error:
            narrator.broken(str(error))
            return 1
        try:
            await _play(cluster, narrator)
        except* (StoryBroken, LocalError, QuitandaError, TimeoutError) as errors:
            for leaf in _leaves(errors):
                narrator.broken(f"{type(leaf).__name__}: {leaf}")
            return_code = 1
        else:
            return_code = 0
        finally:
            await cluster.stop()
            cluster.close()
    if return_code == 0:
        narrator.summary()
    return return_code


async def _play(cluster: LocalCluster, narrator: Narrator) -> None:
    narrator.act("Three replicas, two portals of each kind and a broker start, each a process of its own")
    await cluster.start()
    leader = await cluster.wait_for_leader()
    narrator.check(True, f"{len(cluster.everything)} processes are ready; {leader} leads")
    stage = Stage(cluster, narrator, Programs(cluster))
    await administration.manage_customers(stage)
    await administration.manage_products(stage)
    await administration.import_sample_data(stage)
    await ordering.place_orders(stage)
    await ordering.refuse_orders(stage)
    buyers = await failover.lose_the_leader(stage)
    await ordering.delete_with_orders(stage)
    await failover.verdict(stage, buyers)
    narrator.act("Everything is stopped")
    killed = await cluster.stop()
    narrator.check(not killed, "every process ended by itself when it was asked to", instead=killed)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Take the single errors out of a group of groups."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
