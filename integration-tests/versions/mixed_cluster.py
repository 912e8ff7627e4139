"""A cluster of processes of which each may run another version."""

from collections.abc import Sequence
from pathlib import Path

from quitanda_local.ports import free_ports
from quitanda_local.topology import MODULES, PORTS_NEEDED, Role, Service, on_ports
from quitanda_testing.cluster.process_cluster import ProcessCluster
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
        if service.role is Role.BROKER:
            return super()._command(service)
        return self._versions[service.name].module(MODULES[service.role])
