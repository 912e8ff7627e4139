"""Which kind of cluster the scenarios run against, whether its callers prove who they are, and making one."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from quitanda_local.data_directory import IDENTITIES
from quitanda_local.topology import BrokerKind
from quitanda_testing.cluster.cluster import Cluster
from quitanda_testing.cluster.process_cluster import ProcessCluster
from quitanda_testing.preloaded import compiler

KIND_VARIABLE: Final = "QUITANDA_TEST_CLUSTER"
IDENTITY_VARIABLE: Final = "QUITANDA_TEST_IDENTITY"
"""`on` (the default): every process has an identity. `off`: the open mode."""
BROKER: Final = os.environ.get("QUITANDA_TEST_BROKER")
"""Which broker processes use: mosquitto or amqtt; the best that is installed, if not given."""


class ClusterKind(StrEnum):
    """What a cluster is made of."""

    PROCESSES = "processes"
    CONTAINERS = "containers"


def chosen() -> ClusterKind:
    """Give the kind that the environment asks for; ValueError names those that there are."""
    wanted = os.environ.get(KIND_VARIABLE) or ClusterKind.PROCESSES
    try:
        return ClusterKind(wanted)
    except ValueError:
        raise ValueError(f"{KIND_VARIABLE} is {wanted!r}; there are {', '.join(ClusterKind)}") from None


def identities_wanted() -> bool:
    """Say whether the environment asks for clusters with identities; ValueError where it says neither yes nor no."""
    wanted = os.environ.get(IDENTITY_VARIABLE) or "on"
    if wanted not in ("on", "off"):
        raise ValueError(f"{IDENTITY_VARIABLE} is {wanted!r}; there are on, off")
    return wanted == "on"


def make(
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    breakable_disks: bool = False,
    identities: bool | None = None,
    clocks: bool = False,
) -> Cluster:
    """Make a cluster of the chosen kind beside whatever else runs here; what it keeps on this machine is in the folder.

    `settings` are QUITANDA_* variables added to every process's own; `breakable_disks` gives the replicas disks that
    can have Fault.BAD_DISK, and `clocks` clocks that can have Fault.CLOCK_JUMP, where that is possible. `identities`
    says whether the processes have identities; the environment says so where it is None.
    """
    secure = identities_wanted() if identities is None else identities
    if chosen() is ClusterKind.CONTAINERS:
        from quitanda_testing.containers.container_cluster import ContainerCluster  # noqa: PLC0415 - most runs have no Docker

        folders = folder / IDENTITIES if secure else None
        return ContainerCluster.on_free_ports(settings, breakable_disks=breakable_disks, identities=folders)
    broker = BrokerKind(BROKER) if BROKER else None
    clocks = clocks and compiler() is not None
    return ProcessCluster.on_free_ports(folder, broker, settings, partitions=True, identities=secure, clocks=clocks)
