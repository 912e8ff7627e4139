"""The command `python -m bench.live_pages`: what a thousand open pages cost one process, and how soon a page is there.

Three replicas hold many products; customers sign in at one process of the page, and each holds streams open: of the
products, and one of her orders. Each customer calls from an address of her own (127.0.0.0/8), as the bounds of the page
want it. Then one product is changed again and again, and the first page of the products is fetched.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import grpc.aio
import psutil
import typer

from bench.growth.filling import ORDERS_OF_A_CUSTOMER, FilledState, customer_id, fill, product_id
from quitanda.v1 import admin_portal_pb2 as admin_pb
from quitanda.v1.admin_portal_pb2_grpc import AdminPortalStub
from quitanda_local import ports
from quitanda_local.local_cluster import LocalCluster
from quitanda_local.topology import PORTS_NEEDED, Service, ServiceRole, Topology, on_ports
from quitanda_local.waiting import wait_until

WEB: Final = "web"
STREAMS_OF_SESSION: Final = 12
CHANGES: Final = 30
PAUSE_SECONDS: Final = 0.7
"""Between two changes: each is told before the next one comes."""
FETCHES: Final = 200
WARM_UP: Final = 10
CALL_SECONDS: Final = 30.0
SIGN_IN_AGAIN_SECONDS: Final = 1.0
TOO_MANY: Final = 429
SEE_OTHER: Final = 303
FOUND: Final = 200

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class StreamEnded(Exception):
    """A stream that was to stay open has ended."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser: its address, and the cookie of its session."""

    address: str
    cookie: str


@dataclass(slots=True)
class PagesMeasured:
    """What was measured. Memory is in bytes, times are in milliseconds."""

    streams: int = 0
    products: int = 0
    memory_before: int = 0
    memory: int = 0
    written: list[float] = field(default_factory=list)
    """Until the writer had its answer."""
    first: list[float] = field(default_factory=list)
    """From the moment at which the change was sent until the first stream, and until the last one, told it."""
    last: list[float] = field(default_factory=list)
    pages: dict[str, list[float]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Write it as tables of PERFORMANCE.md."""
        memory = " and ".join(f"{each / 2**20:.0f}" for each in (self.memory_before, self.memory))
        times = " | ".join(_median_and_worst(each) for each in (self.written, self.first, self.last))
        lines = [
            "| open streams | memory without and with them | writer's answer | first told | last told |",
            "|---|---|---|---|---|",
            f"| {self.streams:,} | {memory} MiB | {times} |",
            "",
            f"| of {self.products:,} products | median / 99 % |",
            "|---|---|",
            *(f"| {name} | {_median_and_worst(each)} |" for name, each in self.pages.items()),
        ]
        return "\n".join(lines)


class PageClient:
    """Asks one process of the page over HTTP."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)

    async def sign_in(self, customer: str, address: str) -> Visitor:
        """Sign in as a customer, or as staff where the name is empty, as soon as the page allows one more attempt."""
        body = urlencode({"as": "customer", "customer_id": customer} if customer else {"as": "staff"})
        while True:
            status, head, _ = await self.ask("POST", "/sign-in", Visitor(address, ""), body)
            if status == SEE_OTHER:
                cookie = next(line for line in head.splitlines() if line.lower().startswith("set-cookie: quitanda="))
                return Visitor(address, cookie.partition(": ")[2].partition(";")[0])
            if status != TOO_MANY:
                raise RuntimeError(f"{customer or 'staff'} could not sign in: HTTP {status}")
            await asyncio.sleep(SIGN_IN_AGAIN_SECONDS)

    async def ask(self, method: str, path: str, visitor: Visitor, body: str = "") -> tuple[int, str, bytes]:
        """Send a request over a connection of its own; give status, head and body of the answer."""
        reader, writer = await self._send(method, path, visitor, body, "Connection: close\r\n")
        try:
            head, _, content = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        return int(head.split()[1]), head.decode(), content

    async def stream(self, path: str, visitor: Visitor) -> "OpenStream":
        """Open a stream."""
        reader, writer = await self._send("GET", path, visitor)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.splitlines()[0]:
            raise RuntimeError(f"no stream: {head.splitlines()[0].decode()}")
        return OpenStream(reader, writer)

    async def _send(
        self, method: str, path: str, visitor: Visitor, body: str = "", more: str = ""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(self._host, self._port, local_addr=(visitor.address, 0))
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nSec-Fetch-Site: same-origin\r\n"
            f"Accept-Language: pt-BR\r\nCookie: {visitor.cookie}\r\n{more}"
        )
        if body:
            head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}\r\n{body}".encode())
        return reader, writer


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A stream. The writer is kept because a connection whose writer nobody holds is closed."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class StreamReaders:
    """Open streams, which note when they were told up to which revision."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self._told: list[list[tuple[int, float]]] = []

    def add(self, stream: OpenStream) -> None:
        """Read one more stream."""
        self._told.append([])
        self.tasks.append(asyncio.create_task(self._read(stream, self._told[-1])))

    async def all_told(self, revision: int) -> list[float]:
        """Wait until all have been told of a change; give when each was."""

        async def told_everywhere() -> bool:
            self.check_open()
            return all(told and told[-1][0] >= revision for told in self._told)

        await wait_until(told_everywhere, f"revision {revision} on {len(self._told)} streams", CALL_SECONDS)
        return [next(moment for known, moment in told if known >= revision) for told in self._told]

    def check_open(self) -> None:
        """Raise StreamEnded unless all of them are open."""
        if ended := sum(task.done() for task in self.tasks):
            raise StreamEnded(f"{ended} of {len(self.tasks)} streams have ended")

    async def end(self) -> None:
        """Read no more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _read(self, stream: OpenStream, told: list[tuple[int, float]]) -> None:
        while line := await stream.reader.readline():
            if line.startswith(b"data: ") and b'"changes"' in line:
                told.append((json.loads(line.removeprefix(b"data: "))["revision"], time.perf_counter()))


async def measure(streams: int, products: int, folder: Path) -> PagesMeasured:
    """Measure all of it with so many streams and products."""
    measured = PagesMeasured(products=products)
    fill(folder / "filled", FilledState(products))
    *taken, page, metrics = ports.free_ports(PORTS_NEEDED + 2)
    services = (*on_ports(taken).services, Service(WEB, ServiceRole.WEB, page, metrics_port=metrics))
    async with AsyncExitStack() as ending:
        cluster = LocalCluster(folder / "data", Topology(services))
        ending.callback(cluster.close)
        for name in cluster.replicas:
            copytree(folder / "filled", folder / "data" / name)
        await ending.enter_async_context(cluster)
        client = PageClient(cluster.address(WEB))
        process = psutil.Process(cluster.process(WEB).pid)
        admin_address = cluster.address(cluster.admin_portals[0])
        admin = AdminPortalStub(await ending.enter_async_context(grpc.aio.insecure_channel(admin_address)))
        await admin.RaiseLevel(admin_pb.RaiseLevelRequest(), timeout=CALL_SECONDS)
        visitors = [
            await client.sign_in(
                customer_id(number * ORDERS_OF_A_CUSTOMER), f"127.1.{number // 200}.{number % 200 + 1}"
            )
            for number in range(-(-streams // STREAMS_OF_SESSION))
        ]
        staff = await client.sign_in("", "127.1.255.1")
        measured.pages = await _pages(client, visitors, staff)
        measured.memory_before = process.memory_info().rss
        of_products, of_orders = StreamReaders(), StreamReaders()
        for number in range(streams):
            visitor = visitors[number // STREAMS_OF_SESSION]
            if number % STREAMS_OF_SESSION:
                of_products.add(await client.stream("/live/products", visitor))
            else:
                of_orders.add(await client.stream("/live/orders", visitor))
        await _changes(admin, of_products, measured)
        measured.memory = process.memory_info().rss
        with_streams = await _pages(client, visitors, staff)
        for readers in (of_products, of_orders):
            readers.check_open()
            measured.streams += len(readers.tasks)
            await readers.end()
        measured.pages |= {f"{name}, with the streams": each for name, each in with_streams.items()}
    return measured


async def _changes(admin: Any, readers: StreamReaders, measured: PagesMeasured) -> None:
    for _ in range(CHANGES):
        begun = time.perf_counter()
        request = admin_pb.AdjustStockRequest(product_id=product_id(0), delta=1)
        answer = await admin.AdjustStock(request, timeout=CALL_SECONDS)
        measured.written.append(1_000 * (time.perf_counter() - begun))
        moments = await readers.all_told(answer.revision)
        measured.first.append(1_000 * (min(moments) - begun))
        measured.last.append(1_000 * (max(moments) - begun))
        await asyncio.sleep(PAUSE_SECONDS)


async def _pages(client: PageClient, visitors: Sequence[Visitor], staff: Visitor) -> dict[str, list[float]]:
    """Fetch each page again and again, from all addresses in turn, as the bound on an address's requests wants it."""
    shop = {
        "the first page of the products": "/products",
        "a search that all products answer": "/products?words=queijo",
        "a search that none answers": "/products?words=xyz",
        "a product": f"/products/{product_id(0)}",
        "a customer's orders": "/orders",
    }
    office = {
        "the back office's products": "/office/products",
        "the back office's orders": "/office/orders",
        "the back office's product": f"/office/products/{product_id(0)}",
    }
    times: dict[str, list[float]] = {}
    for name, path in (shop | office).items():
        for number in range(WARM_UP + FETCHES):
            visitor = visitors[number % len(visitors)]
            if name in office:
                visitor = Visitor(visitor.address, staff.cookie)
            begun = time.perf_counter()
            status, _, content = await client.ask("GET", path, visitor)
            if status != FOUND:
                told = content.decode().partition('<p role="alert"')[2].partition("</p>")[0]
                raise RuntimeError(f"{path}: HTTP {status}: {told}")
            if number >= WARM_UP:
                times.setdefault(name, []).append(1_000 * (time.perf_counter() - begun))
    return times


def _median_and_worst(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.0f} / {sorted(times)[int(0.99 * len(times))]:.0f} ms" if times else "-"


@app.command()
def live_pages(
    streams: Annotated[int, typer.Option(help="How many streams are open at the same time.", min=2, max=1_500)] = 1_000,
    products: Annotated[int, typer.Option(help="How many products the shop has.", min=200)] = 100_000,
) -> None:
    """Tell what open pages cost one process of the page, how soon they are told, and how soon a page is there."""
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(measure(streams, products, Path(folder)))
    sys.stdout.write(f"{measured}\n")


if __name__ == "__main__":
    app()
