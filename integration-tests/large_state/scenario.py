"""Three replicas with a large state; one loses its disk, or is away for long, while clients write and read."""

import asyncio
import base64
import json
import random
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from large_state.filling import BYTES_PER_CUSTOMER, NOTE_BYTES, PRODUCT_ID, customer_id, fill, measure
from large_state.footprint import MemoryFootprint, watch

from quitanda.errors import QuitandaError
from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.process_cluster import ProcessCluster
from quitanda_testing.scraping import figure

WRITERS = 2
READERS = 2
THINK_SECONDS = 0.02
BASELINE_SECONDS = 3.0
CATCH_UP_SECONDS = 900.0
LARGE_WRITERS = 16
AWAY_BYTES = 48_000_000
"""Written while a replica is away: more than the log keeps (`RaftOptions.log_bytes_max`)."""


class Outage(StrEnum):
    """What happens to one of the replicas."""

    LOST_DISK = "lost disk"
    LONG_ABSENCE = "long absence"


@dataclass
class Calls:
    """How long each call took, in seconds, and those that failed."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def percentile(self, share):
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))] if self.seconds else 0.0

    def __str__(self):
        return (
            f"{len(self.seconds)} calls, {len(self.failed)} failed, median {1e3 * self.percentile(0.5):.0f} ms, "
            f"99 % {1e3 * self.percentile(0.99):.0f} ms, slowest {1e3 * self.percentile(1.0):.0f} ms"
        )


@dataclass
class LargeStateFigures:
    keys: int = 0
    state_bytes: int = 0
    fill_seconds: float = 0.0
    start_seconds: float = 0.0
    lost: str = ""
    catch_up_seconds: float = 0.0
    same_leader: bool = False
    digests_equal: bool = False
    calm: dict[str, Calls] = field(default_factory=dict)
    """By kind of call, before the disk is lost; `busy`: from then until the replica has caught up."""
    busy: dict[str, Calls] = field(default_factory=dict)
    footprints: dict[str, MemoryFootprint] = field(default_factory=dict)
    longest_rounds: dict[str, float] = field(default_factory=dict)

    def lines(self):
        yield f"state: {self.state_bytes / 1e6:.0f} MB in {self.keys} keys, filled in {self.fill_seconds:.0f} s"
        yield f"start of all processes, with the check of the whole state: {self.start_seconds:.1f} s"
        yield f"{self.lost}, which was lost, had caught up and was ready after {self.catch_up_seconds:.1f} s"
        yield f"leader unchanged: {self.same_leader}; digests equal: {self.digests_equal}"
        for name, each in self.footprints.items():
            own, peak = each.anonymous / 1e6, each.peak / 1e6
            yield f"{name}: {own:.0f} MB of its own at most, {peak:.0f} MB with mapped files"
        for name, seconds in self.longest_rounds.items():
            yield f"{name}: longest round of Raft {1e3 * seconds:.0f} ms"
        for kind in self.busy:
            yield f"{kind} before: {self.calm[kind]}"
            yield f"{kind} meanwhile: {self.busy[kind]}"


async def survive(folder, state_bytes, outage, report=lambda _: None):
    """Run the scenario in the folder; return its figures."""
    figures = LargeStateFigures()
    customers = prepare(folder, state_bytes, figures)
    report("filled")
    # in the open mode: what was filled in is of a level at which there are no tokens
    cluster = ProcessCluster.on_free_ports(folder / "cluster")
    begun = time.monotonic()
    try:
        await cluster.start()
        figures.start_seconds = time.monotonic() - begun
        report("started")
        await _suffer(cluster, customers, outage, figures, report)
    finally:
        await cluster.stop()
        cluster.close()
    return figures


def prepare(folder, state_bytes, figures):
    """Fill one data folder, and give each replica a copy; return how many customers there are."""
    begun = time.monotonic()
    first, *others = [folder / "cluster" / f"replica{number}" for number in (1, 2, 3)]
    customers = fill(first, state_bytes)
    figures.keys, figures.state_bytes = measure(first)
    for other in others:
        shutil.copytree(first, other)
    figures.fill_seconds = time.monotonic() - begun
    return customers


async def _suffer(cluster, customers, outage, figures, report):
    figures.footprints = {name: MemoryFootprint() for name in cluster.replicas}
    running = lambda: {name: cluster.process(name).pid for name in cluster.replicas if cluster.running(name)}  # noqa: E731
    watching = asyncio.create_task(watch(running, figures.footprints))
    async with clients(cluster) as admins:
        before = await standing(cluster)
        figures.calm = await calls_during(admins, customers, asyncio.sleep(BASELINE_SECONDS))
        report(f"a follower: {outage}")
        figures.lost = lost = next(name for name in cluster.replicas if name != before.leader)
        cluster.kill(lost)
        if outage is Outage.LOST_DISK:
            cluster.erase(lost)
        else:
            await write_large(admins, customers)
        begun = time.monotonic()
        figures.busy = await calls_during(admins, customers, restore(cluster, lost))
        figures.catch_up_seconds = time.monotonic() - begun
        report("it is back")
        after = await standing(cluster)
        figures.same_leader = (after.leader, after.term) == (before.leader, before.term)
        await cluster.wait_until_replicas_agree()
        figures.digests_equal = True
        for name in cluster.replicas:
            figures.longest_rounds[name] = await figure(cluster, name, "quitanda_raft_longest_round_seconds")
    watching.cancel()


async def restore(cluster, name):
    """Start the replica, and wait until it takes part and is where the leader was when it was ready."""
    await cluster.restart(name, wait=False)
    await cluster.wait_until_ready(name, timeout=CATCH_UP_SECONDS)
    leader = await cluster.wait_for_leader()
    await cluster.wait_for_revision((await cluster.status(leader)).revision, [name], CATCH_UP_SECONDS)


async def standing(cluster):
    """The leader's status."""

    async def found():
        leader = await cluster.leader()
        return await cluster.status(leader) if leader else None

    return await wait_until(found, "a leader that answers", 15.0)


@asynccontextmanager
async def clients(cluster):
    admins = [cluster.callers.admin_client(name) for name in cluster.admin_portals]
    try:
        yield admins
    finally:
        for admin in admins:
            await admin.close()


async def calls_during(admins, customers, event: Awaitable[None]):
    """Write and read until the event is over; return the calls by kind."""
    calls = {"writes": Calls(), "reads": Calls()}
    over = asyncio.Event()
    chance = random.Random(2)
    workers = [work(over, calls["writes"], writing(admins[n % len(admins)], customers, chance)) for n in range(WRITERS)]
    workers += [work(over, calls["reads"], reading(admins[n % len(admins)], customers, chance)) for n in range(READERS)]
    tasks = [asyncio.create_task(worker) for worker in workers]
    try:
        await event
    finally:
        over.set()
        await asyncio.gather(*tasks)
    return calls


async def write_large(admins, customers):
    """Write so much that the log does not keep all of it."""
    numbers = iter(range(AWAY_BYTES // BYTES_PER_CUSTOMER))
    note = base64.b64encode(random.Random(3).randbytes(NOTE_BYTES)).decode()

    async def write(admin):
        for number in numbers:
            extra = (("note", json.dumps(f"{number} {note}"[: len(note)])),)
            await admin.update_customer(customer_id(number % customers), extra=extra)

    await asyncio.gather(*(write(admins[number % len(admins)]) for number in range(LARGE_WRITERS)))


def writing(admin, customers, chance):
    """Sometimes a small change of the one product, sometimes a large document."""

    async def write():
        if chance.random() < 0.8:
            await admin.adjust_stock(PRODUCT_ID, 1)
        else:
            await admin.update_customer(customer_id(chance.randrange(customers)), name="Conceição Maria")

    return write


def reading(admin, customers, chance):
    async def read():
        await admin.get_customer(customer_id(chance.randrange(customers)))

    return read


async def work(over: asyncio.Event, calls: Calls, call: Callable[[], Awaitable[None]]):
    while not over.is_set():
        begun = time.monotonic()
        try:
            await call()
        except QuitandaError as error:
            calls.failed.append(repr(error))
        calls.seconds.append(time.monotonic() - begun)
        await asyncio.sleep(THINK_SECONDS)
