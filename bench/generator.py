"""Starts a load generator for a case, and reads what it tells."""

import asyncio
import json
import sys
from dataclasses import dataclass

from bench.cases import Case
from bench.load import LoadOrder
from bench.measurement import Measurement
from bench.peers.system import System


class GeneratorFailed(Exception):
    """The text is what the generator wrote before it ended."""


@dataclass(frozen=True, slots=True)
class Told:
    """A measurement, and when each call was answered (asked for only) on the machine's monotonic clock."""

    measurement: Measurement
    acknowledged: tuple[float, ...]


async def generate(
    system: System, case: Case, *, seconds: float, warm_up: float, acknowledgements: bool = False
) -> Told:
    """Let a new process load the system, and wait for its end. Raises GeneratorFailed."""
    return await obey(
        LoadOrder(
            case=case.name,
            portals=system.portals,
            workload=system.workload.to_json(),
            processes=system.processes(),
            seconds=seconds,
            warm_up=warm_up,
            acknowledgements=acknowledgements,
            broker=system.broker,
        )
    )


async def obey(order: LoadOrder) -> Told:
    """Let a new process do what is ordered, and wait for its end. Raises GeneratorFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate(order.to_json().encode())
    except asyncio.CancelledError:
        process.kill()
        raise
    if process.returncode != 0:
        raise GeneratorFailed(f"{order.case}: {errors.decode(errors='replace').strip()}")
    told = json.loads(output)
    return Told(Measurement.from_json(told["measurement"]), tuple(told["acknowledged"]))
