"""Ask a server's health service one question, for the health check of a container.

Where QUITANDA_IDENTITY names an identity folder, the probe speaks TLS with that certificate. A container asks its own
process, so it has the process's own certificate, which a replica accepts as it accepts the other replicas'.

`python -m quitanda.runtime.health_probe HOST:PORT [SERVICE]` ends with 0 where the service ("readiness" if none is
named) is SERVING, with 1 where it is not or nobody answers, and with 2 where it was called wrongly. It imports as
little as it can: every container starts it again and again.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quitanda.identity.folder import OPEN_MODE, IdentityError, IdentityFolder
from quitanda.runtime.addresses import Address, parse_address
from quitanda.runtime.grpc_options import LIVENESS, READINESS, channel_options, secure_channel_options

IDENTITY_VARIABLE: Final = "QUITANDA_IDENTITY"

EXIT_SERVING: Final = 0
EXIT_NOT_SERVING: Final = 1
EXIT_USAGE: Final = 2

SERVING: Final = "serving"

_OUT_OF_TIME: Final = "DEADLINE_EXCEEDED"
"""How gRPC names that there was no answer, and perhaps no connection, within the time."""

TIMEOUT_SECONDS: Final = 3.0
"""For the connection and the answer; the caller of the probe should give it a little longer."""

WHY_SECONDS: Final = 0.2
"""For the call that is to say why there was no connection."""

_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here
"""Where a server that listens at every address is reached on its own machine."""


def main(arguments: Sequence[str]) -> int:
    """Ask, say what was answered, and give the exit code."""
    try:
        listen, service = _parse(arguments)
    except ValueError as error:
        sys.stderr.write(f"{error}\nusage: python -m quitanda.runtime.health_probe HOST:PORT [SERVICE]\n")
        return EXIT_USAGE
    address = Address(_LOOPBACK.get(listen.host, listen.host), listen.port)
    try:
        answer = ask(address, service, identity=_identity_folder(os.environ.get(IDENTITY_VARIABLE, "")))
    except IdentityError as error:
        answer = str(error)
    sys.stdout.write(f"{service or 'the server'}: {answer}\n")
    return EXIT_SERVING if answer == SERVING else EXIT_NOT_SERVING


def ask(
    address: Address, service: str, timeout: float = TIMEOUT_SECONDS, identity: IdentityFolder | None = None
) -> str:
    """Give SERVING, or say what else was answered or went wrong; waits at most `timeout` seconds.

    With an `identity` it asks by TLS; IdentityError where that folder cannot be used.
    """
    request = health_pb2.HealthCheckRequest(service=service)
    with _channel(str(address), identity) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            # a server that is still starting is waited for: its container is not broken yet
            response = stub.Check(request, timeout=timeout, wait_for_ready=True)
        except grpc.RpcError as error:
            return _what_failed(stub, error)
    return SERVING if response.status == health_pb2.HealthCheckResponse.SERVING else "not serving"


def _what_failed(stub: health_pb2_grpc.HealthStub, error: grpc.RpcError) -> str:
    """Say how a call ended; where it waited in vain for a connection, another one that does not wait is told why."""
    text = f"{error.code().name}: {error.details()}"
    if error.code().name == _OUT_OF_TIME:
        try:
            stub.Check(health_pb2.HealthCheckRequest(service=LIVENESS), timeout=WHY_SECONDS)
        except grpc.RpcError as reason:
            text += f"; {reason.details()}"
    return text


def _channel(address: str, identity: IdentityFolder | None) -> grpc.Channel:
    if identity is None:
        return grpc.insecure_channel(address, options=channel_options())
    own = identity.process()
    credentials = grpc.ssl_channel_credentials(identity.ca(), own.private_key, own.certificates)
    return grpc.secure_channel(address, credentials, options=secure_channel_options())


def _identity_folder(text: str) -> IdentityFolder | None:
    return None if text.strip().lower() in {"", OPEN_MODE} else IdentityFolder(Path(text))


def _parse(arguments: Sequence[str]) -> tuple[Address, str]:
    """Read the command line; ValueError says what is wrong with it."""
    if not 1 <= len(arguments) <= 2:
        raise ValueError("one address is needed, and at most one service")
    return parse_address(arguments[0]), arguments[1] if len(arguments) > 1 else READINESS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
