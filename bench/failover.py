"""How long nobody's write is acknowledged after the leader was killed (SIGKILL) under load."""

import asyncio
import bisect
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench import cases
from bench.generator import loaded
from bench.measurement import DONE
from bench.peers.quitanda import QuitandaSystem
from quitanda_local.errors import LocalError

REST_SECONDS = 1.0
"""How long the load runs undisturbed before each kill, and after the election."""


async def pauses_after_kills(system: QuitandaSystem, kills: int) -> tuple[list[float], LocalError | None]:
    """Kill the leader again and again while calls are made; give the seconds from each to the next acknowledged write.

    Each kill meets a cluster that is whole: the replica that was killed before runs again, and has caught up. Where the
    cluster does not become whole, no more are killed: the second value then says why. Raises GeneratorFailed.
    """
    killed: list[Kill] = []
    failure: LocalError | None = None
    async with loaded(system, cases.FAILOVER) as load:
        try:
            while len(killed) < kills:
                await _kill_leader(system, killed)
        except LocalError as error:
            failure = error
    acknowledged = sorted(call.at for call in load.ended if call.status == DONE)
    return [next_after(kill, acknowledged) for kill in killed], failure


@dataclass(frozen=True, slots=True)
class Kill:
    """When a leader was killed and when it was started again, on the machine's monotonic clock."""

    killed: float
    restarted: float = math.inf


async def _kill_leader(system: QuitandaSystem, killed: list[Kill]) -> None:
    """Kill the leader and start it again; the kill is noted at once, so that one without a successor counts, too."""
    cluster = system.cluster
    await asyncio.sleep(REST_SECONDS)
    leader = await cluster.wait_for_leader()
    kill = Kill(time.monotonic())
    cluster.kill(leader)
    killed.append(kill)
    successor = await cluster.wait_for_leader(excluding={leader})
    await asyncio.sleep(REST_SECONDS)
    killed[-1] = replace(kill, restarted=time.monotonic())
    await cluster.restart(leader)
    if status := await cluster.status(successor):
        await cluster.wait_for_revision(status.revision)


def next_after(kill: Kill, acknowledged: Sequence[float]) -> float:
    """Give the seconds from the kill to the next of the acknowledged writes; infinite if there was none.

    Answers that were already on their way may arrive just after the kill. So the next write is the one that ends the
    longest pause until the restart, which may itself cause a pause.
    """
    after = sorted(moment for moment in acknowledged if moment > kill.killed)
    if not after:
        return math.inf
    alone = after[: bisect.bisect(after, kill.restarted) + 1]
    between = itertools.pairwise([kill.killed, *alone])
    return max(between, key=lambda pause: pause[1] - pause[0])[1] - kill.killed
