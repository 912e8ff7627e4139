"""Identity folders with certificates as tests need them: good ones, expired ones, of another authority, half-written.

The product's own authority (`quitanda.identity`) makes good ones only.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOUR = timedelta(hours=1)
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
BOTH = (*SERVER, *CLIENT)


class CertificateAuthority:
    """A certificate authority; two of them have nothing in common but perhaps their names."""

    def __init__(self, name: str = "Quitanda test CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _name(name)
        certificate = (
            _builder(self._subject, self._subject, self._key, -HOUR, 24 * HOUR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(Encoding.PEM)

    @property
    def key_and_certificate(self) -> bytes:
        """The authority's own private key and certificate, as one PEM text."""
        return _pem(self._key) + self.pem

    def issue(
        self,
        common_name: str,
        names: Sequence[str] | None = None,
        *,
        begins: timedelta = -HOUR,
        ends: timedelta = HOUR,
        usages: Sequence[x509.ObjectIdentifier] = BOTH,
        self_signed: bool = False,
    ) -> bytes:
        """Make a private key and its certificate, as one PEM text; `begins` and `ends` count from now.

        Unless `names` are given, the certificate is for the name after the slash, if it can be a host's, and for this
        machine.
        """
        if names is None:
            host = common_name.rpartition("/")[2]
            names = (host, *LOCAL_NAMES) if host.isascii() else LOCAL_NAMES
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(common_name)
        certificate = (
            _builder(subject, subject if self_signed else self._subject, key, begins, ends)
            .add_extension(
                # of two authorities with one name, this tells which one signed
                x509.AuthorityKeyIdentifier.from_issuer_public_key((key if self_signed else self._key).public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([*map(_alternative, names)]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .sign(key if self_signed else self._key, hashes.SHA256())
        )
        return _pem(key) + certificate.public_bytes(Encoding.PEM)


def write_identity(
    folder: Path, common_name: str = "replica/replica1", authority: CertificateAuthority | None = None
) -> Path:
    """Make the identity folder of one process with its certificate, and nothing else in it."""
    authority = authority or CertificateAuthority()
    folder.mkdir(mode=0o700, exist_ok=True)
    write_file(folder / "ca.pem", authority.pem)
    write_file(folder / "process.pem", authority.issue(common_name))
    return folder


def write_file(path: Path, content: bytes) -> None:
    """Write a file of an identity folder as the product does: whole, under another name, and renamed."""
    partial = path.with_suffix(".new")
    partial.write_bytes(content)
    partial.replace(path)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begins: timedelta, ends: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
