"""What is on the volumes of containers: emptied, changed, restored from a backup, given identities. Blocking."""

import io
import shlex
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from docker.errors import NotFound
from docker.models.containers import Container
from testcontainers.core.container import DockerContainer

from quitanda_local.errors import RestoreFailed
from quitanda_testing.cluster.cluster import T
from quitanda_testing.containers.container_specs import DATA, IDENTITIES, VOLUME
from quitanda_testing.containers.docker_run import DockerRun

OWNER: Final = 10001
"""User and group of the services in their containers."""
BROKER_OWNER: Final = 1883
"""User and group of the broker in its container."""

BACKUP: Final = "/backup"
READABLE: Final = 0o644


def erase(tools: str, run: DockerRun, volume: str) -> None:
    """Empty a volume, with the image of the tools."""
    with _mounted(tools, run, volume, ["find", VOLUME, "-mindepth", "1", "-delete"]) as container:
        container.start().wait()


def with_copy(tools: str, run: DockerRun, volume: str, work: Callable[[Path], T]) -> T:
    """Let somebody change a copy of the folder with a replica's data, and put that in its place."""
    with (
        tempfile.TemporaryDirectory(prefix="quitanda-") as place,
        _mounted(tools, run, volume, ["sleep", "infinity"]) as container,
    ):
        mounted = container.start().get_wrapped_container()
        folder = Path(place) / Path(DATA).name
        with suppress(NotFound):  # an erased disk has no folder
            _copy_out(mounted, Path(place))
        result = work(folder)
        mounted.exec_run(["rm", "-rf", DATA])
        if folder.exists():
            _copy_in(mounted, folder)
    return result


def _copy_out(container: Container, place: Path) -> None:
    chunks, _ = container.get_archive(DATA)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        archive.extractall(place, filter="data")


def _copy_in(container: Container, folder: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(folder, arcname=folder.name, filter=_owned)
    container.put_archive(VOLUME, packed.getvalue())


def restore(image: str, run: DockerRun, volume: str, name: str, backup: Path) -> None:
    """Make the data of a replica from a backup; RestoreFailed with what the program said."""
    with _mounted(image, run, volume, ["restore", "--from", BACKUP, "--into", DATA]) as container:
        code = container.with_copy_into_container(backup.read_bytes(), BACKUP, READABLE).start().wait()
        if code != 0:
            said = container.get_wrapped_container().logs().decode(errors="replace").strip()
            raise RestoreFailed(f"{name}: {said}")


def make_identity_volumes(run: DockerRun, names: Sequence[str]) -> dict[str, str]:
    """Make an empty volume for each identity folder; give their names."""
    return {name: run.client.volumes.create(run.name(f"identity-{name}"), labels=run.labels).name for name in names}


def fill_identity_volumes(tools: str, run: DockerRun, volumes: Mapping[str, str], root: Path, broker: str) -> None:
    """Copy each identity folder under `root` into its volume, where it belongs to the user who reads it."""
    container = DockerContainer(tools).with_kwargs(labels=run.labels, network_mode="none")
    for name, volume in volumes.items():
        container.with_volume_mapping(volume, f"{IDENTITIES}/{name}", "rw")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in volumes:
            archive.add(root / name, name, filter=_owned_by_broker if name == broker else _owned)
    try:
        container.start().get_wrapped_container().put_archive(IDENTITIES, packed.getvalue())
    finally:
        container.stop()


@contextmanager
def _mounted(image: str, run: DockerRun, volume: str, command: list[str]) -> Iterator[DockerContainer]:
    """Describe a container with the volume in it, not started yet; it is removed afterwards."""
    container = DockerContainer(image, command=shlex.join(command)).with_volume_mapping(volume, VOLUME, "rw")
    container.with_kwargs(labels=run.labels, network_mode="none", healthcheck={"test": ["NONE"]})
    try:
        yield container
    finally:
        container.stop()


def _owned(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = OWNER
    return entry


def _owned_by_broker(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = BROKER_OWNER
    return entry
