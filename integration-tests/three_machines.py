"""Three machines as docs/THREE_MACHINES.md has them, each played by a network of containers with an address of its own.

A machine's address is the gateway of its network: what the machine publishes is reached there, from everywhere, and by
nothing else do its containers reach those of another machine. `ssh` and `sudo` are two scripts: the first goes into the
machine's folder, the second does there as root what the document lets it do.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import docker
from compose_project import COMMAND_SECONDS, GUARD_SECONDS, PROJECT_LABEL, CommandFailed, written

from quitanda_testing.containers.docker_run import ROOT, TAG, TOOLS
from quitanda_testing.containers.removal import remove_labelled

DOCUMENT: Final = "docs/THREE_MACHINES.md"
MACHINES: Final = (1, 2, 3)
SERVICES: Final = ("replica", "admin-portal", "client-portal")
WELL_SECONDS: Final = 60.0
FOLDER_AS_WRITTEN: Final = "/opt/quitanda"
ADDRESS_AS_WRITTEN: Final = "192.0.2.1{}"
IMAGE_AS_WRITTEN: Final = re.compile(r"(?<!/)\b(quitanda/(?:replica|admin-portal|client-portal|clients))(?::latest)?\b")

_SSH: Final = f"""#!/usr/bin/env bash
set -euo pipefail
machine=$1 command=${{*:2}} folder={FOLDER_AS_WRITTEN}
cd "$MACHINES_FOLDER/$machine"
export COMPOSE_PROJECT_NAME="$MACHINES_NAME-$machine" COMPOSE_FILE="docker-compose.yml:../$machine.yml"
exec bash -euo pipefail -c "${{command//"$folder"/$PWD}}"
"""
_SUDO: Final = f"""#!/usr/bin/env bash
exec docker run --rm --interactive --label "{PROJECT_LABEL}=$COMPOSE_PROJECT_NAME" --network none \\
    --volume "$PWD:$PWD" --workdir "$PWD" {TOOLS} "$@"
"""
"""The user of the test may use Docker, so it can be root in a folder of its own, and nowhere else."""


class ThreeMachines:
    """The machines, empty at first, and the administrator's computer with a copy of the files of the repository."""

    def __init__(self, folder: Path) -> None:
        self.name = f"quitanda-three-{secrets.token_hex(4)}"
        self._machines = folder / "machines"
        self._home = folder / "clone" / "deploy" / "three-hosts"
        for part in ("three-hosts", "mosquitto"):
            shutil.copytree(ROOT / "deploy" / part, self._home.parent / part)
        self._client = docker.from_env()
        self._guards = [self._guard(number) for number in MACHINES]
        self.addresses = {number: self._make_machine(number, *subnet) for number, subnet in self._free_subnets()}
        commands = folder / "commands"
        commands.mkdir()
        for name, text in {"ssh": _SSH, "sudo": _SUDO}.items():
            (commands / name).write_text(text)
            (commands / name).chmod(0o700)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("QUITANDA_", "COMPOSE_"))},
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "MACHINES_FOLDER": str(self._machines),
            "MACHINES_NAME": self.name,
            "QUITANDA_TAG": TAG,
        }

    def do(self, heading: str) -> None:
        """Run the commands that the document has under a heading."""
        self.run(written(DOCUMENT, heading, naming=""))

    def run(self, command: str, timeout: float = COMMAND_SECONDS) -> str:
        """Run a command on the administrator's computer; give what it printed, or raise CommandFailed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._here(command)],
            cwd=self._home,
            env=self._environment,
            stdin=subprocess.DEVNULL,
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

    def on(self, number: int, command: str) -> str:
        """Run a command on a machine, in its folder."""
        return self.run(f"ssh machine{number} {shlex.quote(command)}")

    def client(self, command: str, folder: str = "identity/clients") -> str:
        """Run a command of the clients as the document writes it, with the identity folder of whoever calls."""
        as_written = written(DOCUMENT, "Start", naming="quitanda/clients")
        return self.run(
            as_written.replace("quitanda-admin cluster status", command).replace("identity/clients", folder)
        )

    def admin(self, command: str, number: int | None = None) -> str:
        """Run a command of an administrator, at one machine's portal or at whichever answers."""
        return self.client(f"quitanda-admin {self._portal(number, 7001)}{command}")

    def shop(self, command: str, number: int | None = None) -> str:
        """Run a command of the customer `ana`, at one machine's portal or at whichever answers."""
        return self.client(f"quitanda-shop {self._portal(number, 7003)}--customer ana {command}", "customer-ana")

    def all_is_well(self) -> bool:
        """Say whether the cluster is well."""
        try:
            self.admin("cluster status")
        except CommandFailed:
            return False
        return True

    def wait_until_well(self) -> None:
        """Ask until the cluster is well; each answer takes its time."""
        deadline = time.monotonic() + WELL_SECONDS
        while not self.all_is_well():
            assert time.monotonic() < deadline, f"not well within {WELL_SECONDS} s: {self.replicas()}"

    def wait_for_the_feed(self, number: int) -> None:
        """Ask until both portals of a machine hear the leader through the broker."""
        for service, port in (("admin-portal", 7001), ("client-portal", 7003)):
            probe = f"python -m quitanda.runtime.health_probe 127.0.0.1:{port} feed"
            self.on(
                number, f"timeout {WELL_SECONDS} sh -c 'until docker compose exec -T {service} {probe}; do :; done'"
            )

    def presented(self, number: int) -> dict[str, str]:
        """Give the certificate, as PEM text, that each process of a machine shows to whoever connects."""
        shown = {}
        for process, port in self._listeners(number):
            context = ssl.create_default_context(cafile=self._home / "identity" / "clients" / "ca.pem")
            context.load_cert_chain(self._home / "identity" / "metrics" / "process.pem")
            name = process if process.startswith("replica") else self.addresses[number]
            with (
                socket.create_connection((self.addresses[number], port), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname=name) as connection,
            ):
                shown[process] = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")
        return shown

    def certificates(self, number: int) -> dict[str, str]:
        """Give the certificate that the identity folder of each process of a machine has."""
        texts = {
            name: (self._home / "identity" / name / "process.pem").read_text() for name, _ in self._listeners(number)
        }
        return {name: text[text.index("-----BEGIN CERTIFICATE") :] for name, text in texts.items()}

    def began(self, number: int) -> dict[str, str]:
        """Say when each container of a machine began its present life."""
        return {service: one["State"]["StartedAt"] for service, one in self.containers(number).items()}

    def _listeners(self, number: int) -> list[tuple[str, int]]:
        listeners = [(f"replica{number}", 7011), (f"admin-portal-{number}", 7001), (f"client-portal-{number}", 7003)]
        return [*listeners, ("broker", 8883)] if "broker" in self.containers(number) else listeners

    def leader(self, number: int | None = None) -> int:
        """Give the number of the machine whose replica leads, as one or any portal knows it; wait for one."""
        deadline = time.monotonic() + WELL_SECONDS
        while True:
            told = self.replicas(number)
            if leading := [one for one in told if one["role"] == "REPLICA_ROLE_LEADER"]:
                return int(leading[0]["name"].removeprefix("replica"))
            assert time.monotonic() < deadline, f"no replica leads within {WELL_SECONDS} s: {told}"

    def replicas(self, number: int | None = None) -> list[dict[str, Any]]:
        """Give what each replica says about itself to one machine's portal, or to any."""
        status = self.admin("--json cluster status || test $? = 1", number)  # not all of them may be well
        told: list[dict[str, Any]] = json.loads(status)["replicas"]
        return told

    def containers(self, number: int) -> dict[str, Any]:
        """Give what Docker knows about each running container of a machine, by service."""
        filters = {"label": f"{PROJECT_LABEL}={self.name}-machine{number}"}
        return {
            one.labels["com.docker.compose.service"]: one.attrs for one in self._client.containers.list(filters=filters)
        }

    def files(self, number: int) -> dict[str, tuple[str, str]]:
        """Give each file and folder on a machine: owner and mode, by path."""
        listed = self.on(number, "sudo find . -mindepth 1 -printf '%P %U %m\\n'").splitlines()
        return {path: (owner, mode) for path, owner, mode in (line.split() for line in listed)}

    def cut_off(self, number: int) -> None:
        """Let nothing pass between a machine and the two others; within it everything goes on."""
        for here in MACHINES:
            unreachable = [there for there in MACHINES if there != here and number in {here, there}]
            for address in [self.addresses[there] for there in unreachable]:
                self._in_each_network(
                    here, f"iptables -A OUTPUT -d {address} -j DROP; iptables -A INPUT -s {address} -j DROP"
                )

    def join(self) -> None:
        """Undo `cut_off`."""
        for here in MACHINES:
            self._in_each_network(here, "iptables -F")

    def lose(self, number: int) -> None:
        """Take a machine away, with everything that is on it."""
        remove_labelled(self._client, f"{PROJECT_LABEL}={self.name}-machine{number}", TOOLS)
        self.on(number, "sudo find . -mindepth 1 -delete")

    def close(self) -> None:
        """Remove everything."""
        try:
            for number in MACHINES:
                self.lose(number)
        finally:
            self._client.close()
            for guard in self._guards:
                guard.stdin.close()
            for guard in self._guards:
                guard.wait(GUARD_SECONDS)

    def _in_each_network(self, number: int, command: str) -> None:
        for container in self.containers(number).values():
            self._client.containers.run(
                TOOLS,
                ["sh", "-euc", command],
                network_mode=f"container:{container['Id']}",
                cap_add=["NET_ADMIN"],
                labels={PROJECT_LABEL: f"{self.name}-machine{number}"},
                remove=True,
            )

    def _portal(self, number: int | None, port: int) -> str:
        return "" if number is None else f"--portal {self.addresses[number]}:{port} "

    def _guard(self, number: int) -> Any:
        label = f"{PROJECT_LABEL}={self.name}-machine{number}"
        return subprocess.Popen(
            [sys.executable, "-m", "quitanda_testing.containers.removal_guard", label, TOOLS],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _free_subnets(self) -> Iterator[tuple[int, tuple[str, str]]]:
        """Let the engine choose three ranges that are free; each machine then keeps its own, also as an empty one."""
        labels = {PROJECT_LABEL: f"{self.name}-machine1"}
        probes = [self._client.networks.create(f"{self.name}-{number}", labels=labels) for number in MACHINES]
        for probe in probes:
            probe.reload()
        chosen = [probe.attrs["IPAM"]["Config"][0] for probe in probes]
        for probe in probes:
            probe.remove()
        for number, one in zip(MACHINES, chosen, strict=True):
            yield number, (one["Subnet"], one["Gateway"])

    def _make_machine(self, number: int, subnet: str, address: str) -> str:
        """Make an empty machine; give its address."""
        (self._machines / f"machine{number}").mkdir(parents=True)
        ipam = {"config": [{"subnet": subnet, "gateway": address}]}
        network = {"networks": {"default": {"ipam": ipam}}}
        (self._machines / f"machine{number}.yml").write_text(json.dumps(network))
        return address

    def _here(self, command: str) -> str:
        """Put what is here where the document has its examples."""
        for number in MACHINES:
            command = command.replace(ADDRESS_AS_WRITTEN.format(number), self.addresses[number])
        command = IMAGE_AS_WRITTEN.sub(rf"\1:{TAG}", command)
        return command.replace("docker run ", f"docker run --label {PROJECT_LABEL}={self.name}-machine1 ")
