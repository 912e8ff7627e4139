"""The processes of a cluster, all together: whether one ended, and starting them again."""

from contextlib import suppress

from quitanda_local.errors import NotRunning
from quitanda_testing.cluster.cluster import Cluster

START_SECONDS = 60.0

FORGERY_ALARM = "feed_message_forged"
"""What portals say, at level error on purpose, of messages on the feed that nobody with its key has sent."""


def instance_ids(cluster: Cluster) -> dict[str, str]:
    """Give the lives of those that run: equal before and after means that none ended in between."""
    lives = {}
    for name in cluster.everything:
        with suppress(NotRunning):
            lives[name] = cluster.instance_id(name)
    return lives


async def start_again(cluster: Cluster, *names: str) -> None:
    """Start these processes, one right after the other, and wait until all are ready."""
    for name in names:
        await cluster.restart(name, wait=False)
    await cluster.wait_until_ready(*names, timeout=START_SECONDS)
