"""Round after round a disk is lost while a link is cut, clocks stand still and writes go on; then all must be well."""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

from rounds_command import PromiseBroken
from stalled_clocks.clocks import Clocks
from stalled_clocks.election_invariants import ElectionInvariants, ReportedStatus, compare_logs
from stalled_clocks.replicas import ReplicaClients
from stalled_clocks.writing import CustomerWriters

from quitanda.v1.admin_portal_pb2 import REPLICA_ROLE_LEADER
from quitanda_local import ports
from quitanda_local.errors import DeadlineExceeded, ProcessDied, ReplicasDiverged
from quitanda_local.local_cluster import COMMANDS
from quitanda_local.topology import Service, ServiceRole, Topology
from quitanda_local.waiting import wait_until
from quitanda_replica.raft.journal import LevelJournal
from quitanda_replica.state.store import Store
from quitanda_testing.cluster.process_cluster import ProcessCluster

NAMES = ("replica1", "replica2", "replica3")
WRITERS = 3
EVERY = 100
"""One of so many looks at the clock takes long."""
STALL_SECONDS = 1.1
"""Longer than any election time-out, so that whatever was to be waited for has passed after it."""
FAULT_SECONDS = (4.0, 9.0)
LOOK_SECONDS = 0.2
"""Rarely, as an answer takes looks at the clock, too, and those stalls would matter less."""
STANDING_SECONDS = 60.0
"""Within this all tell of one leader and one term, when nothing is broken."""


@dataclass
class StalledClocksFigures:
    rounds: int = 0
    nobody_willing: int = 0
    stalls: int = 0
    acknowledged: int = 0
    terms: int = 0
    looks: int = 0
    seconds: float = 0.0

    def __str__(self):
        return (
            f"{self.rounds} lost disks, each with a cut link, {self.nobody_willing} of them so that nobody could be "
            f"willing; {self.stalls} stalls; {self.terms} terms; {self.seconds:.0f} s. In {self.looks} looks and in "
            f"the logs no replica without a past stood or led, no term began that nobody was willing to; "
            f"{self.acknowledged} writes acknowledged, none lost; digests equal"
        )


class StalledClocksCampaign:
    """Stalls one of `every` looks at the clock. `replica` starts a replica: the product, except in tests of this."""

    def __init__(self, folder, seed, *, every=EVERY, replica=COMMANDS[ServiceRole.REPLICA]):
        self._chance = Random(seed)
        controls = folder / "clocks"
        controls.mkdir()
        self._clocks = Clocks(controls, NAMES, every=every, seconds=STALL_SECONDS, seed=seed)
        self._cluster = ProcessCluster(
            folder / "data",
            _replicas_and_broker(),
            settings=self._clocks.environment() | {"QUITANDA_BOOTSTRAP": "true"},
            commands=COMMANDS | {ServiceRole.REPLICA: replica},
            partitions=True,
        )
        self._replicas = None
        self._invariants = ElectionInvariants()
        self.figures = StalledClocksFigures()

    async def run(self, rounds, report=lambda _: None):
        """Return the figures. Raises PromiseBroken."""
        begun = time.monotonic()
        async with AsyncExitStack() as ending:
            ending.callback(self._clocks.close)
            ending.callback(self._cluster.close)
            self._replicas = ReplicaClients(self._cluster)
            ending.push_async_callback(self._replicas.close)
            try:
                await ending.enter_async_context(self._cluster)
                ending.callback(self._clocks.run)
                writing = CustomerWriters(self._replicas, WRITERS)
                ending.push_async_callback(writing.close)
                for _ in range(rounds):
                    await self._round(writing)
                    self.figures.seconds = time.monotonic() - begun
                    report(self.figures)
                await writing.close()
                await self._compare_stored_logs()
            except (DeadlineExceeded, ProcessDied, ReplicasDiverged) as error:
                raise PromiseBroken(str(error)) from error
        return self.figures

    async def _round(self, writing):
        victim = self._chance.choice(NAMES)
        others = [name for name in NAMES if name != victim]
        nobody_willing = self._chance.random() < 1 / 2
        both_ways = nobody_willing or self._chance.random() < 1 / 2
        link = others if nobody_willing else self._chance.sample(NAMES, 2)
        seconds = self._chance.uniform(*FAULT_SECONDS)
        async with self._watched():
            await self._one_leader()
            await writing.goes_on()
            self._cluster.kill(victim)
            self._cluster.erase(victim)
            await self._cut(link, both_ways=both_ways)
            if nobody_willing:
                told = await self._nobody_leads(others)
                self._invariants.nobody_is_willing(victim, max(each.term for each in told))
                self.figures.nobody_willing += 1
            await self._cluster.restart(victim, wait=False)
            self._clocks.stall()
            await asyncio.sleep(seconds)
            self._clocks.run()
            await self._all_tell(others)
            await self._all_tell([victim])
            self._invariants.somebody_may_be_willing()
            await self._cluster.mend()
            await self._one_leader()
        await self._check(writing)

    async def _cut(self, link, *, both_ways):
        one, other = link
        await self._cluster.cut(one, other)
        if both_ways:
            await self._cluster.cut(other, one)

    async def _check(self, writing):
        async with writing.paused():
            await self._cluster.wait_until_replicas_agree()
            if missing := await writing.missing():
                raise PromiseBroken(
                    f"{len(missing)} of {len(writing.acknowledged)} acknowledged writes are lost: {missing[:5]}"
                )
        for name in NAMES:
            self._invariants.read_log(name, self._cluster.log(name))
        figures = self.figures
        figures.rounds += 1
        figures.stalls, figures.acknowledged = self._clocks.stalls, len(writing.acknowledged)
        figures.terms, figures.looks = self._invariants.highest_term, self._invariants.heard

    async def _compare_stored_logs(self):
        agreed = await self._cluster.wait_until_replicas_agree()
        await self._cluster.stop()
        compare_logs({name: self._cluster.with_disk(name, _stored_log) for name in NAMES}, agreed.revision)

    # --- looking

    @asynccontextmanager
    async def _watched(self):
        """Look at each replica, again and again, and judge what it says; the first thing that is wrong ends it."""
        try:
            async with asyncio.TaskGroup() as looking:
                tasks = [looking.create_task(self._look_on(name)) for name in NAMES]
                yield
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first says what is wrong; the rest was cancelled

    async def _look_on(self, name):
        while True:
            await self._tell([name])
            await asyncio.sleep(LOOK_SECONDS)

    async def _tell(self, names):
        """Ask these replicas, and judge what they say."""
        asked_after, told = self._invariants.heard, []
        for status in await asyncio.gather(*(self._replicas.status(name) for name in names)):
            if status is not None:
                told.append(ReportedStatus(status.name, status.role, status.term, status.catching_up, asked_after))
                self._invariants.hear(told[-1])
        return told

    async def _one_leader(self):
        async def standing():
            statuses = await self._replicas.statuses()
            common = {(status.leader, status.term) for status in statuses}
            whole = len(statuses) == len(NAMES) and not any(status.catching_up for status in statuses)
            return whole and len(common) == 1 and all(leader for leader, _ in common)

        await wait_until(standing, "one leader and one term that all tell of", STANDING_SECONDS)

    async def _all_tell(self, names):
        """Wait until each of these has said what it is, at one time; give that."""

        async def everyone():
            for name in names:
                self._cluster.process(name).check_alive()
            told = await self._tell(names)
            return told if len(told) == len(names) else None

        return await wait_until(everyone, f"{' and '.join(names)} to answer", STANDING_SECONDS)

    async def _nobody_leads(self, names):
        async def all_follow():
            told = await self._all_tell(names)
            return None if any(each.role == REPLICA_ROLE_LEADER for each in told) else told

        return await wait_until(all_follow, "a leader without a majority to step down", STANDING_SECONDS)


def _replicas_and_broker():
    broker, *left = ports.free_ports(1 + 3 * len(NAMES))
    threes = zip(NAMES, left[0::3], left[1::3], left[2::3], strict=True)
    return Topology(
        (
            Service("broker", ServiceRole.BROKER, broker),
            *(Service(name, ServiceRole.REPLICA, *three) for name, *three in threes),
        )
    )


def _stored_log(folder):
    store = Store.open(folder)
    try:
        journal: Any = LevelJournal(store)
        return {index: (term, command) for command, index, term in journal}
    finally:
        store.close()
