"""A caller who sees what one of thousands sees, from a process that does little else.

A generator with thousands of callers has to be waited for itself: what it measures is partly how late it looks.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Sequence
from typing import Final

import grpc.aio

from bench.cases import Case
from bench.load import Call, calls_of, status_of
from bench.measurement import DONE, EndedCall, Measurement, Window
from bench.proofs import Proofs
from bench.workload import ItemChange, Workload, changes
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub

EVERY_SECONDS: Final = 0.05
"""At each portal."""


async def watch(portals: Sequence[str], workload: Workload, case: Case, seconds: float) -> Measurement:
    """Call each portal twenty times a second for `seconds`; tell how the calls ended."""
    ended: list[EndedCall] = []
    begun = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(grpc.aio.insecure_channel(portal)) for portal in portals]
        async with asyncio.TaskGroup() as group:
            for number, channel in enumerate(channels):
                call = calls_of(ClientPortalStub(channel), case, Proofs())
                group.create_task(_call_steadily(call, workload, number, case, ended, begun + seconds))
    return Window(begun, math.inf, {}).measured(ended)


async def _call_steadily(
    call: Call, workload: Workload, number: int, case: Case, ended: list[EndedCall], until: float
) -> None:
    async with asyncio.TaskGroup() as group:
        for item in changes(workload, number, same_product=False):
            if time.monotonic() >= until:
                return
            group.create_task(_one(call, item, case.deadline, ended))
            await asyncio.sleep(EVERY_SECONDS)


async def _one(call: Call, item: ItemChange, deadline: float, ended: list[EndedCall]) -> None:
    begun, status = time.monotonic(), DONE
    try:
        await call(item, deadline)
    except grpc.aio.AioRpcError as error:
        status, _ = status_of(error)
    now = time.monotonic()
    ended.append(EndedCall(now, now - begun, status))
