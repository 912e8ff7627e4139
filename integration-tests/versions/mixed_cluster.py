"""A cluster of processes of which each may run another version."""

from collections.abc import Sequence
from pathlib import Path

from quitanda_local.ports import free_ports
from quitanda_local.topology import MODULES, PORTS_NEEDED, Service, ServiceRole, on_ports
from quitanda_testing.cluster.process_cluster import ProcessCluster
from versions.contract_calls import ContractCalls, Exchange
from versions.installed_version import InstalledVersion


class MixedCluster(ProcessCluster):
    """Every process runs the version `first` until it is restarted as another one."""

    def __init__(self, data_dir: Path, first: InstalledVersion) -> None:
        super().__init__(data_dir, on_ports(free_ports(PORTS_NEEDED)))
        self._versions = dict.fromkeys(self.everything, first)

    def version(self, name: str) -> InstalledVersion:
        """Return the version that the process was last told to run."""
        return self._versions[name]

    async def restart_as(self, version: InstalledVersion, name: str, *, wait: bool = True) -> None:
        """Start the process again as another version, after shutting it down if it runs."""
        self._versions[name] = version
        await self.restart(name, wait=wait)

    def _command(self, service: Service) -> Sequence[str]:
        if service.role is ServiceRole.BROKER:
            return super()._command(service)
        return self._versions[service.name].module(MODULES[service.role])


async def lead(cluster: MixedCluster, name: str) -> None:
    """Move the leadership to the replica."""
    if await cluster.wait_for_leader() != name:
        async with ContractCalls({"AdminPortal": cluster.address(cluster.admin_portals[0])}) as calls:
            moved = await calls.call("AdminPortal.TransferLeadership", {"to": name})
        assert moved.refusal is None
    assert await cluster.wait_for_leader() == name


async def verify(cluster: MixedCluster) -> None:
    """Let portals of both kinds of version have every replica's digest computed from everything that it holds."""
    for portal in cluster.admin_portals:
        async with ContractCalls({"AdminPortal": cluster.address(portal)}) as calls:
            verified = (await calls.call("AdminPortal.VerifyCluster", {})).answer["replicas"]
        assert len(verified) == len(cluster.replicas)
        assert [replica["computed_digest"] for replica in verified] == [replica["kept_digest"] for replica in verified]
        assert len({replica["compared_digest"] for replica in verified}) == 1


async def change(cluster: MixedCluster, version: InstalledVersion, name: str) -> None:
    """Restart the process as the version; until then every replica must run."""
    assert [replica for replica in cluster.replicas if not cluster.running(replica)] == []
    await cluster.restart_as(version, name)


async def swap_portals(cluster: MixedCluster, first: InstalledVersion, second: InstalledVersion) -> None:
    """Let the first portal of each kind run one version and the second one the other."""
    for portals in (cluster.admin_portals, cluster.client_portals):
        for portal, version in zip(portals, (first, second), strict=True):
            await change(cluster, version, portal)


async def raise_level(cluster: MixedCluster) -> Exchange:
    """Ask for the highest level that the leader supports, as `quitanda-admin cluster raise-level` does."""
    async with ContractCalls({"AdminPortal": cluster.address(cluster.admin_portals[0])}) as calls:
        return await calls.call("AdminPortal.RaiseLevel", {})


async def levels(cluster: MixedCluster) -> set[int]:
    """Return the levels that the replicas which answer say the cluster is at."""
    statuses = [await cluster.status(name) for name in cluster.replicas]
    return {status.cluster_level for status in statuses if status is not None}
