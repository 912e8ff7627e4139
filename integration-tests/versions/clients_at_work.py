"""Clients that work over both transports while versions change, and the judgement of what they were told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.cluster import Cluster
from quitanda_testing.history.checker import check
from quitanda_testing.history.recorder import Recorder
from quitanda_testing.history.search import SearchResult
from quitanda_testing.workload.crews import Workload

CREWS: Final = 2
ANSWERS: Final = 12
"""How many operations must be answered before the next thing is done."""
ANSWER_SECONDS: Final = 30.0
FINISH_SECONDS: Final = 120.0
AGREE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class ClientsAtWork:
    """What the clients have been told so far."""

    recorder: Recorder
    working: asyncio.Task[None]

    async def go_on(self, answers: int = ANSWERS) -> None:
        """Wait until so many more operations that began after now were answered."""
        since = self.recorder.now()

        async def answered() -> bool:
            if self.working.done():
                await self.working
            history = self.recorder.history
            return sum(operation.is_decided and operation.invoked_at >= since for operation in history) >= answers

        await wait_until(answered, f"{answers} more answers", ANSWER_SECONDS)


@asynccontextmanager
async def clients_at_work(cluster: Cluster, seed: int) -> AsyncIterator[ClientsAtWork]:
    """Let clients work meanwhile; afterwards every answer must be right, and the replicas must agree.

    What was answered must be linearizable by the rules of the domain, so no unit is lost or made.
    """
    recorder = Recorder()
    # When the level is raised is what is tested here.
    workload = Workload(cluster, seed, recorder, CREWS, moves_orders=False)
    stop = asyncio.Event()
    working = asyncio.create_task(workload.work(stop))
    try:
        yield ClientsAtWork(recorder, working)
        stop.set()
        async with asyncio.timeout(FINISH_SECONDS):
            await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
    await cluster.wait_until_replicas_agree(AGREE_SECONDS)
    await workload.audit()
    await cluster.wait_until_replicas_agree(AGREE_SECONDS)
    verdict = await asyncio.to_thread(check, recorder.history)
    assert verdict.answer is SearchResult.LINEARIZABLE, "\n".join(verdict.explanations)
