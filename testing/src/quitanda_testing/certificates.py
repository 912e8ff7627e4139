"""Certificate authorities of tests: they sign whatever a test wants, also what no real one would."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
SERVER: Final = (ExtendedKeyUsageOID.SERVER_AUTH,)
CLIENT: Final = (ExtendedKeyUsageOID.CLIENT_AUTH,)
BOTH: Final = (*SERVER, *CLIENT)


class CertificateMaker:
    """A root with its key; `certificate` is its own, as PEM."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        now = datetime.now(UTC)
        self._root = (
            _builder(self._name, self._name, self._key, now - DAY, now + 10 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = self._root.public_bytes(Encoding.PEM)

    @property
    def key_and_certificate(self) -> bytes:
        """The root's own key and certificate, as PEM."""
        return _pem(self._key) + self.certificate

    def issue(
        self, common_name: str, usages: tuple[x509.ObjectIdentifier, ...] = CLIENT, *, begins_in: timedelta = -HOUR
    ) -> bytes:
        """Give a new key and its certificate, which is valid for a day, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        begin = datetime.now(UTC) + begins_in
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
        certificate = (
            _builder(_name(common_name), self._name, key, begin, begin + DAY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _pem(key) + certificate.public_bytes(Encoding.PEM)


def write_private(path: Path, content: bytes) -> Path:
    """Write a file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _name(common_name: str) -> x509.Name:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    return x509.Name(names)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
