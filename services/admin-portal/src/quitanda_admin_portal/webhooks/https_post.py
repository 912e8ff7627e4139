"""One POST to an address that somebody else chose: nothing in it may reach our own network, or keep us waiting.

The host's name is resolved once, and every address that it has is looked at; the connection goes to one of these, so
that another answer of the DNS a moment later is of no use. The certificate must be the name's. Redirects are not
followed, no proxy of the environment is used, and no more is read than the head of the answer.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import h11

ANSWER_BYTES_MAX: Final = 64 * 1024
"""How much of an answer is read at most; its status stands at its beginning."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses that a host has now, for a port. Raises OSError where it has none."""

_CHUNK_BYTES: Final = 4 * 1024
_NAT64: Final = IPv6Network("64:ff9b::/96")
_PORTS: Final = {"https": 443, "http": 80}
_DELIVERED: Final = range(200, 300)
_REDIRECTED: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class PostOptions:
    """What is allowed, and how long one attempt may take as a whole, in seconds."""

    timeout_seconds: float = 10.0
    private_addresses: bool = False
    plain_http: bool = False


class PostFailed(Exception):
    """The receiver did not take the message, or is not to be asked; the text says why."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the public internet, whatever form it is written in."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour is not None or address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses that a host has now. Raises OSError where it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class HttpsPost:
    """Sends messages. `roots` says whose certificates are believed."""

    def __init__(self, roots: ssl.SSLContext, options: PostOptions, resolver: Resolve = resolve) -> None:
        self._roots = roots
        self._options = options
        self._resolver = resolver

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Send a message. Raises PostFailed unless the receiver answers with a status from 200 to 299 in time."""
        try:
            async with asyncio.timeout(self._options.timeout_seconds):
                status = await self._post(url, headers, body)
        except TimeoutError:
            raise PostFailed(f"no answer within {self._options.timeout_seconds:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise PostFailed(f"wrong certificate: {error.verify_message}") from None
        except (OSError, h11.ProtocolError) as error:
            raise PostFailed(f"the connection failed: {error}") from None
        if status in _REDIRECTED:
            raise PostFailed(f"answered with {status}; redirects are not followed")
        if status not in _DELIVERED:
            raise PostFailed(f"answered with {status}")

    async def _post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> int:
        parts = urlsplit(url)
        if parts.scheme != "https" and not self._options.plain_http:
            raise PostFailed("the address begins with http://, and QUITANDA_WEBHOOK_PLAIN_HTTP is not set to true")
        try:
            host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            raise PostFailed("the address has no usable port") from None
        reader, writer = await self._connect(host, port, tls=parts.scheme == "https")
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            return await _exchange(reader, writer, (target, parts.netloc), headers, body)
        finally:
            writer.transport.abort()  # an orderly end could take as long as the other side likes
            with suppress(OSError):
                writer.close()

    async def _connect(self, host: str, port: int, *, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that answers, of those that the host has now."""
        failure: OSError = OSError("the host has no address")
        for address in await self._addresses(host, port):
            try:
                return await asyncio.open_connection(
                    address,
                    port,
                    limit=ANSWER_BYTES_MAX,
                    ssl=self._roots if tls else None,
                    server_hostname=host if tls else None,
                )
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        """Resolve the host. Raises PostFailed where any of its addresses is none of the public internet."""
        addresses = await self._resolver(host, port)
        if not self._options.private_addresses and not all(is_public(_parsed(each)) for each in addresses):
            raise PostFailed(
                "the host has a private address, and QUITANDA_WEBHOOK_PRIVATE_ADDRESSES is not set to true"
            )
        return addresses


def _parsed(address: str) -> IPv4Address | IPv6Address:
    return ip_address(address.partition("%")[0])


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    place: tuple[str, str],
    headers: Sequence[tuple[str, str]],
    body: bytes,
) -> int:
    """Send the request, and read until the status of the answer is known. Raises OSError and h11.ProtocolError."""
    target, host = place
    connection = h11.Connection(h11.CLIENT)
    sent = [("Host", host), *headers, ("Content-Length", str(len(body))), ("Connection", "close")]
    request = connection.send(h11.Request(method="POST", target=target, headers=sent)) or b""
    writer.write(request + (connection.send(h11.Data(body)) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    read = 0
    while read < ANSWER_BYTES_MAX:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            return event.status_code
        if event is h11.NEED_DATA:
            data = await reader.read(_CHUNK_BYTES)
            read += len(data)
            connection.receive_data(data)
            if not data:
                raise OSError("it was closed before an answer came")
    raise OSError("the head of the answer is too long")
