"""The certificate by which the broker knows a customer: asked of a client portal, and kept for one client.

The key never leaves this machine. A certificate is valid for a day; the client asks for the next one when two thirds of
its life are over, or where it has none, before it sends a request.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from quitanda.errors import Unavailable
from quitanda.identity import folder_writing
from quitanda.identity.certificates import NotACertificate, common_names, read_certificates, renewed_from
from quitanda.identity.folder import IdentityError, IdentityFile, IdentityFolder
from quitanda.operations import PortalKind, operations_of

if TYPE_CHECKING:  # it is loaded by whoever asks a portal
    from quitanda_clients.transports.grpc import GrpcTransport

AskPortal: TypeAlias = Callable[[str], Awaitable[str]]
"""Sends a certificate request (PEM) to a portal, and gives the certificate (PEM); raises QuitandaError."""

RETRY_SECONDS: Final = 60.0
"""How long a client that still has a valid certificate waits before it asks again for the next one."""


@dataclass(frozen=True, slots=True)
class KeyAndRequest:
    """A new private key, and the request for its certificate, both as PEM."""

    key: bytes = field(repr=False)
    request: str


def new_request() -> KeyAndRequest:
    """Make a key (ECDSA, P-256) and the request for its certificate. It names nobody: the token says for whom it is."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyAndRequest(pem, request.public_bytes(Encoding.PEM).decode())


async def new_certificate(ask: AskPortal) -> bytes:
    """Make a key and ask for its certificate; gives both as the content of an identity folder's `process.pem`."""
    made = new_request()
    return made.key + (await ask(made.request)).encode()


def portal_asker(customer_id: str, connect: "Callable[[], GrpcTransport]") -> AskPortal:
    """Ask client portals over gRPC, over a connection of its own each time: the next time is hours away."""
    operation = operations_of(PortalKind.CLIENT)["issue_certificate"]

    async def ask(request: str) -> str:
        message = operation.request_class(customer_id=customer_id, certificate_request=request)
        transport = connect()
        try:
            response = await transport.call(operation, message)
        finally:
            await transport.close()
        return str(response.certificate)

    return ask


def end_of(key_and_certificate: bytes) -> datetime:
    """Give the time at which a certificate ends."""
    return read_certificates(key_and_certificate)[0].not_valid_after_utc


def write_files(folder: IdentityFolder, key_and_certificate: bytes, ca: bytes, *, replace: bool) -> None:
    """Write what a client of the broker needs into a folder that only its owner may open. Raises OSError."""
    folder_writing.make_folder(folder.path)
    if not folder.has(IdentityFile.CA) or folder.file(IdentityFile.CA).read_bytes() != ca:
        folder_writing.write(folder.file(IdentityFile.CA), ca, replace=replace)
    folder_writing.write(folder.file(IdentityFile.PROCESS), key_and_certificate, replace=replace)


class BrokerCertificate:
    """A private folder of one client: the CA of the identity folder `identity`, and the customer's certificate.

    Where the identity folder has a certificate of this customer, as `quitanda-shop certificate` writes it, the client
    begins with that one. `close` removes the private folder with the key.
    """

    def __init__(
        self, identity: IdentityFolder, customer_id: str, ask: AskPortal, clock: Callable[[], float] = time.time
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._turn = asyncio.Lock()
        self._not_before = 0.0
        self.folder = IdentityFolder(Path(tempfile.mkdtemp(prefix="quitanda-")))
        # a link, so that a replaced CA counts here as soon as there
        self.folder.file(IdentityFile.CA).symlink_to(identity.file(IdentityFile.CA).absolute())
        self._renewed_from, self._ends = 0.0, 0.0
        if _names(identity) == [customer_id]:
            pair = identity.process()
            self._keep(pair.private_key + pair.certificates)

    async def renew_if_due(self) -> None:
        """Get the next certificate where it is time.

        Raises Rejected where a portal refuses, and Unavailable where none answers and no certificate is still valid.
        """
        if not self._is_due():
            return
        async with self._turn:
            if not self._is_due():
                return
            try:
                self._keep(await new_certificate(self._ask))
            except Unavailable:
                if self._clock() >= self._ends:
                    raise
                self._not_before = self._clock() + RETRY_SECONDS

    def close(self) -> None:
        """Remove the folder with the key."""
        shutil.rmtree(self.folder.path, ignore_errors=True)

    def _is_due(self) -> bool:
        return self._clock() >= max(self._renewed_from, self._not_before)

    def _keep(self, key_and_certificate: bytes) -> None:
        folder_writing.write(self.folder.file(IdentityFile.PROCESS), key_and_certificate, replace=True)
        certificate = read_certificates(self.folder.process().certificates)[0]
        self._renewed_from = renewed_from(certificate).timestamp()
        self._ends = certificate.not_valid_after_utc.timestamp()
        self._not_before = 0.0


def _names(identity: IdentityFolder) -> list[str]:
    """Give the names in the certificate of an identity folder; none where there is no usable one."""
    try:
        certificate = read_certificates(identity.process().certificates)[0]
    except (IdentityError, NotACertificate):
        return []
    return common_names(certificate) if certificate.not_valid_after_utc > datetime.now(UTC) else []
