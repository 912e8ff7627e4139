"""Which process is to suffer: the leader, a follower, a portal of each kind, the broker."""

from quitanda_testing.cluster.cluster import Cluster

REPLICAS = ("leader", "follower")
PORTALS = ("admin portal", "client portal")
EVERY_KIND = (*REPLICAS, *PORTALS, "broker")


async def victim(cluster: Cluster, kind: str) -> str:
    """Name one process of this kind."""
    match kind:
        case "leader":
            return await cluster.wait_for_leader()
        case "follower":
            return (await followers(cluster))[0]
        case "admin portal":
            return cluster.admin_portals[0]
        case "client portal":
            return cluster.client_portals[0]
        case "broker":
            return cluster.broker
    raise ValueError(f"there is no {kind}; there are {', '.join(EVERY_KIND)}")


async def followers(cluster: Cluster) -> list[str]:
    """Name the replicas that do not lead."""
    leader = await cluster.wait_for_leader()
    return [name for name in cluster.replicas if name != leader]
