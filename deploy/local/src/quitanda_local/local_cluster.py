"""A cluster as processes of this machine, which end with this one, however it ends."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from quitanda.domain.commands import CREDENTIALS_LEVEL
from quitanda.identity.folder import IdentityFolder
from quitanda_local import broker, ports
from quitanda_local.data_directory import IDENTITIES, DataDirectory
from quitanda_local.errors import LevelTooLow, NotRunning, RestoreFailed
from quitanda_local.identities import Identities
from quitanda_local.observed_cluster import ObservedCluster
from quitanda_local.process import Process, Spawner
from quitanda_local.topology import (
    MODULES,
    PORTS_NEEDED,
    BrokerKind,
    Deployment,
    Service,
    ServiceRole,
    Topology,
    environment,
    on_ports,
)

COMMANDS: Final = {role: (sys.executable, "-m", module) for role, module in MODULES.items()}
"""What starts the process of each role but the broker's."""
START_SECONDS: Final = 600.0
"""For the start of all: nobody leads before a replica has checked its whole state, some 100,000 keys a second."""


class LocalCluster(ObservedCluster):
    """Runs everything as processes of this machine, and keeps what they write in one directory.

    The methods may be called from any event loop, one after the other: nothing is kept that belongs to a loop. With
    `identities` every process has a certificate, every link is TLS, and the secrets are in the identity folders.
    `settings` are QUITANDA_* variables added to every process's own.
    """

    def __init__(
        self,
        data_dir: Path,
        topology: Topology,
        wanted_broker: BrokerKind | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        identities: bool = False,
    ) -> None:
        super().__init__(topology, Identities(data_dir.absolute() / IDENTITIES) if identities else None)
        self.broker_kind = broker.choose(wanted_broker)
        self._data = DataDirectory(data_dir.absolute(), self.replicas)
        self._settings = dict(settings or {})
        self._spawner = Spawner()
        self._deployment: Deployment | None = None
        self._processes = {service.name: self._new_process(service.name) for service in topology.services}

    @classmethod
    def on_free_ports(
        cls, data_dir: Path, wanted_broker: BrokerKind | None = None, *, identities: bool = False
    ) -> Self:
        """Lay out a cluster beside whatever else runs here."""
        return cls(data_dir, on_ports(ports.free_ports(PORTS_NEEDED)), wanted_broker, identities=identities)

    def process(self, name: str) -> Process:
        """Find the process of this name, for supervision."""
        self.topology.named(name)
        return self._processes[name]

    async def restore(self, backup: Path) -> None:
        """Make every replica's data from a backup, before the first start; RestoreFailed if there is any already."""
        self._data.open()
        try:
            for name in self.replicas:
                await self._restore(name, backup)
        finally:
            self._data.close()

    async def start(self) -> None:
        """Start everything; return when every process is ready. After a failure nothing runs."""
        self._data.open()
        try:
            ports.check_free(self.topology)
            if self.identities:
                self.identities.make(self.topology)
            self._deployment = Deployment(
                self.topology,
                self.broker_kind,
                self._data.path,
                "" if self.identities else self._data.secret(),
                "" if self.identities else self._data.feed_key(),
                bootstrap=self._data.begin(),
                identities=self.identities.root if self.identities else None,
            )
            for service in self.topology.services:
                self._launch(service)
            await self.wait_until_ready(*self.replicas, timeout=START_SECONDS)
            if self.identities and not self._deployment.bootstrap:  # a new cluster raises its level by itself
                await self._check_level()
            await self.wait_until_ready(*self._processes, timeout=START_SECONDS)
            self._data.finish_bootstrap()
            self._deployment = replace(self._deployment, bootstrap=False)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> tuple[str, ...]:
        """Stop the page, portals, replicas, then the broker; return the names of those that had to be killed."""
        killed: list[str] = []
        for group in (self.pages, self.admin_portals + self.client_portals, self.replicas, (self.broker,)):
            stopped = await asyncio.gather(*(self._processes[name].stop() for name in group))
            killed += [name for name, by_itself in zip(group, stopped, strict=True) if not by_itself]
        self._data.close()
        return tuple(killed)

    def close(self) -> None:
        """End the thread that started the processes; any that still runs is killed. For use after `stop`."""
        self._spawner.close()

    def running(self, name: str) -> bool:
        """Say whether the process exists."""
        return self.process(name).running

    def kill(self, name: str) -> None:
        """End the process at once (SIGKILL)."""
        self.process(name).kill()

    async def restart(self, name: str, *, wait: bool = True) -> None:
        """Start the process again, after shutting it down if it runs; return when it is ready, if `wait`."""
        await self.process(name).stop()
        self._launch(self.topology.named(name))
        if wait:
            await self.wait_until_ready(name)

    async def _check_level(self) -> None:
        """Raise LevelTooLow where there can be no tokens: then no portal would ever be ready."""
        level = max(status.cluster_level for status in await self._statuses())
        if level < CREDENTIALS_LEVEL:
            raise LevelTooLow(level, CREDENTIALS_LEVEL)

    async def _restore(self, name: str, backup: Path) -> None:
        command = (
            *COMMANDS[ServiceRole.REPLICA],
            "restore",
            "--from",
            str(backup),
            "--into",
            str(self._data.folder(name)),
        )
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise RestoreFailed(f"{name}: {output.decode(errors='replace').strip()}")

    def _new_process(self, name: str) -> Process:
        return Process(name, self._data.log(name), self._spawner)

    def _launch(self, service: Service) -> None:
        if self._deployment is None:
            raise NotRunning("the cluster was never started")
        self._processes[service.name].start(self._command(service), self._environment(self._deployment, service))

    def _command(self, service: Service) -> Sequence[str]:
        if service.role is ServiceRole.BROKER:
            identity = IdentityFolder(self.identities.folder(service.name)) if self.identities else None
            return broker.prepare(self.broker_kind, service.port, self._data.folder(service.name), identity)
        return COMMANDS[service.role]

    def _environment(self, deployment: Deployment, service: Service) -> Mapping[str, str]:
        return {**environment(deployment, service.name), **self._settings}

    async def _check_alive(self, name: str) -> None:
        self.process(name).check_alive()

    def _last_words(self, name: str) -> str:
        process = self.process(name)
        return f"its log {process.log} ends with:" + "".join(f"\n    {line}" for line in process.tail())

    def _silent(self, name: str) -> bool:
        return not self.running(name)
