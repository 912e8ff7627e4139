"""A cluster of containers of which each may be of another version's image."""

import os
import subprocess

from quitanda_local.ports import free_ports
from quitanda_local.topology import PORTS_NEEDED, on_ports
from quitanda_testing.containers.container_cluster import ContainerCluster
from quitanda_testing.containers.container_process import ContainerProcess
from quitanda_testing.containers.docker_run import TAG
from versions.installed_version import InstalledVersion
from versions.mixed_cluster import VersionedCluster


class MixedContainerCluster(ContainerCluster, VersionedCluster):
    """Every container is of the version `first` until it is restarted as another one, on the same volume."""

    def __init__(self, first: InstalledVersion, present: InstalledVersion) -> None:
        super().__init__(on_ports(free_ports(PORTS_NEEDED)))
        self._present = present
        self._logged: dict[str, tuple[str, ...]] = {}
        self.run_all(first)
        for name in self.versioned:
            self._replace(name)

    def log(self, name: str) -> tuple[str, ...]:
        """Give every line that the process has logged, in containers of before, too."""
        return (*self._logged.get(name, ()), *super().log(name))

    async def restart_as(self, version: InstalledVersion, name: str, *, wait: bool = True) -> None:
        """Replace the container by one of another version's image, with the same name, address and volume."""
        await self.shut_down(name)
        self._logged[name] = self.log(name)
        self._containers[name].remove()
        self.run_as(version, name)
        self._replace(name)
        await self.restart(name, wait=wait)

    def _replace(self, name: str) -> None:
        version = self.version(name)
        tag = TAG if version == self._present else image_tag(version)
        self._containers[name] = ContainerProcess(name, self._specs.container(name, self._volumes.of(name), tag))


def image_tag(version: InstalledVersion) -> str:
    """Return the tag of the images that `build_images` makes."""
    return f"version-{version.name}"


def build_images(version: InstalledVersion) -> None:
    """Make the images of a version from its own files, as its `make images` does."""
    command = ["docker", "compose", "build", "--quiet"]
    environment = os.environ | {"QUITANDA_TAG": image_tag(version)}
    made = subprocess.run(command, cwd=version.tree, env=environment, check=False, capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed in {version.tree}: {made.stderr}")
