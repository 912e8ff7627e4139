"""What one size costs: a cluster that holds so many products and orders is loaded, restarted, and given a new disk."""

import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from bench import cases
from bench.cases import Case
from bench.generator import measure as measure_load
from bench.growth.filling import drawn_workload
from bench.measurement import Measurement
from bench.peers.quitanda import QuitandaSystem
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.waiting import wait_until

CALLED_ORDERS: Final = 20_000
"""Drawn among all, so that hardly an order is called for twice while calls are counted."""
LONG_SECONDS: Final = 480.0
"""How long a start, a check of the whole state, or a transfer of it may take."""


@dataclass(slots=True)
class Growth:
    """What was measured at one size. Times are seconds, sizes bytes; memory is by process."""

    documents: int
    disk: int = 0
    start_s: float = 0.0
    """From the start of all processes until every one is ready: a leader's state has then been checked."""
    ready_s: float = 0.0
    """From the start of one replica, with its disk, until it takes part and serves."""
    ready_processor_s: float = 0.0
    """Processor time that it had used by then; of which about a second is the interpreter's and the libraries'."""
    verified_s: float = 0.0
    """From the same start until its whole state has been compared with its digest."""
    transfer_s: float = 0.0
    """From the start of a replica with an empty disk until it has everything, and serves."""
    measured: dict[str, Measurement] = field(default_factory=dict)
    own_memory: dict[str, int] = field(default_factory=dict)
    resident_memory: dict[str, int] = field(default_factory=dict)
    """With the files that are mapped; the kernel can take these back."""

    def to_json(self) -> dict[str, Any]:
        """Write it as JSON's types."""
        return asdict(self)


class FilledSystem(QuitandaSystem):
    """Quitanda on a folder in which three replicas have their data already."""

    def __init__(self, documents: int) -> None:
        super().__init__()
        self._documents = documents

    async def start(self, folder: Path) -> None:
        """Start everything; nothing is created."""
        self.workload = drawn_workload(self._documents, CALLED_ORDERS)
        self.cluster = LocalCluster.on_free_ports(folder)
        await self.cluster.start()
        self.portals = tuple(self.cluster.address(name) for name in self.cluster.client_portals)
        self.broker = self.cluster.address(self.cluster.broker)


async def measure(filled: Path, documents: int, folder: Path, *, seconds: float, transfer: bool) -> Growth:
    """Give three replicas copies of the filled folder, and measure; `folder` is removed in the end."""
    growth = Growth(documents, disk=_size(filled))
    for name in ("replica1", "replica2", "replica3"):
        shutil.copytree(filled, folder / name)
    system = FilledSystem(documents)
    try:
        begun = time.monotonic()
        await system.start(folder)
        growth.start_s = time.monotonic() - begun
        for name in system.cluster.replicas:
            await _wait_for_check(system, folder, name, checks=1)
        for case in cases.DRAWN:
            await _load(system, case, growth, seconds)
        await _restart(system, folder, growth)
        if transfer:
            await _replace_disk(system, folder, growth)
    finally:
        await system.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return growth


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def _load(system: FilledSystem, case: Case, growth: Growth, seconds: float) -> None:
    growth.measured[case.name] = await measure_load(system, case, seconds=seconds, warm_up=min(3.0, seconds))
    for name in system.cluster.everything:
        memory = psutil.Process(system.cluster.process(name).pid).memory_info()
        growth.resident_memory[name] = max(memory.rss, growth.resident_memory.get(name, 0))
        growth.own_memory[name] = max(memory.rss - memory.shared, growth.own_memory.get(name, 0))


async def _restart(system: FilledSystem, folder: Path, growth: Growth) -> None:
    follower = await _follower(system)
    await system.cluster.process(follower).stop()
    begun = time.monotonic()
    await system.cluster.restart(follower, wait=False)
    await system.cluster.wait_until_ready(follower, timeout=LONG_SECONDS)
    growth.ready_s = time.monotonic() - begun
    used = psutil.Process(system.cluster.process(follower).pid).cpu_times()
    growth.ready_processor_s = used.user + used.system
    await _wait_for_check(system, folder, follower, checks=2)
    growth.verified_s = time.monotonic() - begun


async def _replace_disk(system: FilledSystem, folder: Path, growth: Growth) -> None:
    follower = await _follower(system)
    await system.cluster.process(follower).stop()
    shutil.rmtree(folder / follower)
    begun = time.monotonic()
    await system.cluster.restart(follower, wait=False)
    await system.cluster.wait_until_ready(follower, timeout=LONG_SECONDS)
    growth.transfer_s = time.monotonic() - begun


async def _follower(system: FilledSystem) -> str:
    leader = await system.cluster.wait_for_leader()
    return next(name for name in system.cluster.replicas if name != leader)


async def _wait_for_check(system: FilledSystem, folder: Path, name: str, checks: int) -> None:
    """Wait until the replica has logged so many checks of its whole state that it passed."""

    async def passed() -> bool:
        system.cluster.process(name).check_alive()
        return _count(folder / "logs" / f"{name}.log", "state_verified") >= checks

    await wait_until(passed, f"{checks} checks of the state of {name}", LONG_SECONDS)


def _count(log: Path, event: str) -> int:
    return log.read_text(encoding="utf-8").count(event)
