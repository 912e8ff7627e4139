"""The command `python -m bench.watching`: what a thousand callers cost who watch the products of one portal."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import grpc.aio
import psutil
import typer

from quitanda.portal.watches import CALLER_WATCHES_MAX
from quitanda.v1 import admin_portal_pb2 as admin_pb
from quitanda.v1 import client_portal_pb2 as pb
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalStub
from quitanda.v1.client_portal_pb2_grpc import ClientPortalStub
from quitanda_local import ports
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.topology import PORTS_NEEDED, on_ports

CHANGES: Final = 30
PAUSE_SECONDS: Final = 0.3
"""Between two changes: each is told before the next one comes."""
CALL_SECONDS: Final = 20.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(slots=True)
class Watched:
    """What was measured. Times are in milliseconds, from the moment at which the writer sent a change."""

    watchers: int
    memory: int
    """Bytes that the portal's own memory has grown by since nobody watched."""
    written: list[float]
    """Until the writer had its answer."""
    first: list[float]
    """Until the first watcher, and until the last one, had been told."""
    last: list[float]

    def __str__(self) -> str:
        """Write it as a row of PERFORMANCE.md."""
        times = [_median_and_worst(each) for each in (self.written, self.first, self.last)]
        return f"| {self.watchers:,} | {self.memory / 2**20:.0f} MiB | {' | '.join(times)} |"


class Watchers:
    """Callers of one portal, who note when they were told of each revision."""

    def __init__(self) -> None:
        self.told: dict[int, list[float]] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Condition()

    async def begin(self, stub: Any, customer_id: str) -> None:
        """Let one more of them watch products; return when its watch has begun."""
        call = stub.Watch(pb.WatchForCustomerRequest(customer_id=customer_id, kinds=["product"]))
        await call.read()
        self.tasks.append(asyncio.create_task(self._follow(call)))

    async def all_told(self, revision: int) -> None:
        """Wait until all of them have been told of a change."""
        async with asyncio.timeout(CALL_SECONDS), self._news:
            await self._news.wait_for(lambda: len(self.told.get(revision, ())) >= len(self.tasks))

    async def end(self) -> None:
        """Let nobody watch any more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _follow(self, call: Any) -> None:
        while (answer := await call.read()) is not grpc.aio.EOF:
            if answer.changes:
                moments = self.told.setdefault(answer.revision, [])
                moments.append(time.perf_counter())
                if len(moments) == len(self.tasks):
                    async with self._news:
                        self._news.notify_all()


async def measure(watchers: int, folder: Path) -> list[Watched]:
    """Change a product again and again, first with nobody who watches, then with so many."""
    cluster = LocalCluster(folder, on_ports(ports.free_ports(PORTS_NEEDED)))
    async with AsyncExitStack() as ending:
        ending.callback(cluster.close)
        await ending.enter_async_context(cluster)
        name, admin_name = cluster.client_portals[0], cluster.admin_portals[0]
        portal = psutil.Process(cluster.process(name).pid)
        address = cluster.address(name)
        admin = AdminPortalStub(
            await ending.enter_async_context(grpc.aio.insecure_channel(cluster.address(admin_name)))
        )
        await admin.CreateProduct(
            admin_pb.CreateProductRequest(product_id="pen", name="Pen", price_minor_units=100, quantity=1),
            timeout=CALL_SECONDS,
        )
        told = Watchers()
        results = [await _changes(admin, told, portal, 0, portal.memory_info().rss)]
        before = portal.memory_info().rss
        for number in range(-(-watchers // CALLER_WATCHES_MAX)):
            customer_id = f"customer-{number}"
            await admin.CreateCustomer(
                admin_pb.CreateCustomerRequest(customer_id=customer_id, name="Ana"), timeout=CALL_SECONDS
            )
            options = (("grpc.use_local_subchannel_pool", 1),)
            channel = await ending.enter_async_context(grpc.aio.insecure_channel(address, options))
            share = min(CALLER_WATCHES_MAX, watchers - len(told.tasks))
            for _ in range(share):
                await told.begin(ClientPortalStub(channel), customer_id)
        results.append(await _changes(admin, told, portal, watchers, before))
        await told.end()
        return results


async def _changes(admin: Any, told: Watchers, portal: psutil.Process, watchers: int, before: int) -> Watched:
    measured = Watched(watchers, 0, [], [], [])
    for _ in range(CHANGES):
        begun = time.perf_counter()
        answer = await admin.AdjustStock(admin_pb.AdjustStockRequest(product_id="pen", delta=1), timeout=CALL_SECONDS)
        measured.written.append(1_000 * (time.perf_counter() - begun))
        await told.all_told(answer.revision)
        if watchers:
            moments = told.told[answer.revision]
            measured.first.append(1_000 * (min(moments) - begun))
            measured.last.append(1_000 * (max(moments) - begun))
        await asyncio.sleep(PAUSE_SECONDS)
    measured.memory = portal.memory_info().rss - before
    return measured


def _median_and_worst(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.0f} / {sorted(times)[int(0.99 * len(times))]:.0f} ms" if times else "-"


@app.command()
def watching(
    watchers: Annotated[int, typer.Option(help="How many watch at the same time.", min=1, max=1_000)] = 1_000,
) -> None:
    """Tell what callers who watch cost the portal and the writer, and how soon they are told."""
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(measure(watchers, Path(folder) / "data"))
    rows = [
        "| watchers | memory of the portal | the writer's answer | the first is told | the last is told |",
        "|---|---|---|---|---|",
    ]
    sys.stdout.write("\n".join([*rows, *map(str, results)]) + "\n")


if __name__ == "__main__":
    app()
