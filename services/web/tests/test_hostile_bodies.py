"""Bodies that come slowly, never end, or end with their sender: each takes a bounded time and gives its place back."""

import asyncio
import contextlib

import pytest
from importing import BOUNDARY, PRODUCTS, multipart, upload
from running_page import running

from quitanda_local.waiting import wait_until
from quitanda_web.composition import WebServer
from quitanda_web.guard import UPLOAD_BYTES_MAX, GuardLimits
from quitanda_web.settings import WebSettings

SECONDS = 0.4
PAUSE_SECONDS = 0.05
PART = b"x" * 65_536


@pytest.fixture
async def busy(cluster):
    """The page, which reads one file at a time; a server of it; and who has signed in there."""
    async with running(cluster, limits=GuardLimits(upload_seconds=SECONDS, uploads=1)) as shop:
        server = WebServer(WebSettings(web_listen="127.0.0.1:0"), shop.app, head_seconds=SECONDS)
        await server.start()
        yield server, await shop.staff()
        await server.stop(2.0)


def head_of_upload(staff, *lines):
    cookie = "; ".join(f"{name}={value}" for name, value in staff.cookies.items())
    head = (
        "POST /office/imports HTTP/1.1",
        "Host: 127.0.0.1",
        "Sec-Fetch-Site: same-origin",
        f"Cookie: {cookie}",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        *lines,
    )
    return "\r\n".join((*head, "", "")).encode()


async def connected(server):
    return await asyncio.open_connection(server.address.host, server.address.port)


async def poured(server, head, part, pause=0.0):
    """Send a part again and again until the page ends the connection; give its answer and how much was sent."""
    reader, writer = await connected(server)
    answer, sent = asyncio.create_task(reader.read()), 0
    try:
        async with asyncio.timeout(20):
            writer.write(head)
            with contextlib.suppress(ConnectionError):
                while not answer.done():
                    writer.write(part)
                    sent += len(part)
                    await writer.drain()
                    await asyncio.wait([answer], timeout=pause)
            with contextlib.suppress(ConnectionError):
                return await answer, sent
            return b"", sent
    finally:
        answer.cancel()
        writer.close()


async def goes_on(staff):
    """Whether the next file finds a place."""
    return "Nothing is changed yet." in (await upload(staff, PRODUCTS)).text


async def test_a_file_that_comes_letter_by_letter_is_given_up_and_the_next_one_is_taken(busy):
    server, staff = busy

    answer, _ = await poured(server, head_of_upload(staff, "Content-Length: 100000"), b"a", PAUSE_SECONDS)

    assert b" 408 " in answer.partition(b"\r\n")[0]
    assert await goes_on(staff)


async def test_a_file_that_never_ends_is_given_up_at_its_bound(busy):
    server, staff = busy
    head = head_of_upload(staff, "Transfer-Encoding: chunked")

    _, sent = await poured(server, head, b"%x\r\n%s\r\n" % (len(PART), PART))

    assert sent < 4 * UPLOAD_BYTES_MAX
    assert await goes_on(staff)


async def test_a_file_whose_sender_vanishes_changes_nothing_and_gives_its_place_back(busy):
    server, staff = busy
    whole = multipart({"form_token": "", "kind": "products"}, PRODUCTS.encode())
    for _ in range(3):
        _, writer = await connected(server)
        writer.write(head_of_upload(staff, f"Content-Length: {len(whole)}") + whole[: len(whole) // 2])
        await writer.drain()
        writer.transport.abort()

    async def is_free():
        return not server.connections

    await wait_until(is_free, "the end of the connections", 10)
    assert await goes_on(staff)


async def test_a_page_that_is_asked_for_with_a_body_that_never_ends_is_answered_and_the_connection_ends(busy):
    server, _ = busy
    head = b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer, _ = await poured(server, head, b"1\r\nx\r\n", PAUSE_SECONDS)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1
