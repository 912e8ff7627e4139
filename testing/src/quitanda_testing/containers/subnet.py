"""A network of one run in which each container keeps its address over restarts, or gets another one on purpose."""

from ipaddress import IPv4Network
from itertools import count
from typing import Final

import docker
from docker.errors import APIError
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import EndpointConfig, IPAMConfig, IPAMPool

ATTEMPTS: Final = 10
FIRST_HOST: Final = 10
"""Below are the gateway and what the engine may need."""


class Subnet:
    """Gives addresses by name. Blocking."""

    def __init__(self, client: docker.DockerClient, name: str, labels: dict[str, str]) -> None:
        self._client = client
        self._labels = labels
        self.name = name
        self._network, self._range = self._create()
        self._hosts = count(FIRST_HOST)
        self._addresses: dict[str, str] = {}

    def address(self, name: str) -> str:
        """Give the address of this name."""
        return self._addresses.get(name) or self._next(name)

    def endpoint(self, name: str) -> EndpointConfig:
        """Tell where a new container is to be: at the address of this name, which is also its alias."""
        return self._client.api.create_endpoint_config(aliases=[name], ipv4_address=self.address(name))

    def move(self, name: str, container: Container) -> None:
        """Give a container that does not run another address under the same alias."""
        self._network.disconnect(container, force=True)
        self._network.connect(container, aliases=[name], ipv4_address=self._next(name))

    def _next(self, name: str) -> str:
        self._addresses[name] = str(self._range[next(self._hosts)])
        return self._addresses[name]

    def _create(self) -> tuple[Network, IPv4Network]:
        """Let the engine choose a range that is free, and take that one: only then may addresses be chosen."""
        for attempt in range(1, ATTEMPTS + 1):
            probe = self._client.networks.create(f"{self.name}-{attempt}", labels=self._labels)
            probe.reload()
            chosen = probe.attrs["IPAM"]["Config"][0]["Subnet"]
            probe.remove()
            ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=chosen)])
            try:
                network = self._client.networks.create(self.name, labels=self._labels, ipam=ipam)
            except APIError:  # another run was quicker
                if attempt == ATTEMPTS:
                    raise
            else:
                return network, IPv4Network(chosen)
        raise AssertionError("the last attempt raises")
