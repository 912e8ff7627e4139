"""Asking a process whether it serves: gRPC's standard health service, the page's, and MQTT's own greeting.

With an identity every question travels by TLS, and shows its certificate.
"""

import asyncio
import contextlib
import ssl
from typing import Final

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.runtime.link_credentials import channel_credentials
from quitanda.runtime.link_identity import LinkIdentity

READINESS: Final = "readiness"
"""Name of the health service that is serving when a process can do its work."""
PROBE_SECONDS: Final = 1.0
CHANNEL_OPTIONS: Final = (
    ("grpc.use_local_subchannel_pool", 1),  # each probe connects anew, without an earlier one's back-off
    ("grpc.enable_http_proxy", 0),
)
HTTP_READY: Final = "HTTP/1.1 200 "
HTTP_BYTES_MAX: Final = 8_192
NOT_READY: Final = {
    int(health_pb2.HealthCheckResponse.NOT_SERVING): "NOT_SERVING",
    int(health_pb2.HealthCheckResponse.SERVICE_UNKNOWN): "SERVICE_UNKNOWN",
}
MQTT_CONNECT: Final = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
"""CONNECT of MQTT 3.1.1: clean session, no client id, ten seconds of keep-alive."""
MQTT_ACCEPTED: Final = b"\x20\x02\x00\x00"
MQTT_DISCONNECT: Final = b"\xe0\x00"


def connect(address: str, identity: LinkIdentity | None = None) -> grpc.aio.Channel:
    """Open a channel that has nothing in common with any other, for one question; close it afterwards."""
    if identity is None:
        return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(address, channel_credentials(identity.current()), options=CHANNEL_OPTIONS)


async def grpc_ready(address: str, identity: LinkIdentity | None = None, timeout: float = PROBE_SECONDS) -> str:
    """Return '' if the server is ready, otherwise what it said or why it could not be asked."""
    async with connect(address, identity) as channel:
        try:
            answer: health_pb2.HealthCheckResponse = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=READINESS), timeout=timeout
            )
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return "" if answer.status == health_pb2.HealthCheckResponse.SERVING else NOT_READY.get(answer.status, "UNKNOWN")


async def http_ready(address: str, timeout: float = PROBE_SECONDS) -> str:
    """Return '' if the page is ready, otherwise what it said or why it could not be asked."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(
                    f"GET /health/{READINESS} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode()
                )
                answer = (await reader.read(HTTP_BYTES_MAX)).decode(errors="replace")
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        return type(error).__name__
    head, _, body = answer.partition("\r\n\r\n")
    return "" if head.startswith(HTTP_READY) else body.strip() or head.partition("\r\n")[0]


async def mqtt_ready(address: str, identity: LinkIdentity | None = None, timeout: float = PROBE_SECONDS) -> str:
    """Return '' if an MQTT broker greets back, otherwise why not."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(timeout):
            return await _greet(host, int(port), identity.current().client_context if identity else None)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        return type(error).__name__


async def _greet(host: str, port: int, tls: ssl.SSLContext | None) -> str:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(MQTT_CONNECT)
        greeting = await reader.readexactly(len(MQTT_ACCEPTED))
        writer.write(MQTT_DISCONNECT)
        await writer.drain()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return "" if greeting == MQTT_ACCEPTED else f"not an MQTT broker's greeting: {greeting.hex()}"
