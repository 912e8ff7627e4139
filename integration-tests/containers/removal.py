"""Taking away everything in Docker that carries a label."""

from contextlib import suppress
from typing import Final

import docker
from docker.errors import APIError, NotFound

from containers.disks import LOOP_BLOCK_DEVICES, LOOP_CONTROL

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
    devices = [device for volume in volumes if (device := _loop_device(volume.attrs)) and _removed(volume)]
    for volume in volumes:
        _removed(volume)
    if devices:
        _detach(client, tools, devices)
    return bool(containers or networks or volumes)


def _removed(volume: docker.models.volumes.Volume) -> bool:
    try:
        volume.remove(force=True)
    except NotFound:
        return True
    except APIError:
        return False
    return True


def _loop_device(volume: dict) -> str:
    device = (volume.get("Options") or {}).get("device", "")
    return device if device.startswith(LOOP_DEVICES) else ""


def _detach(client: docker.DockerClient, tools: str, devices: list[str]) -> None:
    client.containers.run(
        tools,
        ["sh", "-c", "".join(f"losetup --detach {device}; " for device in devices) + "true"],
        network_mode="none",
        volumes={"/dev": {"bind": "/dev", "mode": "rw"}},
        device_cgroup_rules=[LOOP_BLOCK_DEVICES, LOOP_CONTROL],
        remove=True,
    )
