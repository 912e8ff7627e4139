"""Playing a schedule on a cluster, with the verbs that every kind of cluster has.

Verbs that may block are called beside the event loop, so that the clients go on meanwhile.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import count
from typing import Final

from history.schedule import Break, Step, Target
from quitanda_local.cluster import Cluster
from quitanda_local.errors import LocalError

LEADER_SECONDS: Final = 3.0
"""How long to look for a leader that something is to be done to; without one it is left out."""

_CUTS: Final = frozenset({Break.PARTITION, Break.CUT})


class Breaking:
    """Breaks things and mends each again; `note` gets a line for whatever is done."""

    def __init__(self, cluster: Cluster, note: Callable[[str], None]) -> None:
        self.done: Counter[str] = Counter()
        """How often what was done to whom."""
        self.left_out: list[str] = []
        """Steps whose target was broken already, or was not there."""
        self.troubles: list[str] = []
        """Verbs that failed, and why."""
        self.ended_by_itself: list[str] = []
        """Processes that were found ended, or with another life, though nothing was done to them."""

        self._cluster = cluster
        self._note = note
        self._broken: dict[str, Step] = {}
        self._lives: dict[str, str] = {}

    async def play(self, steps: Iterable[Step]) -> None:
        """Do everything at its time, counted from now; return when the last thing is mended."""
        loop = asyncio.get_running_loop()
        begun, order = loop.time(), count()
        self._lives = await asyncio.to_thread(self._lives_now)
        events: list[tuple[float, int, Step, str]] = [(step.at, next(order), step, "") for step in steps]
        heapq.heapify(events)
        while events:
            at, _, step, name = heapq.heappop(events)
            await asyncio.sleep(max(0.0, begun + at - loop.time()))
            await asyncio.to_thread(self._look_for_the_dead)
            try:
                if name:
                    await self._mend(name, step)
                elif name := await self._break(step):
                    heapq.heappush(events, (loop.time() - begun + step.seconds, next(order), step, name))
            except LocalError as error:
                self.troubles.append(f"{step}: {error}")
                self._note(f"could not be done: {step}: {error}")
        await asyncio.to_thread(self._look_for_the_dead)

    async def _break(self, step: Step) -> str:
        """Break something; return its name, or nothing where that could not be done."""
        name = await self._find(step.target)
        if not name or name in self._broken:
            why = f"{name} is broken already" if name else "there is none"
            self.left_out.append(f"{step}: {why}")
            self._note(f"left out: {step}: {why}")
            return ""
        self._broken[name] = step
        self._note(f"{step.fault} {name} ({step.target}) for {step.seconds:.1f} s")
        await self._do(name, step)
        self.done[f"{step.fault}: {_who(step.target)}"] += 1
        return name

    async def _do(self, name: str, step: Step) -> None:
        cluster = self._cluster
        match step.fault:
            case Break.KILL:
                await asyncio.to_thread(cluster.kill, name)
            case Break.STOP:
                await cluster.shut_down(name)
            case Break.PAUSE:
                await asyncio.to_thread(cluster.pause, name)
            case Break.PARTITION:
                await cluster.partition(name)
            case Break.CUT:
                await cluster.cut(name, *(other for other in cluster.replicas if other != name))
            case Break.DISCONNECT:
                await cluster.disconnect(name)
            case Break.WORSEN:
                await cluster.worsen_network(name, loss=step.loss, kilobits_per_second=step.kilobits)
            case Break.MOVE:
                await cluster.move(name)
                self._lives[name] = await asyncio.to_thread(cluster.incarnation, name)

    async def _mend(self, name: str, step: Step) -> None:
        cluster = self._cluster
        self._note(f"mend {name}")
        match step.fault:
            case Break.KILL | Break.STOP:
                await cluster.restart(name, wait=False)
                self._lives[name] = await asyncio.to_thread(cluster.incarnation, name)
            case Break.PAUSE:
                await asyncio.to_thread(cluster.resume, name)
            case Break.PARTITION | Break.CUT:
                await self._join_again(name)
            case Break.DISCONNECT:
                await cluster.reconnect(name)
            case Break.WORSEN:
                await cluster.worsen_network(name)
            case Break.MOVE:
                pass  # it has come back already
        del self._broken[name]

    async def _join_again(self, name: str) -> None:
        """Undo one cut; a cluster can only undo all, so the others are made again."""
        await self._cluster.heal()
        for other, step in self._broken.items():
            if other != name and step.fault in _CUTS:
                await self._do(other, step)

    async def _find(self, target: Target) -> str | None:
        cluster = self._cluster
        match target:
            case Target.LEADER:
                return await self._leader()
            case Target.FOLLOWER | Target.OTHER_FOLLOWER:
                leader = await self._leader()
                followers = [name for name in cluster.replicas if name != leader]
                return followers[target is Target.OTHER_FOLLOWER]
            case Target.CLIENT_PORTAL | Target.OTHER_CLIENT_PORTAL:
                return cluster.client_portals[target is Target.OTHER_CLIENT_PORTAL]
            case Target.ADMIN_PORTAL | Target.OTHER_ADMIN_PORTAL:
                return cluster.admin_portals[target is Target.OTHER_ADMIN_PORTAL]
            case Target.BROKER:
                return cluster.broker

    async def _leader(self) -> str | None:
        try:
            return await self._cluster.wait_for_leader(timeout=LEADER_SECONDS)
        except LocalError:
            return None

    def _lives_now(self) -> dict[str, str]:
        return {name: self._cluster.incarnation(name) for name in self._cluster.everything}

    def _look_for_the_dead(self) -> None:
        for name, life in self._lives.items():
            step = self._broken.get(name)
            if step is not None and step.fault in {Break.KILL, Break.STOP}:
                continue
            if not self._cluster.running(name) or self._cluster.incarnation(name) != life:
                self.ended_by_itself.append(name)
                self._note(f"{name} has ended by itself")
                self._lives = {other: kept for other, kept in self._lives.items() if other != name}
                return


def _who(target: Target) -> str:
    return target.rstrip(" 12")
