"""Network addresses: a host and a port, and lists of named ones."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from quitanda.domain.limits import ID_PATTERN

_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})", re.ASCII)
_NAME: Final = re.compile(ID_PATTERN, re.ASCII)
_PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens or is reached; an IPv6 host stands without brackets. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read "host:port"; ValueError says what is wrong."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text.strip()[:80]!r} is not an address; write host:port, for example 127.0.0.1:7011")
    port = int(match["port"])
    if port > _PORT_MAX:
        raise ValueError(f"the port of {text.strip()[:80]!r} is above {_PORT_MAX}")
    return Address(match["host"].strip("[]"), port)


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
