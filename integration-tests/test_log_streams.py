"""A process that cannot write its log serves as if it could, and ends when it is told to."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from enum import StrEnum
from functools import partial

import pytest
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.domain.commands import ItemQuantity
from quitanda.runtime.addresses import parse_address
from quitanda_clients.client import AdminClient
from quitanda_clients.connecting import Transport, make_shop_client
from quitanda_local import ports
from quitanda_local.waiting import wait_until
from quitanda_testing.scraping import figure_at

pytestmark = pytest.mark.processes_only(reason="what a process writes to is chosen by whoever starts it")

START_SECONDS = 30.0
STOP_SECONDS = 8.0
DROPPED = "quitanda_log_lines_dropped_total"


class Stream(StrEnum):
    """What standard output is."""

    FULL_DEVICE = "a device that is always full"
    FULL_DISK = "a full disk"
    CLOSED = "closed from the beginning"
    BROKEN_PIPE = "a pipe whose reader is gone"
    BLOCKED_PIPE = "a pipe that nobody reads"


class FullDisk:
    """A small file system; something else fills it until `make_room`."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("a file system cannot be mounted here")

    def log(self, name):
        return self.folder / f"{name}.log"

    def fill(self):
        with suppress(OSError), (self.folder / "filling").open("wb", buffering=0) as filling:
            while True:
                filling.write(bytes(1024))

    def make_room(self):
        (self.folder / "filling").unlink()

    def close(self):
        subprocess.run(["umount", self.folder], check=True)


class Services:
    """A replica that is a cluster by itself, and a portal of each kind; their streams are bad from the beginning."""

    def __init__(self, folder, stream):
        self._folder = folder
        self.stream = stream
        self._opened = []
        self.processes = {}
        self.disk = FullDisk(folder / "logs") if stream is Stream.FULL_DISK else None
        numbers = iter(ports.free_ports(7))
        self._raft = next(numbers)
        names = ("replica1", "admin-portal-1", "client-portal-1")
        self.addresses = {name: f"127.0.0.1:{next(numbers)}" for name in names}
        self.metrics = {name: f"127.0.0.1:{next(numbers)}" for name in names}

    def start(self):
        if self.disk:
            for name in self.addresses:
                self.disk.log(name).touch()
            self.disk.fill()
        for name, module in (
            ("replica1", "quitanda_replica"),
            ("admin-portal-1", "quitanda_admin_portal"),
            ("client-portal-1", "quitanda_client_portal"),
        ):
            self.processes[name] = self._start(name, module)

    def _start(self, name, module):
        settings = {
            "NAME": name,
            "REPLICAS": f"replica1={self.addresses['replica1']}",
            "LISTEN": self.addresses[name],
            "METRICS_LISTEN": self.metrics[name],
            "LOG_FORMAT": "json",
        }
        if name == "replica1":
            settings |= {
                "RAFT_ADDRESSES": f"replica1=127.0.0.1:{self._raft}",
                "DATA_DIR": str(self._folder / "data"),
                "CLUSTER_SECRET": "a secret of the tests",
                "BOOTSTRAP": "true",
            }
        environment = {key: value for key, value in os.environ.items() if not key.startswith("QUITANDA_")}
        variables = environment | {f"QUITANDA_{key}": value for key, value in settings.items()}
        command = [sys.executable, "-m", module]
        if self.stream is Stream.CLOSED:
            return subprocess.Popen(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command], env=variables)
        output = self._output(name)
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=subprocess.DEVNULL)
        os.close(output)
        return process

    def _output(self, name):
        match self.stream:
            case Stream.FULL_DEVICE:
                return os.open("/dev/full", os.O_WRONLY)
            case Stream.FULL_DISK:
                return os.open(self.disk.log(name), os.O_WRONLY | os.O_APPEND)
            case _:
                reading, writing = os.pipe()
                if self.stream is Stream.BROKEN_PIPE:
                    os.close(reading)
                else:
                    os.set_blocking(writing, False)
                    with suppress(BlockingIOError):
                        while True:
                            os.write(writing, bytes(512))
                    os.set_blocking(writing, True)
                    self._opened.append(reading)
                return writing

    async def ready(self):
        for address in self.addresses.values():
            await wait_until(partial(serving, address), f"{address} to be ready", START_SECONDS)

    async def stop(self):
        """Send SIGTERM to portals, then to the replica; give the exit codes."""
        codes = {}
        for name, process in reversed(self.processes.items()):
            process.send_signal(signal.SIGTERM)
            codes[name] = await asyncio.to_thread(process.wait, STOP_SECONDS)
        return codes

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        for descriptor in self._opened:
            os.close(descriptor)
        if self.disk:
            self.disk.close()


async def serving(address):
    async with aio.insecure_channel(address) as channel:
        with suppress(aio.AioRpcError):
            request = health_pb2.HealthCheckRequest(service="readiness")
            answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=2.0)
            return answer.status == health_pb2.HealthCheckResponse.SERVING
    return False


@pytest.fixture(params=list(Stream), ids=lambda stream: stream.name.lower())
def services(request, tmp_path):
    made = Services(tmp_path, request.param)
    try:
        made.start()
        yield made
    finally:
        made.close()


async def orders(services, count):
    """Call both portals often enough that each process has to log more than any buffer holds."""
    async with AsyncExitStack() as clients:
        admin = await clients.enter_async_context(AdminClient([parse_address(services.addresses["admin-portal-1"])]))
        if count:
            await admin.create_customer("ana", "Ana")
            await admin.create_product("tea", "Tea", 250, 10 * count)
        customer = await clients.enter_async_context(
            make_shop_client(
                Transport.GRPC,
                "ana",
                portals=[parse_address(services.addresses["client-portal-1"])],
                broker=parse_address("127.0.0.1:1"),
            )
        )
        for _ in range(count):
            placed = await customer.create_order([ItemQuantity("tea", 1)])
            assert (await customer.get_order(placed.document.order_id)).document == placed.document
        for _ in range(20):
            await admin.get_product("tea")


async def test_calls_succeed_readiness_serves_and_sigterm_ends_every_process(services):
    await services.ready()
    await orders(services, 60)
    await services.ready()

    for name, address in services.metrics.items():
        dropped = await figure_at(address, DROPPED)
        assert (dropped > 0) is (services.stream is not Stream.BLOCKED_PIPE), name  # a blocked one's lines still wait
    assert await services.stop() == {"client-portal-1": 0, "admin-portal-1": 0, "replica1": 0}


@pytest.mark.parametrize("services", [Stream.FULL_DISK], indirect=True)
async def test_once_there_is_room_one_line_says_how_many_are_missing(services):
    await services.ready()
    await orders(services, 5)
    counted = {name: await figure_at(address, DROPPED) for name, address in services.metrics.items()}
    services.disk.make_room()

    async def told(name):
        return "log_lines_dropped" in services.disk.log(name).read_text(errors="replace")

    for name in services.addresses:
        await wait_until(partial(told, name), f"{name} to say what is missing", 10)
    for name, address in services.metrics.items():
        assert await figure_at(address, DROPPED) >= counted[name] > 0
    await services.stop()
    for name in services.addresses:
        assert '"event": "log_lines_dropped"' in services.disk.log(name).read_text()
