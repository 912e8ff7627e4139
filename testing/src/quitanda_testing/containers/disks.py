"""Disks for containers that can be filled and broken: real file systems, each in a file behind a loop device.

Docker mounts each as a volume; short-lived containers of the image `quitanda/faults` make and break them. They need
loop devices of the machine that Docker runs on, but no root on this one. What is on a disk survives the
container that uses it, however that ends.
"""

from typing import Final

import docker
from docker.errors import ContainerError

MEGABYTES: Final = 512
"""Size of a disk. Its file grows only with what is written."""

USER: Final = 10001
"""Whom the images run their services as."""

LOOP_BLOCK_DEVICES: Final = "b 7:* rwm"
LOOP_CONTROL: Final = "c 10:237 rwm"
BALLAST: Final = "ballast"
STORE: Final = "/disks"
MOUNTED: Final = "/disk"


class DisksUnavailable(Exception):
    """Docker's machine gives containers no loop devices; the text is what the tools said."""


class Disks:
    """Makes disks, by name, and breaks them; `remove` takes all away. Blocking."""

    def __init__(self, client: docker.DockerClient, image: str, prefix: str, labels: dict[str, str]) -> None:
        self._client = client
        self._image = image
        self._prefix = prefix
        self._labels = labels
        self._files = client.volumes.create(f"{prefix}-disks", labels=labels)
        self._devices: dict[str, str] = {}
        self._broken: set[str] = set()

    def volume(self, name: str) -> str:
        """Name the volume that is the disk of this name, for a container to mount."""
        return f"{self._prefix}-disk-{name}"

    def make(self, name: str, megabytes: int = MEGABYTES) -> None:
        """Make an empty disk that belongs to the services' user. DisksUnavailable where that cannot be done."""
        file = f"{STORE}/{name}"
        try:
            device = self._with_devices(
                f"truncate -s {megabytes}M {file}; mkfs.ext4 -q -m 0 -E root_owner={USER}:{USER} {file}; "
                f"losetup --find --show {file}"
            )
        except ContainerError as error:
            raise DisksUnavailable((error.stderr or b"").decode(errors="replace").strip()) from error
        self._devices[name] = device
        # a disk that meets an error becomes read-only, as is usual on servers
        self._client.volumes.create(
            self.volume(name),
            driver="local",
            driver_opts={"type": "ext4", "device": device, "o": "errors=remount-ro"},
            labels=self._labels,
        )
        self._on_disk(name, f"rmdir {MOUNTED}/lost+found")

    def fill(self, name: str) -> None:
        """Leave no room on the disk."""
        self._on_disk(
            name,
            # the bulk at once, then byte by byte what is left
            f"room=$(df --output=avail --block-size=1 {MOUNTED} | tail -n 1); "
            f"fallocate --length $room {MOUNTED}/{BALLAST} || true; "
            f"cat /dev/zero >> {MOUNTED}/{BALLAST} 2>/dev/null || true; sync --file-system {MOUNTED}",
        )

    def make_read_only(self, name: str) -> None:
        """Let the file system meet an error, whoever uses it: every write fails until nobody uses it any more."""
        if name in self._broken:
            return
        device = self._devices[name].removeprefix("/dev/")
        self._broken.add(name)
        self._run(
            f"echo tested > /file-systems/{device}/trigger_fs_error",
            volumes={"/sys/fs/ext4": {"bind": "/file-systems", "mode": "rw"}},
            cap_add=["SYS_ADMIN"],
        )

    def repair(self, name: str) -> None:
        """Make room, and let what is written stay again; after `make_read_only` no container may use the disk."""
        self._on_disk(name, f"rm -f {MOUNTED}/{BALLAST}; touch {MOUNTED}/.writable; rm {MOUNTED}/.writable")
        self._broken.discard(name)

    def remove(self) -> None:
        """Take away all disks; no container may use them any more."""
        for name, device in self._devices.items():
            self._client.volumes.get(self.volume(name)).remove()
            self._with_devices(f"losetup --detach {device}")
        self._devices.clear()
        self._files.remove()

    def _on_disk(self, name: str, commands: str) -> None:
        self._run(commands, volumes={self.volume(name): {"bind": MOUNTED, "mode": "rw"}})

    def _with_devices(self, commands: str) -> str:
        return self._run(
            commands,
            volumes={self._files.name: {"bind": STORE, "mode": "rw"}, "/dev": {"bind": "/dev", "mode": "rw"}},
            device_cgroup_rules=[LOOP_BLOCK_DEVICES, LOOP_CONTROL],
        )

    def _run(self, commands: str, **how: object) -> str:
        output = self._client.containers.run(
            self._image, ["sh", "-euc", commands], network_mode="none", labels=self._labels, remove=True, **how
        )
        return output.decode().strip()
