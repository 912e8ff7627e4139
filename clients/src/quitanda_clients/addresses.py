"""Where portals and brokers are: `host:port`."""

from dataclasses import dataclass

PORT_MAX = 65_535
PORT_DIGITS_MAX = 5


@dataclass(frozen=True, slots=True)
class Address:
    """A host (name or IP address) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `host:port` or `[IPv6 address]:port`. Raises ValueError, with a text for people."""
    host, colon, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if bracketed:
        host = host[1:-1]
    if not colon or not host or (":" in host and not bracketed) or any(c.isspace() or c in "/@," for c in host):
        raise ValueError(f"'{text}' is not an address; write host:port, for example 127.0.0.1:7001")
    if not (bracketed or _is_host_name(host)):
        raise ValueError(f"'{text}' has no valid host name; write host:port, for example 127.0.0.1:7001")
    if not (port.isascii() and port.isdigit() and len(port) <= PORT_DIGITS_MAX and 1 <= int(port) <= PORT_MAX):
        raise ValueError(f"'{text}' has no valid port; it must be a number from 1 to {PORT_MAX}")
    return Address(host, int(port))


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Read addresses separated by commas, at least one. Raises ValueError, with a text for people."""
    addresses = tuple(parse_address(part) for part in text.split(",") if part.strip())
    if not addresses:
        raise ValueError("no address is given; write host:port, several separated by commas")
    return addresses


def _is_host_name(host: str) -> bool:
    """Tell whether the host can be looked up at all: no empty or too long part between its points."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
