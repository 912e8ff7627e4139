"""How long nobody's write is acknowledged after the leader was killed (SIGKILL) under load."""

import asyncio
import itertools
import time
from collections.abc import Sequence

from bench import cases
from bench.generator import generate
from bench.peers.quitanda import QuitandaSystem

BEFORE_SECONDS = 2.0
"""How long the load runs before the kill, after its warm-up."""
AFTER_SECONDS = 8.0
WARM_UP_SECONDS = 1.0


async def pause_after_kill(system: QuitandaSystem) -> float:
    """Kill the leader while calls are made; give the seconds from the kill to the next acknowledged write.

    Answers that were already on their way may arrive just after the kill. So the next write is the one that ends the
    longest pause after it. The killed replica runs again when this returns.
    """
    leader = await system.cluster.wait_for_leader()
    seconds = BEFORE_SECONDS + AFTER_SECONDS
    load = asyncio.create_task(
        generate(system, cases.FAILOVER, seconds=seconds, warm_up=WARM_UP_SECONDS, acknowledgements=True)
    )
    # The generator needs a moment to start; that only makes AFTER_SECONDS a little longer.
    await asyncio.sleep(WARM_UP_SECONDS + BEFORE_SECONDS)
    killed_at = time.monotonic()
    system.cluster.kill(leader)
    told = await load
    await system.cluster.restart(leader)
    await system.cluster.wait_until_replicas_agree()
    return next_after(killed_at, told.acknowledged)


def next_after(killed_at: float, acknowledged: Sequence[float]) -> float:
    """Give the seconds to the end of the longest pause after the kill; infinite if no write was acknowledged."""
    after = sorted(moment for moment in acknowledged if moment > killed_at)
    if not after:
        return float("inf")
    pauses = itertools.pairwise([killed_at, *after])
    return max(pauses, key=lambda pause: pause[1] - pause[0])[1] - killed_at
