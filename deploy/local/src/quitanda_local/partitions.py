"""Separating replicas from each other, with a relay between each two of them."""

import asyncio
import json
import sys
from collections.abc import Collection
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
    """Runs the relay. `ways` gives (from, to) -> port where `from` reaches `to`. Cuts add up until `heal`."""

    def __init__(self, replicas: Collection[Service], process: Process, plan: Path) -> None:
        self._names = tuple(replica.name for replica in replicas)
        self._targets = {replica.name: replica.raft_port for replica in replicas}
        pairs = list(permutations(self._names, 2))
        self._control, *relay_ports = free_ports(1 + len(pairs))
        self.ways: dict[tuple[str, str], int] = dict(zip(pairs, relay_ports, strict=True))
        self._process = process
        self._plan = plan
        self._cut: set[str] = set()

    async def start(self) -> None:
        """Start the relay with everything joined."""
        self._cut.clear()
        doors = [
            {"there": _way(*pair), "back": _way(*reversed(pair)), "port": port, "to": self._targets[pair[1]]}
            for pair, port in self.ways.items()
        ]
        self._plan.write_text(json.dumps({"host": HOST, "control": self._control, "doors": doors}), encoding="utf-8")
        self._process.start([sys.executable, "-m", "quitanda_local.relay", str(self._plan)], {})

        async def obeys() -> bool:
            self._process.check_alive()
            try:
                await self._order()
            except OSError:
                return False
            return True

        await wait_until(obeys, "the relay between the replicas", RELAY_SECONDS)

    async def stop(self) -> bool:
        """Stop the relay; false if it had to be killed."""
        return await self._process.stop()

    async def separate(self, group: Collection[str]) -> None:
        """Cut every way between this group and the other replicas, both to and fro."""
        self._cut |= ways_between(self._names, group)
        await self._order()

    async def silence(self, speakers: Collection[str], listener: str) -> None:
        """Cut the ways from these replicas to the listener."""
        self._cut |= ways_to(self._names, listener, speakers)
        await self._order()

    async def heal(self) -> None:
        """Join everything."""
        self._cut.clear()
        await self._order()

    async def _order(self) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._control)
        try:
            writer.write(json.dumps({"cut": sorted(self._cut)}).encode() + b"\n")
            async with asyncio.timeout(RELAY_SECONDS):
                if not await reader.readline():
                    raise NotRunning("the relay between the replicas ended")
        finally:
            writer.close()


def ways_between(names: Collection[str], group: Collection[str]) -> set[str]:
    """Name the ways between the group and the rest. KeyError for a name that is not a replica's."""
    _check_known(names, group)
    rest = set(names) - set(group)
    return {way for inside in group for outside in rest for way in (_way(inside, outside), _way(outside, inside))}


def ways_to(names: Collection[str], listener: str, speakers: Collection[str]) -> set[str]:
    """Name the ways from the speakers to the listener. KeyError for a name that is not a replica's."""
    _check_known(names, {listener, *speakers})
    return {_way(speaker, listener) for speaker in speakers}


def _check_known(names: Collection[str], given: Collection[str]) -> None:
    if strangers := set(given) - set(names):
        raise KeyError(f"not replicas: {', '.join(sorted(strangers))}")


def _way(one: str, other: str) -> str:
    return f"{one}>{other}"
