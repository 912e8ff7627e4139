"""Separating replicas from each other, with a relay on each way between two of them."""

import asyncio
import json
import sys
from collections.abc import Collection, Iterator
from itertools import permutations
from pathlib import Path
from typing import Final

from quitanda_local.errors import NotRunning
from quitanda_local.ports import free_ports
from quitanda_local.process import Process
from quitanda_local.topology import HOST, Service
from quitanda_local.waiting import wait_until

RELAY_SECONDS: Final = 10.0


class Partitions:
    """Runs the relay. `ways` gives (from, to) -> port where `from` reaches `to`."""

    def __init__(self, replicas: Collection[Service], process: Process, plan: Path) -> None:
        self._names = tuple(replica.name for replica in replicas)
        self._targets = {replica.name: replica.raft_port for replica in replicas}
        pairs = list(permutations(self._names, 2))
        self._control, *relay_ports = free_ports(1 + len(pairs))
        self.ways: dict[tuple[str, str], int] = dict(zip(pairs, relay_ports, strict=True))
        self._process = process
        self._plan = plan

    async def start(self) -> None:
        """Start the relay with all links joined."""
        ways = [{"link": _link(*pair), "port": port, "to": self._targets[pair[1]]} for pair, port in self.ways.items()]
        self._plan.write_text(json.dumps({"host": HOST, "control": self._control, "ways": ways}), encoding="utf-8")
        self._process.start([sys.executable, "-m", "quitanda_local.relay", str(self._plan)], {})

        async def obeys() -> bool:
            self._process.check_alive()
            try:
                await self._order(())
            except OSError:
                return False
            return True

        await wait_until(obeys, "the relay between the replicas", RELAY_SECONDS)

    async def stop(self) -> bool:
        """Stop the relay; false if it had to be killed."""
        return await self._process.stop()

    async def separate(self, group: Collection[str]) -> None:
        """Cut every link between this group and the other replicas; join all others."""
        await self._order(links_between(self._names, group))

    async def heal(self) -> None:
        """Join all links."""
        await self._order(())

    async def _order(self, cut: Collection[str]) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._control)
        try:
            writer.write(json.dumps({"cut": sorted(cut)}).encode() + b"\n")
            async with asyncio.timeout(RELAY_SECONDS):
                if not await reader.readline():
                    raise NotRunning("the relay between the replicas ended")
        finally:
            writer.close()


def links_between(names: Collection[str], group: Collection[str]) -> set[str]:
    """Name the links between the group and the rest. KeyError for a name that is not a replica's."""
    if strangers := set(group) - set(names):
        raise KeyError(f"not replicas: {', '.join(sorted(strangers))}")
    return set(_cut(names, group))


def _cut(names: Collection[str], group: Collection[str]) -> Iterator[str]:
    for inside in group:
        for outside in set(names) - set(group):
            yield _link(inside, outside)


def _link(one: str, other: str) -> str:
    return "+".join(sorted((one, other)))
