"""What unauthenticated connections may send to a port: bytes of other protocols, of none, too few, or none at all."""

import asyncio
import contextlib
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator

MQTT_HELLO = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x0a\x00\x04junk"
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
RAFT_GREETING = b"QTDRAFT2" + bytes(range(32))
ANSWER_SECONDS = 0.3
CONNECT_SECONDS = 5.0


def tls_hello() -> bytes:
    """Give the first bytes of a TLS client."""
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="quitanda.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def openings(dice: random.Random) -> list[bytes]:
    """Give the first bytes of many different connections that are none of ours."""
    return [
        dice.randbytes(1),
        dice.randbytes(20_000),
        b"\x00" * 4_096,
        b"\xff" * 4_096,
        b"GET / HTTP/1.1\r\nHost: quitanda\r\n\r\n",
        tls_hello(),
        HTTP2_PREFACE[: dice.randint(1, len(HTTP2_PREFACE) - 1)],
        HTTP2_PREFACE + dice.randbytes(5_000),
        # SETTINGS, then HEADERS that cannot be unpacked, then DATA of a stream that was never opened.
        HTTP2_PREFACE
        + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
        + b"\x00\x00\x20\x01\x04\x00\x00\x00\x01"
        + dice.randbytes(32),
        HTTP2_PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\x00\x00\x08\x00\x01\x00\x00\x00\x07" + b"unopened",
        MQTT_HELLO[: dice.randint(2, len(MQTT_HELLO) - 1)],
        MQTT_HELLO + dice.randbytes(2_000),
        RAFT_GREETING[: dice.randint(1, len(RAFT_GREETING) - 1)],
        RAFT_GREETING + b"\x00\x00\x00\x40" + dice.randbytes(64),
        RAFT_GREETING + b"\xff\xff\xff\xff",
    ]


async def say(host: str, port: int, opening: bytes, *, abruptly: bool) -> None:
    """Connect, send these bytes, read for a moment, and close; `abruptly` with a reset."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
        if abruptly:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        try:
            writer.write(opening)
            async with asyncio.timeout(ANSWER_SECONDS):
                while await reader.read(4_096):
                    pass
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def silent_connections(addresses: list[tuple[str, int]], count: int) -> AsyncIterator[None]:
    """Hold so many connections open at each address, on which nothing is ever sent."""
    writers = []
    try:
        for host, port in addresses * count:
            _, writer = await asyncio.open_connection(host, port)
            writers.append(writer)
        yield
    finally:
        for writer in writers:
            writer.transport.abort()
