"""Network addresses: a host and a port, and lists of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from quitanda.domain.limits import ID_PATTERN

PORT_MAX: Final = 65_535

_ADDRESS: Final = re.compile(r"(\[(?P<ipv6>[^\]]*)\]|(?P<name>[\w.-]+)):(?P<port>.*)")
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_NAME: Final = re.compile(ID_PATTERN, re.ASCII)
_SHOWN_MAX: Final = 80
"""Characters of a wrong text that its refusal repeats."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens or is reached; an IPv6 host stands without brackets. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_of_this_machine(self) -> bool:
        """Whether nothing that is sent to it, or arrives at it, leaves this machine: it is a loopback address."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse_address(text: str, *, port_min: int = 0) -> Address:
    """Read "host:port" or "[IPv6 address]:port"; ValueError tells people what is wrong.

    A host is an IP address or a name that can be looked up. `port_min` is 1 for a server that is to be reached, and 0
    where a server listens and the system may choose its port.
    """
    shown = repr(text.strip()[:_SHOWN_MAX])
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{shown} is not an address; write host:port, for example 127.0.0.1:7001")
    host = match["name"] if match["ipv6"] is None else match["ipv6"]
    if not (_is_host_name(host) if match["ipv6"] is None else _is_ipv6(host)):
        raise ValueError(f"{shown} has no valid host; write host:port, for example 127.0.0.1:7001")
    port = int(match["port"]) if _PORT.fullmatch(match["port"]) else -1
    if not port_min <= port <= PORT_MAX:
        raise ValueError(f"{shown} has no valid port; write host:port, with a port from {port_min} to {PORT_MAX}")
    return Address(host, port)


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Read the addresses of servers, separated by commas, at least one; ValueError tells people what is wrong."""
    addresses = tuple(parse_address(part, port_min=1) for part in text.split(",") if part.strip())
    if not addresses:
        raise ValueError("no address is given; write host:port, several separated by commas")
    return addresses


def parse_named_addresses(text: str) -> dict[str, Address]:
    """Read "name=host:port,name=host:port"; ValueError says what is wrong. The order is kept."""
    addresses: dict[str, Address] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, address = (piece.strip() for piece in part.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"{part[:80]!r} is not name=host:port")
        if name in addresses:
            raise ValueError(f"the name {name!r} stands twice")
        addresses[name] = parse_address(address)
    if not addresses:
        raise ValueError("no address is given; write name=host:port, separated by commas")
    if len(set(addresses.values())) < len(addresses):
        raise ValueError("two names have the same address")
    return addresses


def format_named_addresses(addresses: Mapping[str, Address]) -> str:
    """Write what `parse_named_addresses` reads."""
    return ",".join(f"{name}={address}" for name, address in addresses.items())


def _is_host_name(host: str) -> bool:
    """Tell whether the name can be looked up at all: it has no empty and no overlong part between its points."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True
