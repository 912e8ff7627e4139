"""The certificates with which a process takes and makes its connections, read anew when their files change.

One `LinkIdentity` stands for the process's identity folder. It looks at `ca.pem` and `process.pem` whenever somebody
asks, so a renewed certificate and a replaced CA count from the next handshake on, without a restart. A renewed file
that cannot be used (half-written, no key that fits) is logged, and what was there before stays in use.
"""

import os
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quitanda.identity.folder import IdentityError, IdentityFile, IdentityFolder, KeyAndCertificates

_NEXT_STEP: Final = "what was there before stays in use; write the file again, whole, with `quitanda.identity renew`"

_Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class LinkCertificates:
    """What the files held at one time."""

    generation: int
    """Counts how often the files changed; who keeps something made of them compares it."""

    trusted: bytes
    """The CA certificates of processes, as PEM text."""

    own: KeyAndCertificates | None
    """None where the folder has no certificate, as a client's has none."""

    client_context: ssl.SSLContext
    """For connections that this process makes without gRPC. It demands that the server's certificate has the name."""

    server_context: ssl.SSLContext
    """For connections that this process takes without gRPC. It demands a certificate of the other side."""

    judging_contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    """A caller with this certificate that takes any server, and a server that judges the caller as the others do."""


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """What other processes see of this process's certificate."""

    problem: str
    """Why they refuse it; empty where they do not."""

    common_name: str
    """What it calls this process ("replica/replica1"); empty where it is refused."""


class LinkIdentity:
    """An identity folder as links use it; any thread may call it. `log` is a structlog logger, or None for silence.

    Raises IdentityError where the folder cannot be used at the start. Later it keeps what it had.
    """

    def __init__(self, folder: Path, log: Any = None) -> None:
        self._folder = IdentityFolder(folder)
        self._log = log
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._kept = _load(self._folder, 1)

    @property
    def folder(self) -> IdentityFolder:
        """The folder, for what is not about links."""
        return self._folder

    def current(self) -> LinkCertificates:
        """Give the certificates to use now."""
        stamp = self._look()
        if stamp == self._stamp:
            return self._kept
        with self._lock:
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew()
            return self._kept

    def _look(self) -> _Stamp:
        return tuple(_stamp(self._folder.file(name)) for name in (IdentityFile.CA, IdentityFile.PROCESS))

    def _renew(self) -> None:
        try:
            self._kept = _load(self._folder, self._kept.generation + 1)
        except IdentityError as error:
            if self._log is not None:
                self._log.error("identity_refused", error=str(error))
        else:
            if self._log is not None:
                self._log.info("identity_renewed", folder=str(self._folder.path), problem=judge_own(self._kept).problem)


def judge_own(certificates: LinkCertificates) -> OwnCertificate:
    """Judge this process's own certificate as the others will.

    The process shakes hands with itself, so the same library judges by the same rules as on the network.
    """
    if certificates.own is None:
        return OwnCertificate("", "")
    try:
        return OwnCertificate("", _caller_of_handshake(*certificates.judging_contexts))
    except ssl.SSLError as error:
        return OwnCertificate(getattr(error, "verify_message", "") or error.reason or str(error), "")


def _load(folder: IdentityFolder, generation: int) -> LinkCertificates:
    trusted = folder.ca()
    own = folder.process() if folder.has(IdentityFile.PROCESS) else None
    customers = folder.customers_ca() if folder.has(IdentityFile.CUSTOMERS_CA) else b""
    caller = _context(folder, ssl.PROTOCOL_TLS_CLIENT, trusted, own)
    caller.check_hostname, caller.verify_mode = False, ssl.CERT_NONE
    return LinkCertificates(
        generation,
        trusted,
        own,
        client_context=_context(folder, ssl.PROTOCOL_TLS_CLIENT, trusted, own),
        server_context=_context(folder, ssl.PROTOCOL_TLS_SERVER, trusted, own),
        # a customer's certificate is of the customers' authority, which no process trusts but the broker
        judging_contexts=(caller, _context(folder, ssl.PROTOCOL_TLS_SERVER, trusted + customers, own)),
    )


class _SocketThatFailsClosed(ssl.SSLSocket):
    """Closes itself where the handshake fails: paho-mqtt, which asks for the handshake later, leaves it open."""

    def do_handshake(self, block: bool = False) -> None:
        """Do the handshake, or close the socket and raise what went wrong."""
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.close()
            raise


def _context(folder: IdentityFolder, side: int, trusted: bytes, own: KeyAndCertificates | None) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.sslsocket_class = _SocketThatFailsClosed
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    with _refusing(folder.file(IdentityFile.CA)):
        context.load_verify_locations(cadata=trusted.decode())
    if own is not None:
        with _refusing(folder.file(IdentityFile.PROCESS)), _file_of(own.private_key + own.certificates) as file:
            context.load_cert_chain(file)
    return context


@contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """Give the path of a file of this content that nobody replaces.

    The TLS library opens a file once for the key and once for the certificate. Of a file that is renewed between the
    two it would read a key and a certificate that do not fit.
    """
    if hasattr(os, "memfd_create"):  # in memory, so that no key is written anywhere
        with os.fdopen(os.memfd_create("certificate"), "wb", buffering=0) as file:
            file.write(content)
            yield f"/dev/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile(buffering=0) as named:
            named.write(content)
            yield named.name


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    """Say which file the TLS library does not take, and why."""
    try:
        yield
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        problem = error.reason if isinstance(error, ssl.SSLError) and error.reason else str(error)
        raise IdentityError(file, f"it cannot be used ({problem})", _NEXT_STEP) from None


def _caller_of_handshake(client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> str:
    """Let two ends of one connection in memory greet each other, and give the common name of the caller.

    Raises ssl.SSLError where either refuses the other.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client_context.wrap_bio(to_client, to_server), server]
    while waiting:
        for end in tuple(waiting):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
                waiting.remove(end)
    subject: Any = (server.getpeercert() or {}).get("subject", ())
    return next((value for part in subject for name, value in part if name == "commonName"), "")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Give what changes when a file is replaced or written; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
