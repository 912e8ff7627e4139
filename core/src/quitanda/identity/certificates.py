"""Certificates: how the authority makes them, and what it reads from those that are there. No file is touched here.

All keys are ECDSA on the curve P-256 (FIPS 186-5), and all signatures use SHA-256. Certificates follow RFC 5280. Each
is valid from CLOCK_SLACK before it was made, because the clocks of other machines may be a little behind.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from quitanda.identity.folder import KeyAndCertificates

CLOCK_SLACK: Final = timedelta(minutes=10)
ROOT_LIFE: Final = timedelta(days=3650)
PROCESS_LIFE: Final = timedelta(days=90)
RENEWED_AFTER: Final = 2 / 3
"""The part of its life after which a certificate is renewed."""
COMMON_NAME_LENGTH_MAX: Final = 64
"""RFC 5280, appendix A: ub-common-name."""

_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*"
)
_NO_KEY_USAGE: Final = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


class NotACertificate(ValueError):
    """A file's key or certificates cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class KeyedCertificate:
    """A certificate and the private key that belongs to it: a CA, or a process."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def read(cls, pem: KeyAndCertificates) -> Self:
        """Read them from PEM texts; NotACertificate where one is damaged, or where they do not belong together."""
        (certificate, *_) = read_certificates(pem.certificates)
        try:
            key = load_pem_private_key(pem.private_key, None)
        except (ValueError, TypeError) as error:
            raise NotACertificate("its private key is damaged") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise NotACertificate("its private key is not one of an elliptic curve")
        if key.public_key() != certificate.public_key():
            raise NotACertificate("its private key and its certificate do not belong together")
        return cls(key, certificate)

    def pem(self) -> bytes:
        """Write both as one PEM text, the key first."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + pem_of([self.certificate])


@dataclass(frozen=True, slots=True)
class Subject:
    """What the certificate of a process says: who it is, and the host names and addresses where it is reached."""

    common_name: str
    hosts: frozenset[str]
    server_only: bool = False
    """False where the process also proves to others who it is when it connects to them."""


def read_certificates(pem: bytes) -> list[x509.Certificate]:
    """Read all certificates of a PEM text; NotACertificate where one is damaged."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise NotACertificate("a certificate in it is damaged") from error


def pem_of(certificates: Sequence[x509.Certificate]) -> bytes:
    """Write certificates as a PEM text."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def fingerprint(certificate: x509.Certificate) -> str:
    """Give the SHA-256 of a certificate as `openssl x509 -fingerprint -sha256` shows it."""
    return certificate.fingerprint(SHA256()).hex(":").upper()


def new_root(common_name: str, now: datetime) -> KeyedCertificate:
    """Make a CA that signs itself and may sign certificates of processes or customers, but no other CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    usage = x509.KeyUsage(**_NO_KEY_USAGE | {"key_cert_sign": True, "crl_sign": True})
    builder = (
        _builder(name, name, key, now, now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return KeyedCertificate(key, builder.sign(key, SHA256()))


def issue(root: KeyedCertificate, subject: Subject, now: datetime) -> KeyedCertificate:
    """Make a key and a certificate for a process; the certificate never outlives its CA's."""
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + PROCESS_LIFE, root.certificate.not_valid_after_utc)
    uses = [ExtendedKeyUsageOID.SERVER_AUTH] + ([] if subject.server_only else [ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = (
        _builder(_name(subject.common_name), root.certificate.subject, key, now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**_NO_KEY_USAGE | {"digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_host_name(host) for host in sorted(subject.hosts)]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
    )
    return KeyedCertificate(key, builder.sign(root.key, SHA256()))


def why_unusable(certificate: x509.Certificate, root: KeyedCertificate, subject: Subject, now: datetime) -> str:
    """Say why a process cannot use its certificate (any more); empty where it can."""
    if not is_signed_by(certificate, root.certificate):
        return "its CA is not the one that signs now"
    if common_names(certificate) != [subject.common_name]:
        return f"it is not of {subject.common_name}"
    if missing := subject.hosts - hosts_of(certificate):
        return f"it lacks the host {min(missing)}"
    if now < certificate.not_valid_before_utc:
        return f"it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if now >= certificate.not_valid_after_utc:
        return f"it expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def is_signed_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    """Tell whether the root's key signed the certificate."""
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def renewed_from(certificate: x509.Certificate) -> datetime:
    """Give the time from which on a certificate is old enough to be renewed."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begins + (ends - begins) * RENEWED_AFTER


def common_names(certificate: x509.Certificate) -> list[str]:
    """Give the common names of a certificate's subject; ours have exactly one."""
    return [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def hosts_of(certificate: x509.Certificate) -> frozenset[str]:
    """Give the host names and addresses that a certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
    return frozenset((*names.get_values_for_type(x509.DNSName), *addresses))


def checked_host(text: str) -> str:
    """Give a host name or an address as a certificate holds it; ValueError where it is neither."""
    host = _host_name(text)
    return str(host.value)


def _host_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        pass
    if not _HOST.fullmatch(text):
        raise ValueError(
            f"{text!r} is neither a host name nor an IP address; other letters than a-z are written as the name "
            "server has them (xn--…)"
        )
    return x509.DNSName(text.lower())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, ends: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - CLOCK_SLACK)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
