"""The probe, as a container's health check runs it: a process of its own that asks a real server."""

import asyncio
import socket
import sys

import pytest

from quitanda.runtime import health_probe
from quitanda.runtime.access_log import AccessLog
from quitanda.runtime.addresses import Address
from quitanda.runtime.grpc_server import AioGrpcServer
from quitanda.runtime.metrics import RequestMetrics, new_registry

PROBE_SECONDS = 10
HEAVY = ("pydantic", "structlog", "prometheus_client", "quitanda.domain.machine", "quitanda.cluster_client")


@pytest.fixture
async def server():
    server = AioGrpcServer(Address("0.0.0.0", 0), lambda _: None, (), AccessLog(RequestMetrics(new_registry())))
    await server.start()
    yield server
    await server.stop(0)


async def probed(*arguments):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "quitanda.runtime.health_probe", *arguments, stdout=-1, stderr=-1
    )
    out, err = await asyncio.wait_for(process.communicate(), PROBE_SECONDS)
    return process.returncode, out.decode() + err.decode()


async def test_it_succeeds_where_the_service_serves_and_says_so(server):
    before = await probed(str(server.address))
    await server.set_ready(ready=True)

    assert before == (1, "readiness: not serving\n")
    assert await probed(str(server.address)) == (0, "readiness: serving\n")


async def test_it_asks_for_the_service_that_is_named(server):
    assert await probed(str(server.address), "liveness") == (0, "liveness: serving\n")
    assert await probed(str(server.address), "feed") == (1, "feed: not serving\n")
    code, text = await probed(str(server.address), "weather")
    assert (code, text[:18]) == (1, "weather: NOT_FOUND")


def test_a_port_where_nobody_is_fails_in_bounded_time():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        answer = health_probe.ask(Address("127.0.0.1", nobody.getsockname()[1]), "readiness", 0.2)

    assert answer.startswith("DEADLINE_EXCEEDED")


@pytest.mark.parametrize("arguments", [(), ("nowhere",), ("127.0.0.1:1", "a", "b")])
async def test_a_wrong_call_says_how_it_is_used(arguments):
    code, text = await probed(*arguments)

    assert code == health_probe.EXIT_USAGE
    assert "usage: python -m quitanda.runtime.health_probe HOST:PORT [SERVICE]" in text


async def test_it_imports_little_because_it_is_started_again_and_again():
    program = "import sys, quitanda.runtime.health_probe; print(*sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=-1)
    out, _ = await asyncio.wait_for(process.communicate(), PROBE_SECONDS)

    assert [name for name in HEAVY if name in out.decode().split()] == []
