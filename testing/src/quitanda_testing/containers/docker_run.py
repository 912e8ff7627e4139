"""One run in Docker: everything of it carries one label, and is gone when this process is, however it ends."""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Final

import docker

from quitanda_local.errors import LocalError
from quitanda_local.topology import ServiceRole
from quitanda_testing.containers.removal import remove_labelled

LABEL: Final = "quitanda.run"
OWNER_LABEL: Final = "quitanda.owner"
"""With the process id of who started it, for people who wonder."""

TAG: Final = os.environ.get("QUITANDA_TAG", "latest")
"""Of the images that are made here."""


def image(role: ServiceRole, tag: str = TAG) -> str:
    """Name the image of a role in a version."""
    return f"quitanda/{role}:{tag}"


IMAGES: Final = {role: image(role) for role in ServiceRole if role is not ServiceRole.BROKER}
TOOLS: Final = f"quitanda/faults:{TAG}"
ROOT: Final = Path(__file__).parents[4]
"""Of the repository."""

GUARD_SECONDS: Final = 30.0


class ImagesMissing(LocalError):
    """An image that a cluster is made of was not built."""


class DockerRun:
    """The label, and the guard that removes what carries it should this process not be able to."""

    def __init__(self) -> None:
        self.client = docker.from_env()
        check_images(self.client)
        self.id = secrets.token_hex(4)
        self.labels = {LABEL: self.id, OWNER_LABEL: str(os.getpid())}
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "quitanda_testing.containers.removal_guard", self.label, TOOLS],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def label(self) -> str:
        """`name=value`, to look for."""
        return f"{LABEL}={self.id}"

    def name(self, of: str) -> str:
        """Give a name that nothing of another run has."""
        return f"quitanda-{self.id}-{of}"

    def close(self) -> None:
        """Remove everything; the guard looks once more, and ends."""
        try:
            remove_labelled(self.client, self.label, TOOLS)
        finally:
            self.client.close()
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait(GUARD_SECONDS)


def check_images(client: docker.DockerClient) -> None:
    """Raise ImagesMissing with those that are not there: they are never pulled."""
    there = {tag for image in client.images.list() for tag in image.tags}
    if missing := sorted({*IMAGES.values(), TOOLS} - there):
        client.close()
        raise ImagesMissing(f"build the images first, with `make images`; missing are {', '.join(missing)}")
