"""The page over real HTTP: what is no request, what comes slowly, and the end of the process."""

import asyncio
import contextlib
import socket

import pytest

from quitanda.runtime.listen_errors import CannotListen
from quitanda_local.waiting import wait_until
from quitanda_web.composition import WebServer
from quitanda_web.health_probe import EXIT_NOT_SERVING, EXIT_SERVING, EXIT_USAGE
from quitanda_web.health_probe import main as probe
from quitanda_web.settings import WebSettings


@pytest.fixture
async def server(shop):
    server = WebServer(WebSettings(web_listen="127.0.0.1:0"), shop.app, head_seconds=0.2, unread_seconds=0.2)
    await server.start()
    yield server
    await server.stop(2.0)


async def ask(server, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server.address.host, server.address.port)
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_page_is_served_over_http(server):
    answer = await ask(server, b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"server:" not in answer.lower().partition(b"\r\n\r\n")[0]
    assert answer.rstrip().endswith(b"</html>")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
        b"GARBAGE\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
    ],
)
async def test_what_is_no_request_ends_the_connection_and_nothing_else(server, garbage):
    with contextlib.suppress(ConnectionError):
        assert b" 200 " not in await ask(server, garbage)

    assert b" 200 " in await ask(server, b"GET /health/liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("begun", [b"", b"GET /sign-in HTTP/1.1\r\nHost: 127.0", b"GET / HT"])
async def test_a_connection_whose_request_does_not_come_is_closed(server, begun):
    assert b" 200 " not in await ask(server, begun)


async def test_a_second_request_that_does_not_come_ends_the_connection_too(server):
    first = b"GET /health/liveness HTTP/1.1\r\nHost: x\r\n\r\n"

    answer = await ask(server, first + b"GET / HT")

    assert answer.count(b"HTTP/1.1 200") == 1


async def test_a_browser_that_does_not_read_what_it_is_sent_loses_its_connection(server):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(connection, (server.address.host, server.address.port))
        await loop.sock_sendall(connection, b"GET /assets/pico.min.css HTTP/1.1\r\nHost: x\r\n\r\n" * 100)

        async def is_given_up():
            return not server.connections

        await wait_until(is_given_up, "the end of the connection", 20)
    finally:
        connection.close()


async def test_a_port_that_is_taken_is_told(server, shop):
    other = WebServer(WebSettings(web_listen=str(server.address)), shop.app)

    with pytest.raises(CannotListen, match="cannot listen"):
        await other.start()
    await other.stop(1.0)


async def test_the_health_check_of_a_container_asks_the_page(server, capsys):
    address = str(server.address)

    assert await asyncio.to_thread(probe, [address]) == EXIT_SERVING
    assert "serving" in capsys.readouterr().out
    await server.stop(2.0)
    assert await asyncio.to_thread(probe, [address]) == EXIT_NOT_SERVING
    assert await asyncio.to_thread(probe, ["nothing"]) == EXIT_USAGE


async def test_a_browser_that_is_sent_on_to_another_process_is_sent_over_a_new_connection(shop):
    staff = await shop.staff()
    cookie = "; ".join(f"{name}={value}" for name, value in staff.cookies.items())
    patient = WebServer(WebSettings(web_listen="127.0.0.1:0"), shop.app, head_seconds=60.0)
    await patient.start()

    answer = await ask(
        patient, f"GET /office/imports/another.one HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode()
    )
    await patient.stop(2.0)

    assert answer.startswith(b"HTTP/1.1 307 ")
    assert b"location: /office/imports/another.one?looked=" in answer
