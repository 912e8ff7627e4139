"""Everything that the containers of a network say to each other and to others, captured at the network's bridge."""

import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from quitanda_testing.containers.docker_run import TOOLS

STOP_SECONDS: Final = 60.0
SEQUENCE_NUMBERS: Final = 1 << 32
ETHERNET_BYTES: Final = 14
IPV4: Final = b"\x08\x00"
TCP: Final = 6

_PROGRAM: Final = """
import select, socket, struct, sys
ETH_P_ALL, SOL_PACKET, ADD_MEMBERSHIP, STATISTICS, PROMISCUOUS, RECEIVE_BUFFER_FORCE = 3, 263, 1, 6, 1, 33
bridge = sys.argv[1]
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
packets.setsockopt(socket.SOL_SOCKET, RECEIVE_BUFFER_FORCE, 1 << 26)
packets.bind((bridge, 0))
member = struct.pack("iHH8s", socket.if_nametoindex(bridge), PROMISCUOUS, 0, b"")
packets.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, member)
packets.setblocking(False)
print("capturing", file=sys.stderr, flush=True)
stopped = False
while not stopped:
    stopped = sys.stdin in select.select([packets, sys.stdin], [], [])[0]
    try:
        while True:
            frame = packets.recv(1 << 17)
            sys.stdout.buffer.write(struct.pack("!I", len(frame)) + frame)
    except BlockingIOError:
        pass
sys.stdout.buffer.flush()
print(struct.unpack("II", packets.getsockopt(SOL_PACKET, STATISTICS, 8))[1], file=sys.stderr)
"""
"""Runs in the engine's own network. Writes each frame after its length, and at the end how many it had to drop."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One direction of a TCP connection."""

    source: str
    source_port: int
    target: str
    target_port: int

    @property
    def ports(self) -> frozenset[int]:
        """The ports of both ends."""
        return frozenset({self.source_port, self.target_port})


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was captured: the bytes of each direction of each TCP connection, in order, and all other frames."""

    flows: dict[Flow, bytes]
    others: bytes


class Capture:
    """Captures the traffic of a bridge of this machine from now on; `stop` gives it, `close` gives up."""

    def __init__(self, bridge: str, label: str, file: Path) -> None:
        self._file = file
        command = ["docker", "run", "--rm", "--interactive", "--label", label, "--network", "host"]
        rights = ["--cap-drop", "ALL", "--cap-add", "NET_RAW", "--cap-add", "NET_ADMIN"]
        with file.open("wb") as frames:
            self._process = subprocess.Popen(
                [*command, *rights, TOOLS, "python3", "-c", _PROGRAM, bridge],
                stdin=subprocess.PIPE,
                stdout=frames,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert self._process.stderr is not None
        told = self._process.stderr.readline()
        assert told == "capturing\n", told + self._process.stderr.read()

    def stop(self) -> Traffic:
        """End the capture, and give what was captured; AssertionError where anything is missing in it."""
        _, told = self._process.communicate("", timeout=STOP_SECONDS)
        assert self._process.returncode == 0, told
        assert told == "0\n", f"dropped frames: {told}"
        return read_traffic(self._file.read_bytes())

    def close(self) -> None:
        """End the capture, if it was not stopped."""
        if self._process.poll() is None:
            self._process.communicate("", timeout=STOP_SECONDS)


def read_traffic(captured: bytes) -> Traffic:
    """Put the segments of each direction of each connection in order; a segment that came twice counts once."""
    segments: dict[Flow, dict[int, bytes]] = defaultdict(dict)
    others = []
    for frame in _frames(captured):
        packet = frame[ETHERNET_BYTES:]
        if frame[12:ETHERNET_BYTES] != IPV4 or packet[9] != TCP:
            others.append(frame)
            continue
        packet = packet[: int.from_bytes(packet[2:4])]  # what is behind it fills the frame
        segment = packet[(packet[0] & 0x0F) * 4 :]
        source_port, target_port, number = struct.unpack("!HHI", segment[:8])
        flow = Flow(str(IPv4Address(packet[12:16])), source_port, str(IPv4Address(packet[16:20])), target_port)
        if content := segment[(segment[12] >> 4) * 4 :]:
            known = segments[flow].get(number, b"")
            segments[flow][number] = max(known, content, key=len)
    return Traffic({flow: _in_order(parts) for flow, parts in segments.items()}, b"".join(others))


def _frames(captured: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(captured):
        (length,) = struct.unpack_from("!I", captured, at)
        yield captured[at + 4 : at + 4 + length]
        at += 4 + length


def _in_order(parts: dict[int, bytes]) -> bytes:
    """Join what follows on each other. Numbers wrap around; the first one that was seen is near the least one."""
    first = next(iter(parts))
    half = SEQUENCE_NUMBERS // 2
    ordered = sorted(((number - first + half) % SEQUENCE_NUMBERS, content) for number, content in parts.items())
    stream, reached = bytearray(), 0
    for begin, content in ordered:
        stream += content[max(0, reached - begin) :] if reached > begin else content
        reached = max(reached, begin + len(content))
    return bytes(stream)
