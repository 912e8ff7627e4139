"""Finds out whether a broker speaks TLS, where no connection to it comes about and nothing else tells why.

Brokers say little to whoever speaks otherwise than they: one closes the connection, another waits for more. So the
client asks in the other way, once, and sends nothing by which anybody could be known.
"""

import asyncio
import contextlib
import ssl
from typing import Final

from quitanda.runtime.addresses import Address

PROBE_SECONDS: Final = 2.0

_CONNECT: Final = bytes.fromhex("10 0c 00 04") + b"MQTT" + bytes.fromhex("04 02 00 0a 00 00")
"""Begins a clean session of MQTT 3.1.1, without an id."""
_CONNECT_ACKNOWLEDGED: Final = 0x20


async def is_mismatch(broker: Address, *, with_tls: bool) -> bool:
    """Tell whether the broker speaks TLS and this client does not, or the other way round; False where nobody knows."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await (_speaks_without_tls(broker) if with_tls else _speaks_tls(broker))
    except (OSError, TimeoutError, UnicodeError):  # of a host that is no name
        return False


async def _speaks_tls(broker: Address) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent, and nothing believed
    try:
        _, writer = await asyncio.open_connection(broker.host, broker.port, ssl=context)
    except ssl.SSLError as error:  # an alert is TLS, too
        return "ALERT" in (error.reason or "")
    await _close(writer)
    return True


async def _speaks_without_tls(broker: Address) -> bool:
    reader, writer = await asyncio.open_connection(broker.host, broker.port)
    try:
        writer.write(_CONNECT)
        return (await reader.read(1))[:1] == bytes([_CONNECT_ACKNOWLEDGED])
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
