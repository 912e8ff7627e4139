"""Playing a schedule on a cluster, with the verbs that every kind of cluster has.

Each step is a task of its own, so that one whose verbs take long delays no other. Verbs that may block are called
beside the event loop, so that the clients go on meanwhile.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from chaos.schedule import Break, FaultStep, FaultTarget
from quitanda_local.errors import LocalError
from quitanda_testing.cluster.cluster import Cluster

LEADER_SECONDS: Final = 3.0
"""How long to look for a leader that something is to be done to; without one it is left out."""
LOOK_SECONDS: Final = 5.0
"""Between two looks for processes that have ended by themselves."""

_CUTS: Final = frozenset({Break.PARTITION, Break.CUT})
_ENDS: Final = frozenset({Break.KILL, Break.STOP, Break.MOVE})
"""After these a process does not run for a while, or has another life."""


class FaultInjector:
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
        self._broken: dict[str, FaultStep] = {}
        self._breaks: Counter[str] = Counter()
        self._lives: dict[str, str] = {}
        self._cutting = asyncio.Lock()

    async def play(self, steps: Iterable[FaultStep]) -> None:
        """Do everything at its time, counted from now; return when the last thing is mended."""
        for name in self._cluster.everything:
            self._lives[name] = await self._life(name)
        looking = asyncio.create_task(self._keep_looking())
        try:
            async with asyncio.TaskGroup() as group:
                for step in steps:
                    group.create_task(self._play(step))
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        await self._look_for_the_dead()

    async def _play(self, step: FaultStep) -> None:
        await asyncio.sleep(step.at)
        name = await self._find(step.target)
        if not name or (name in self._broken and step.fault is not Break.JUMP):
            why = f"{name} is broken already" if name else "there is none"
            self.left_out.append(f"{step}: {why}")
            self._note(f"left out: {step}: {why}")
            return
        if step.fault is Break.JUMP:
            await self._change(name, step)  # the process, and whatever else is broken of it, stays as it is
            return
        self._broken[name] = step
        self._breaks[name] += 1
        await self._change(name, step)
        del self._broken[name]

    async def _change(self, name: str, step: FaultStep) -> None:
        self._note(f"{step.fault} {name} ({step.target}) for {step.seconds:.1f} s")
        try:
            await self._do(name, step)
            self.done[f"{step.fault}: {_who(step.target)}"] += 1
            await asyncio.sleep(step.seconds)
            self._note(f"mend {name}")
            await self._mend(name, step)
        except LocalError as error:
            self.troubles.append(f"{step}: {error}")
            self._note(f"could not be done: {step}: {error}")

    async def _do(self, name: str, step: FaultStep) -> None:
        cluster = self._cluster
        match step.fault:
            case Break.KILL:
                await asyncio.to_thread(cluster.kill, name)
            case Break.STOP:
                await cluster.shut_down(name)
            case Break.PAUSE:
                await asyncio.to_thread(cluster.pause, name)
            case Break.PARTITION | Break.CUT:
                async with self._cutting:
                    await self._cut(name, step)
            case Break.DISCONNECT:
                await cluster.disconnect(name)
            case Break.WORSEN:
                await cluster.worsen_network(name, loss=step.loss, kilobits_per_second=step.kilobits)
            case Break.MOVE:
                await cluster.move(name)
            case Break.JUMP:
                cluster.set_clock(name, step.ahead)

    async def _mend(self, name: str, step: FaultStep) -> None:
        cluster = self._cluster
        match step.fault:
            case Break.KILL | Break.STOP:
                await cluster.restart(name, wait=False)
            case Break.PAUSE:
                await asyncio.to_thread(cluster.resume, name)
            case Break.PARTITION | Break.CUT:
                async with self._cutting:
                    await self._join_again(name)
            case Break.DISCONNECT:
                await cluster.reconnect(name)
            case Break.WORSEN:
                await cluster.worsen_network(name)
            case Break.JUMP:
                cluster.set_clock(name, 0.0)
                return  # which life the process has is nothing that its clock changes
            case Break.MOVE:
                pass  # it has come back already
        self._lives[name] = await self._life(name)

    async def _cut(self, name: str, step: FaultStep) -> None:
        if step.fault is Break.PARTITION:
            await self._cluster.partition(name)
        else:
            await self._cluster.cut(name, *(other for other in self._cluster.replicas if other != name))

    async def _join_again(self, name: str) -> None:
        """Undo one cut; a cluster can only undo all, so the others are made again."""
        await self._cluster.heal()
        for other, step in tuple(self._broken.items()):
            if other != name and step.fault in _CUTS:
                await self._cut(other, step)

    async def _find(self, target: FaultTarget) -> str | None:
        cluster = self._cluster
        match target:
            case FaultTarget.LEADER:
                return await self._leader()
            case FaultTarget.FOLLOWER | FaultTarget.OTHER_FOLLOWER:
                leader = await self._leader()
                followers = [name for name in cluster.replicas if name != leader]
                return followers[target is FaultTarget.OTHER_FOLLOWER]
            case FaultTarget.CLIENT_PORTAL | FaultTarget.OTHER_CLIENT_PORTAL:
                return cluster.client_portals[target is FaultTarget.OTHER_CLIENT_PORTAL]
            case FaultTarget.ADMIN_PORTAL | FaultTarget.OTHER_ADMIN_PORTAL:
                return cluster.admin_portals[target is FaultTarget.OTHER_ADMIN_PORTAL]
            case FaultTarget.BROKER:
                return cluster.broker

    async def _leader(self) -> str | None:
        try:
            return await self._cluster.wait_for_leader(timeout=LEADER_SECONDS)
        except LocalError:
            return None

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look_for_the_dead()

    async def _look_for_the_dead(self) -> None:
        for name in tuple(self._lives):
            step = self._broken.get(name)
            if step is not None and step.fault in _ENDS:
                continue
            breaks, life = self._breaks[name], self._lives[name]
            if await self._life(name) != life and self._breaks[name] == breaks:
                self.ended_by_itself.append(name)
                self._note(f"{name} has ended by itself")
                del self._lives[name]

    async def _life(self, name: str) -> str:
        """Tell the life of a process from its others; nothing where it does not run."""
        try:
            return await asyncio.to_thread(self._cluster.instance_id, name)
        except LocalError:
            return ""


def _who(target: FaultTarget) -> str:
    return target.rstrip(" 12")
