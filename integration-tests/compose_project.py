"""The system as `docker compose` starts it, under a name of its own, and commands as the documents write them.

Everything in Docker carries the project's label and is gone when this process is, however it ends.
"""

import json
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from quitanda.identity.folder import IdentityFolder
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_clients.client import ShopClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_local.ports import free_ports
from quitanda_local.topology import HOST
from quitanda_testing.containers.docker_run import ROOT, TAG, TOOLS

PROJECT_LABEL: Final = "com.docker.compose.project"
COMMAND_SECONDS: Final = 200.0
GUARD_SECONDS: Final = 30.0
NETWORK_AS_WRITTEN: Final = "--network quitanda"
IMAGE_AS_WRITTEN: Final = re.compile(r"\b(quitanda/(?:replica|clients))(?![:\w-])")
IDENTITY_AS_WRITTEN: Final = "--volume quitanda_identity-clients:/identity:ro"
VOLUME_AS_WRITTEN: Final = re.compile(r"\bquitanda_(?=replica[0-9]|identity-)")
"""Of a replica or with identities: the module `quitanda_replica` is none."""

REPLICAS: Final = ("replica1", "replica2", "replica3")
PORTALS: Final = ("admin-portal-1", "admin-portal-2", "client-portal-1", "client-portal-2")
EVERYTHING: Final = ("broker", *REPLICAS, *PORTALS)


class CommandFailed(AssertionError):
    """A command of the documents did not do what they say."""


class ComposeProject:
    """A Quitanda of the compose file, beside whatever else runs here: own name, network, volumes and ports."""

    def __init__(self, folder: Path) -> None:
        self.name = f"quitanda-compose-{secrets.token_hex(4)}"
        self.folder = folder
        """Where commands are run that read or write files."""
        names = re.findall(r"^(QUITANDA_\w+_PORT)=", (ROOT / ".env").read_text(), re.MULTILINE)
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("QUITANDA_", "COMPOSE_"))},
            **{name: str(port) for name, port in self.ports.items()},
            "COMPOSE_FILE": str(ROOT / "docker-compose.yml"),
            "COMPOSE_PROJECT_NAME": self.name,
            "QUITANDA_NETWORK": self.name,
            "QUITANDA_TAG": TAG,
        }
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "quitanda_testing.containers.removal_guard", f"{PROJECT_LABEL}={self.name}", TOOLS],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, command: str, timeout: float = COMMAND_SECONDS) -> str:
        """Run a command that a document has, in bash; give what it printed. CommandFailed with what it said instead."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(command)],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(
                f"{command}\nended with {done.returncode}:\n{done.stdout[-2_000:]}{done.stderr[-4_000:]}"
            )
        return done.stdout

    def timed(self, command: str) -> float:
        """Run a command; give how many seconds it took."""
        begun = time.monotonic()
        self.run(command)
        return time.monotonic() - begun

    def up(self) -> None:
        """Start whatever does not run, and wait until all of it is ready."""
        self.run("docker compose up --wait")

    def container(self, service: str) -> str:
        """Name the container of a service."""
        return f"{self.name}-{service}-1"

    def inspected(self, service: str) -> dict[str, Any]:
        """Give what Docker knows about the container of a service."""
        described: dict[str, Any] = json.loads(self.run(f"docker inspect {self.container(service)}"))[0]
        return described

    def shop(self, command: str) -> str:
        """Write a command of a customer as the README does."""
        return self.client(f"quitanda-shop --customer ana {command}")

    def admin(self, command: str) -> str:
        """Write a command of an administrator as the README does."""
        return self.client(f"quitanda-admin {command}")

    def client(self, command: str) -> str:
        """Write a command in a container of the clients' image, with the identity folder of an administrator."""
        return f"docker run --rm {NETWORK_AS_WRITTEN} {IDENTITY_AS_WRITTEN} quitanda/clients {command}"

    def identity(self, of: str) -> IdentityFolder:
        """Give an identity folder, copied out of its volume as the document copies those of administrators."""
        copied = self.folder / "identity" / of
        if not copied.exists():
            copy = written("docs/OPERATIONS.md", "Identities", naming="umask 077")
            self.run(copy.replace("identity/clients identity/ca", f"identity/{of}").replace("clients ca;", f"{of};"))
        return IdentityFolder(copied)

    def customer(self, transport: Transport) -> ShopClient:
        """Make a client of the customer of the README, at the ports that are published on this machine."""
        portals = [Address(HOST, self.ports[f"QUITANDA_CLIENT_PORTAL_{number}_PORT"]) for number in (1, 2)]
        broker = Address(HOST, self.ports["QUITANDA_BROKER_PORT"])
        folder = self.identity("clients")
        identity, token = LinkIdentity(folder.path), folder.credential()
        return make_shop_client(transport, "ana", portals=portals, broker=broker, identity=identity, token=token)

    def replicas(self) -> list[dict[str, Any]]:
        """Give what each replica says about itself."""
        status = f"{self.admin('--json cluster status')} || test $? = 1"  # not all of them may be well
        told: list[dict[str, Any]] = json.loads(self.run(status))["replicas"]
        return told

    def leader(self) -> str:
        """Name the replica that leads."""
        return next(str(replica["name"]) for replica in self.replicas() if replica["role"] == "REPLICA_ROLE_LEADER")

    def states_agree(self) -> bool:
        """Say whether all replicas have the same state, at one revision; what is on its way is waited for."""
        self.run(self.admin("cluster verify"))
        return len({(replica["revision"], replica["state_digest"]) for replica in self.replicas()}) == 1

    def close(self) -> None:
        """Remove everything."""
        try:
            self.run("docker compose --profile '*' down --volumes --timeout 0")
        finally:
            self._guard.stdin.close()
            self._guard.wait(GUARD_SECONDS)

    def here(self, command: str) -> str:
        """Put this project's names where the documents have the default ones."""
        command = command.replace(NETWORK_AS_WRITTEN, f"--network {self.name}")
        command = VOLUME_AS_WRITTEN.sub(f"{self.name}_", command)
        command = IMAGE_AS_WRITTEN.sub(rf"\1:{TAG}", command)
        return command.replace("docker run", f"docker run --label {PROJECT_LABEL}={self.name}")


def written(document: str, heading: str, naming: str = "docker") -> str:
    """Give the blocks of commands under a heading of a document that name this, one after the other."""
    text = (ROOT / document).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## {heading}\n")
    section = rest.partition("\n## ")[0]
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) if naming in block]
    if not found or not blocks:
        raise LookupError(f"{document} has no commands under {heading!r} that name {naming!r}")
    return "".join(blocks)
