"""The processes of a cluster, all together: what they are, whether one ended, and starting them again."""

from quitanda_local.local_cluster import LocalCluster

START_SECONDS = 60.0


def everything(cluster: LocalCluster) -> tuple[str, ...]:
    """Name all processes, in an order in which they may be started."""
    return (cluster.broker, *cluster.replicas, *cluster.admin_portals, *cluster.client_portals)


def process_ids(cluster: LocalCluster) -> dict[str, int]:
    """Give the process ids of those that run: equal before and after means that none ended in between."""
    return {name: cluster.process(name).pid for name in everything(cluster) if cluster.running(name)}


async def start_again(cluster: LocalCluster, *names: str) -> None:
    """Start these processes, one right after the other, and wait until all are ready."""
    for name in names:
        await cluster.restart(name, wait=False)
    await cluster.wait_until_ready(*names, timeout=START_SECONDS)
