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
from quitanda_local.topology import HOST, Service, by_name
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster import relay

RELAY_SECONDS: Final = 10.0


class Partitions:
    """Runs the relay. `ports` gives (from, to) -> port where `from` reaches `to`. Cuts add up until `heal`."""

    def __init__(self, replicas: Collection[Service], process: Process, plan: Path) -> None:
        self._names = tuple(replica.name for replica in replicas)
        self._targets = {replica.name: replica.raft_port for replica in replicas}
        pairs = list(permutations(self._names, 2))
        self._control, *relay_ports = free_ports(1 + len(pairs))
        self.ports: dict[tuple[str, str], int] = dict(zip(pairs, relay_ports, strict=True))
        self._process = process
        self._plan = plan
        self._cut: set[str] = set()

    async def start(self) -> None:
        """Start the relay with everything joined."""
        self._cut.clear()
        connections = [
            {"there": _link(*pair), "back": _link(*reversed(pair)), "port": port, "to": self._targets[pair[1]]}
            for pair, port in self.ports.items()
        ]
        self._plan.parent.mkdir(parents=True, exist_ok=True)
        self._plan.write_text(
            json.dumps({"host": HOST, "control": self._control, "connections": connections}), encoding="utf-8"
        )
        self._process.start([sys.executable, relay.__file__, str(self._plan)], {})

        async def answers() -> bool:
            self._process.check_alive()
            try:
                await self._tell_relay()
            except OSError:
                return False
            return True

        await wait_until(answers, "the relay between the replicas", RELAY_SECONDS)

    async def stop(self) -> bool:
        """Stop the relay; false if it had to be killed."""
        return await self._process.stop()

    async def separate(self, group: Collection[str]) -> None:
        """Cut every link between this group and the other replicas, in both directions."""
        self._cut |= links_between(self._names, group)
        await self._tell_relay()

    async def block_from(self, speakers: Collection[str], listener: str) -> None:
        """Cut the links from these replicas to the listener."""
        self._cut |= links_to(self._names, listener, speakers)
        await self._tell_relay()

    def addresses_seen_by(self, name: str) -> str:
        """Write where each replica's Raft is for this one: its own port, and the relay's for the others."""
        return by_name({other: self.ports.get((name, other), own) for other, own in self._targets.items()})

    async def heal(self) -> None:
        """Join everything."""
        self._cut.clear()
        await self._tell_relay()

    async def _tell_relay(self) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._control)
        try:
            writer.write(json.dumps({"cut": sorted(self._cut)}).encode() + b"\n")
            async with asyncio.timeout(RELAY_SECONDS):
                if not await reader.readline():
                    raise NotRunning("the relay between the replicas ended")
        finally:
            writer.close()


def links_between(names: Collection[str], group: Collection[str]) -> set[str]:
    """Name the links between the group and the rest. KeyError for a name that is not a replica's."""
    _check_known(names, group)
    rest = set(names) - set(group)
    return {link for inside in group for outside in rest for link in (_link(inside, outside), _link(outside, inside))}


def links_to(names: Collection[str], listener: str, speakers: Collection[str]) -> set[str]:
    """Name the links from the speakers to the listener. KeyError for a name that is not a replica's."""
    _check_known(names, {listener, *speakers})
    return {_link(speaker, listener) for speaker in speakers}


def _check_known(names: Collection[str], given: Collection[str]) -> None:
    if unknown := set(given) - set(names):
        raise KeyError(f"not replicas: {', '.join(sorted(unknown))}")


def _link(one: str, other: str) -> str:
    return f"{one}>{other}"
