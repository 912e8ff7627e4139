"""Starts the load generators of a case, lets them begin together, and reads what they tell."""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from bench import processor_time
from bench.cases import Case
from bench.load import LoadOrder
from bench.measurement import GENERATOR, EndedCall, Measurement, Window
from bench.peers.system import System
from bench.placement import Placement, place
from bench.witness import watch

READY_SECONDS = 60.0
END_SECONDS = 45.0
"""More than the longest deadline of a call, after which every caller has stopped."""


class GeneratorFailed(Exception):
    """The text is what the generator wrote before it ended."""


class Load:
    """The generators while they call; `ended` has how each call ended, once they have stopped."""

    def __init__(self, processes: list[Process], orders: list[LoadOrder], name: str) -> None:
        self._processes = processes
        self._orders = orders
        self._name = name
        self.ended: list[EndedCall] = []

    @property
    def processes(self) -> dict[str, int]:
        """Give the id of each process by its name."""
        return {f"{GENERATOR}{n}": process.pid for n, process in enumerate(self._processes)}

    async def begin(self) -> None:
        """Let each generator connect, then all call. Raises GeneratorFailed."""
        for process, order in zip(self._processes, self._orders, strict=True):
            _write(process, order.to_json())
        try:
            async with asyncio.timeout(READY_SECONDS):
                lines = await asyncio.gather(*(_line(process) for process in self._processes))
        except TimeoutError:
            raise GeneratorFailed(f"{self._name}: the portals could not be reached in {READY_SECONDS:g} s") from None
        if not all(lines):
            await self.end()
        for process in self._processes:
            _write(process, "begin")

    async def end(self) -> None:
        """Let the callers stop, and read what they saw. Raises GeneratorFailed."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                outputs = await asyncio.gather(*(process.communicate() for process in self._processes))
        except TimeoutError:
            raise GeneratorFailed(f"{self._name}: callers did not stop in {END_SECONDS:g} s") from None
        for process, order, (_, errors) in zip(self._processes, self._orders, outputs, strict=True):
            if process.returncode != 0:
                raise GeneratorFailed(f"{self._name}: {errors.decode(errors='replace').strip()[-2000:]}")
            self.ended.extend(_ended_calls(Path(order.results)))

    def kill(self) -> None:
        """End every generator that still runs."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


def _ended_calls(results: Path) -> list[EndedCall]:
    return [EndedCall(*call) for call in json.loads(results.read_bytes())]


def _write(process: Process, line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(f"{line}\n".encode())


async def _line(process: Process) -> bytes:
    return await process.stdout.readline() if process.stdout is not None else b""


@asynccontextmanager
async def loaded(system: System, case: Case) -> AsyncIterator[Load]:
    """Load the system by the case's callers until the end of the block. Raises GeneratorFailed."""
    # A file: now and then the last piece of a pipe was lost when its writer ended.
    with tempfile.TemporaryDirectory(prefix="quitanda-bench-") as folder:
        orders = [
            LoadOrder(
                case=case.name,
                portals=system.portals,
                workload=system.workload.to_json(),
                callers=tuple(range(n, case.in_flight, case.generators)),
                results=str(Path(folder) / f"{n}.json"),
                broker=system.broker,
                proofs=system.proofs.to_json(),
            )
            for n in range(case.generators)
        ]
        command = (sys.executable, "-m", "bench.load")
        processes = [
            await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE) for _ in orders
        ]
        load = Load(processes, orders, f"{system.name}, {case.name}")
        try:
            await load.begin()
            yield load
            await load.end()
        finally:
            load.kill()


async def measure(
    system: System, case: Case, *, seconds: float, warm_up: float, placement: Placement | None = None
) -> Measurement:
    """Load the system, and count for `seconds` after the warm-up. Raises GeneratorFailed.

    The placement, where there is one, stays that of the system's processes afterwards. Where several generators call,
    the times are those of a witness.
    """
    seen: Measurement | None = None
    async with loaded(system, case) as load:
        processes = await system.processes()
        if placement:
            for name, pid in processes.items():
                place(pid, placement.processors(name))
            for pid in load.processes.values():
                place(pid, placement.generator)
        await asyncio.sleep(warm_up)
        before, begun = processor_time.of_processes(processes | load.processes), time.monotonic()
        machine, seen_at = processor_time.of_machine(), time.monotonic()
        if case.generators > 1:
            seen = await watch(system.portals, system.workload, case, seconds)
        else:
            await asyncio.sleep(seconds)
        ended, after = time.monotonic(), processor_time.of_processes(processes | load.processes)
        machine = processor_time.of_machine() - machine
        seen_for = time.monotonic() - seen_at
        memory_mb = processor_time.memory_mb(processes)
    used = processor_time.used(before, after)
    others = max(0.0, machine - sum(used.values())) / seen_for
    generators = sum(used.pop(name) for name in load.processes)
    told = Window(begun, ended, {**used, GENERATOR: generators}, memory_mb).measured(load.ended)
    return replace(with_times(told, seen) if seen else told, others=others)


def with_times(told: Measurement, seen: Measurement) -> Measurement:
    """Give what the generators told with the times that a witness saw."""
    return replace(
        told,
        median_ms=seen.median_ms,
        p99_ms=seen.p99_ms,
        refused_p99_ms=seen.refused_p99_ms,
        unknown=told.unknown + seen.unknown,
    )
