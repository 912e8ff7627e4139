"""A system that is measured, as processes of this machine."""

import asyncio
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import grpc.aio

from bench.cases import Case
from bench.portal import SEED
from bench.proofs import Proofs
from bench.workload import Workload
from quitanda_local.ports import free_ports
from quitanda_local.process import Process, Spawner

PORTALS: Final = 2
READY_SECONDS: Final = 60.0
HOST: Final = "127.0.0.1"


class System(ABC):
    """Started afresh for each round, in an empty folder."""

    name: ClassVar[str]
    title: ClassVar[str]
    cases: ClassVar[tuple[Case, ...]]
    """What can be asked of it."""

    portals: tuple[str, ...] = ()
    """Addresses of the two client portals, once started."""
    broker: str = ""
    """Address of the MQTT broker, where it has one."""
    workload: Workload = Workload.drawn()
    proofs: Proofs = Proofs()
    """With what callers prove who they are, once started."""

    @classmethod
    @abstractmethod
    def missing(cls) -> str:
        """Say what has to be installed; empty if nothing."""

    @abstractmethod
    async def start(self, folder: Path) -> None:
        """Start everything, and store the workload's products and orders."""

    @abstractmethod
    async def stop(self) -> None:
        """End everything."""

    @abstractmethod
    async def processes(self) -> dict[str, int]:
        """Give the id of every process of the system by its name."""


class PeerSystem(System):
    """A peer: the processes of its servers, and two portals of ours before them."""

    backend: ClassVar[str]
    """Which backend its portals have."""

    def __init__(self) -> None:
        self._spawner = Spawner()
        self._processes: dict[str, Process] = {}

    async def start(self, folder: Path) -> None:
        """Start the servers, then the portals; return when the portals answer."""
        settings = await self.start_servers(folder)
        ports = free_ports(PORTALS)
        self.portals = tuple(f"{HOST}:{port}" for port in ports)
        for n, address in enumerate(self.portals):
            own = {**settings[n % len(settings)], SEED: n == 0}
            command = (sys.executable, "-m", "bench.portal", self.backend, address, json.dumps(own))
            self.spawn(f"portal {n + 1}", command, folder)
        for address in self.portals:
            await self._wait_for(address)

    async def start_servers(self, folder: Path) -> Sequence[dict[str, Any]]:
        """Start the peer's own processes; give the settings of the portals' backends, in turn."""
        del folder
        return [{}]

    async def stop(self) -> None:
        """End the portals first, so that no server waits for them."""
        for process in reversed(self._processes.values()):
            await process.stop()
        self._spawner.close()

    async def processes(self) -> dict[str, int]:
        """Give the id of every process by its name."""
        return {name: process.pid for name, process in self._processes.items()}

    def spawn(self, name: str, command: Sequence[str], folder: Path) -> None:
        """Start a process that ends with this one; its output goes to a file in the folder."""
        process = self._processes[name] = Process(name, folder / f"{name.replace(' ', '-')}.log", self._spawner)
        process.start(command, {})

    async def _wait_for(self, address: str) -> None:
        """Wait until the portal is connected; ProcessDied at once if any process of the system has ended."""
        async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
            ready = asyncio.ensure_future(channel.channel_ready())
            try:
                async with asyncio.timeout(READY_SECONDS):
                    while not ready.done():
                        for process in self._processes.values():
                            process.check_alive()
                        await asyncio.wait({ready}, timeout=0.1)
            finally:
                ready.cancel()
