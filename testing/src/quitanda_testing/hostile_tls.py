"""What somebody may try at a port that speaks TLS: before, in, and behind the handshake, with and without a key."""

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

from quitanda_testing.malformed_traffic import HTTP2_PREFACE, MQTT_HELLO, openings, tls_hello

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 0.2
HELD_MAX: Final = 20
FRAMES_MAX: Final = 2_000
_SETTINGS: Final = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def http2_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Give one frame of HTTP/2 (RFC 9113, section 4.1), whatever sense it makes."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class HostileCaller:
    """Throws one input after another at a port. `folders` are identity folders, one of which it may show."""

    def __init__(self, address: tuple[str, int], folders: Sequence[Path], seed: int) -> None:
        self._address = address
        self._chance = Random(seed)
        self._contexts = [self._context(None), *map(self._context, folders)]
        self._held: list[socket.socket] = []
        self.thrown = 0
        self._kinds: tuple[Callable[[], None], ...] = (
            self._other_protocols,
            self._changed_hello,
            self._hello_then_garbage,
            self._half_open,
            self._garbage_behind_the_handshake,
            self._http2_behind_the_handshake,
            self._floods_behind_the_handshake,
            self._http1_and_mqtt_behind_the_handshake,
            self._handshakes_that_are_broken_off,
        )

    def throw(self, until: Callable[[], bool]) -> None:
        """Go on until the condition holds; close what was held open."""
        try:
            while not until():
                with contextlib.suppress(OSError):
                    self._chance.choice(self._kinds)()
                self.thrown += 1
        finally:
            for each in self._held:
                each.close()

    # --- before and in the handshake

    def _other_protocols(self) -> None:
        self._say(self._chance.choice(openings(self._chance)))

    def _changed_hello(self) -> None:
        hello = bytearray(tls_hello())
        for _ in range(self._chance.randrange(1, 6)):
            hello[self._chance.randrange(len(hello))] = self._chance.randrange(256)
        self._say(bytes(hello[: self._chance.randrange(1, len(hello) + 1)]))

    def _hello_then_garbage(self) -> None:
        record = struct.pack(">BHH", self._chance.choice((20, 21, 22, 23, 24)), 0x0303, self._chance.randrange(1 << 16))
        self._say(tls_hello() + record + self._chance.randbytes(self._chance.randrange(20_000)))

    def _half_open(self) -> None:
        sock = self._connected()
        hello = tls_hello()
        sock.sendall(hello[: self._chance.randrange(len(hello) + 1)])
        self._held.append(sock)
        if len(self._held) > HELD_MAX:
            self._held.pop(0).close()

    def _handshakes_that_are_broken_off(self) -> None:
        for _ in range(10):
            with self._connected() as sock:
                sock.sendall(tls_hello())
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # --- behind it

    def _garbage_behind_the_handshake(self) -> None:
        self._say_inside(self._chance.randbytes(self._chance.choice((1, 9, 24, 500, 20_000, 200_000))))

    def _http1_and_mqtt_behind_the_handshake(self) -> None:
        get = b"GET /" + b"a" * self._chance.choice((1, 8_000, 70_000)) + b" HTTP/1.1\r\n"
        headers = b"X: y\r\n" * self._chance.choice((0, 50, 5_000))
        publish = b"\x30\xff\xff\xff\x7f" + self._chance.randbytes(5_000)
        self._say_inside(self._chance.choice((get + headers + b"\r\n", get, MQTT_HELLO, MQTT_HELLO + publish)))

    def _http2_behind_the_handshake(self) -> None:
        frames = b"".join(
            http2_frame(
                self._chance.randrange(12),
                self._chance.randrange(256),
                self._chance.choice((0, 1, 2, 3, 5, 1 << 30)),
                self._chance.randbytes(self._chance.choice((0, 1, 4, 5, 8, 100, 16_384))),
            )
            for _ in range(self._chance.randrange(1, 30))
        )
        self._say_inside(HTTP2_PREFACE + _SETTINGS + frames)

    def _floods_behind_the_handshake(self) -> None:
        count = self._chance.randrange(1, FRAMES_MAX)
        literal = b"\x40\x0a" + b"x" * 10 + b"\x7f\x81\x01" + b"y" * 256
        flood = self._chance.choice(
            (
                _SETTINGS * count,
                http2_frame(6, 0, 0, bytes(8)) * count,
                http2_frame(8, 0, 0, struct.pack(">I", 0x7FFFFFFF)) * count,
                # headers without an end (RFC 9113, section 10.5.1)
                http2_frame(1, 0, 1, b"\x82") + http2_frame(9, 0, 1, literal) * count,
                # streams that are opened and reset at once (CVE-2023-44487)
                b"".join(
                    http2_frame(1, 5, 2 * number + 1, b"\x83\x86\x84\x41\x01a")
                    + http2_frame(3, 0, 2 * number + 1, bytes(4))
                    for number in range(count)
                ),
            )
        )
        self._say_inside(HTTP2_PREFACE + _SETTINGS + flood)

    # --- how

    def _context(self, folder: Path | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        if folder is not None:
            context.load_cert_chain(folder / "process.pem")
        return context

    def _connected(self) -> socket.socket:
        return socket.create_connection(self._address, timeout=CONNECT_SECONDS)

    def _say(self, data: bytes) -> None:
        with self._connected() as sock:
            sock.sendall(data)
            self._listen(sock)

    def _say_inside(self, data: bytes) -> None:
        context = self._chance.choice(self._contexts)
        with self._connected() as sock, context.wrap_socket(sock, suppress_ragged_eofs=True) as tls:
            tls.sendall(data)
            self._listen(tls)

    def _listen(self, sock: socket.socket) -> None:
        sock.settimeout(ANSWER_SECONDS)
        with contextlib.suppress(TimeoutError):
            while sock.recv(65_536):
                pass
