"""A cluster of which each process may run another version, and what is said to it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from quitanda_local.ports import free_ports
from quitanda_local.topology import MODULES, PORTS_NEEDED, Deployment, Service, ServiceRole, on_ports
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.cluster import Cluster
from quitanda_testing.cluster.process_cluster import ProcessCluster
from versions.contract_calls import ContractCalls, Exchange
from versions.installed_version import InstalledVersion

LEVEL_SECONDS: Final = 10.0
ENDS_SECONDS: Final = 30.0


class VersionedCluster(Cluster):
    """A cluster whose processes, the broker excepted, may each run another version."""

    _versions: dict[str, InstalledVersion]

    @property
    def versioned(self) -> tuple[str, ...]:
        """Names of the processes that have a version."""
        return (*self.replicas, *self.admin_portals, *self.client_portals)

    def version(self, name: str) -> InstalledVersion:
        """Return the version that the process was last told to run."""
        return self._versions[name]

    def run_all(self, version: InstalledVersion) -> None:
        """Let every process that is started from now on run the version."""
        self._versions = dict.fromkeys(self.versioned, version)

    def run_as(self, version: InstalledVersion, name: str) -> None:
        """Let the process run the version when it is started the next time."""
        self._versions[name] = version

    async def restart_as(self, version: InstalledVersion, name: str, *, wait: bool = True) -> None:
        """Start the process again as another version, after shutting it down if it runs."""
        self.run_as(version, name)
        await self.restart(name, wait=wait)


class MixedCluster(ProcessCluster, VersionedCluster):
    """Processes of this machine; every one runs the version `first` until it is restarted as another one."""

    def __init__(self, data_dir: Path, first: InstalledVersion) -> None:
        super().__init__(data_dir, on_ports(free_ports(PORTS_NEEDED)))
        self.run_all(first)

    def _command(self, service: Service) -> Sequence[str]:
        if service.role is ServiceRole.BROKER:
            return super()._command(service)
        return self._versions[service.name].module(MODULES[service.role])

    def _environment(self, deployment: Deployment, service: Service) -> Mapping[str, str]:
        version = self._versions.get(service.name)
        path = {"PYTHONPATH": version.path} if version and version.path else {}
        return {**super()._environment(deployment, service), **path}


async def lead(cluster: VersionedCluster, name: str) -> None:
    """Move the leadership to the replica."""
    if await cluster.wait_for_leader() != name:
        async with ContractCalls({"AdminPortal": cluster.address(cluster.admin_portals[0])}) as calls:
            moved = await calls.call("AdminPortal.TransferLeadership", {"to": name})
        assert moved.refusal is None
    assert await cluster.wait_for_leader() == name


async def verify(cluster: VersionedCluster) -> None:
    """Let portals of both kinds of version have every replica's digest computed from everything that it holds."""
    for portal in cluster.admin_portals:
        async with ContractCalls({"AdminPortal": cluster.address(portal)}) as calls:
            verified = (await calls.call("AdminPortal.VerifyCluster", {})).answer["replicas"]
        assert len(verified) == len(cluster.replicas)
        assert [replica["computed_digest"] for replica in verified] == [replica["kept_digest"] for replica in verified]
        assert len({replica["compared_digest"] for replica in verified}) == 1


async def change(cluster: VersionedCluster, version: InstalledVersion, name: str) -> None:
    """Restart the process as the version; until then every replica must run."""
    assert [replica for replica in cluster.replicas if not cluster.running(replica)] == []
    await cluster.restart_as(version, name)


async def swap_portals(cluster: VersionedCluster, first: InstalledVersion, second: InstalledVersion) -> None:
    """Let the first portal of each kind run one version and the second one the other."""
    for portals in (cluster.admin_portals, cluster.client_portals):
        for portal, version in zip(portals, (first, second), strict=True):
            await change(cluster, version, portal)


async def raise_level(cluster: VersionedCluster) -> Exchange:
    """Ask for the highest level that the leader supports, as `quitanda-admin cluster raise-level` does."""
    async with ContractCalls({"AdminPortal": cluster.address(cluster.admin_portals[0])}) as calls:
        return await calls.call("AdminPortal.RaiseLevel", {})


async def raise_level_once_all_answer(cluster: VersionedCluster) -> Exchange:
    """Ask again while the leader does not hear from a replica, as it may where one was restarted a moment ago."""

    async def heard() -> Exchange | None:
        raised = await raise_level(cluster)
        silent = raised.refusal is not None and "error" in raised.refusal["facts"]
        return None if silent else raised

    return await wait_until(heard, "every replica's answer", LEVEL_SECONDS)


async def levels(cluster: VersionedCluster) -> set[int]:
    """Return the levels that the replicas which answer say the cluster is at."""
    statuses = [await cluster.status(name) for name in cluster.replicas]
    return {status.cluster_level for status in statuses if status is not None}


async def wait_for_level(cluster: VersionedCluster, level: int) -> None:
    """Wait until every replica says that the cluster is at the level; followers learn it after the leader."""

    async def reached() -> bool:
        return await levels(cluster) == {level}

    await wait_until(reached, f"level {level}", LEVEL_SECONDS)


async def ends_by_itself(cluster: VersionedCluster, name: str) -> str:
    """Wait until the process has ended, and return its last words."""

    async def ended() -> bool:
        return not cluster.running(name)

    await wait_until(ended, f"{name} to end", ENDS_SECONDS)
    return "\n".join(cluster.log(name)[-3:])
