"""Taking away everything in Docker that carries a label."""

from contextlib import suppress
from typing import Any, Final

import docker
from docker.errors import APIError

from quitanda_testing.containers.disks import LOOP_BLOCK_DEVICES, LOOP_CONTROL

LOOP_DEVICES: Final = "/dev/loop"


def remove_labelled(client: docker.DockerClient, label: str, tools: str) -> bool:
    """Remove containers, networks and volumes that carry `name=value`; say whether there were any.

    `tools` is the image that lets go of the loop devices behind volumes. What Docker does not let go yet stays for
    the next time.
    """
    carrying = {"label": label}
    containers = client.containers.list(all=True, filters=carrying, ignore_removed=True)
    for container in containers:
        with suppress(APIError):
            container.remove(force=True, v=True)
    networks = client.networks.list(filters=carrying)
    for network in networks:
        with suppress(APIError):
            network.remove()
    volumes = client.volumes.list(filters=carrying)
    if devices := [device for volume in volumes if (device := _loop_device(volume.attrs))]:
        _detach(client, tools, devices)  # before the volumes go, which know them
    for volume in volumes:
        with suppress(APIError):
            volume.remove(force=True)
    return bool(containers or networks or volumes)


def _loop_device(volume: dict[str, Any]) -> str:
    device = (volume.get("Options") or {}).get("device", "")
    return device if device.startswith(LOOP_DEVICES) else ""


def _detach(client: docker.DockerClient, tools: str, devices: list[str]) -> None:
    """Let go of the devices; of those that are still mounted the system lets go by itself afterwards."""
    client.containers.run(
        tools,
        ["sh", "-c", "".join(f"losetup --detach {device}; " for device in devices) + "true"],
        network_mode="none",
        volumes={"/dev": {"bind": "/dev", "mode": "rw"}},
        device_cgroup_rules=[LOOP_BLOCK_DEVICES, LOOP_CONTROL],
        remove=True,
    )
