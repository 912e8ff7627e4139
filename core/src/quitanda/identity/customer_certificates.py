"""Certificates by which the broker knows a customer, for a day; a client portal signs them with the customers' CA.

A customer sends a certificate request (PKCS #10, RFC 2986) and keeps the key. Of the request only the public key is
used: who the certificate is for follows from the customer's token, so whatever else the request asks for is ignored.
The broker keeps no list of what is revoked: a certificate is valid for so short a time instead, and proves nothing to
anybody but the broker. It lets its holder read the replies to this customer; requests carry the token as well.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.value_checks import check_id
from quitanda.identity.certificates import CLOCK_SLACK, KeyedCertificate

CUSTOMER_LIFE: Final = timedelta(hours=24)
REQUEST_CHARACTERS_MAX: Final = 16_384
"""A request with the largest key that is taken has some 4,000."""

REQUEST_FIELD: Final = "certificate_request"
KEYS_TAKEN: Final = "a key that is ECDSA on P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits"
_RSA_BITS: Final = range(2048, 4096 + 1)
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)

PublicKey: TypeAlias = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class CustomerCertificate:
    """A certificate as PEM text, and the time (milliseconds since 1970) at which it ends."""

    pem: str
    expires_at_ms: int


def issue_to_customer(
    request: str, customer_id: str, root: KeyedCertificate, now: datetime
) -> CustomerCertificate | Refused:
    """Sign a certificate for the key of the request (PEM), in the name of a customer whose proof was checked."""
    key = check_id("customer_id", customer_id) or _key_of(request)
    if isinstance(key, Refused):
        return key
    ends = min(now + CUSTOMER_LIFE, root.certificate.not_valid_after_utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, customer_id)]))
        .issuer_name(root.certificate.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - CLOCK_SLACK)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        .sign(root.key, SHA256())
    )
    expires_at_ms = int(signed.not_valid_after_utc.timestamp()) * 1_000
    return CustomerCertificate(signed.public_bytes(Encoding.PEM).decode(), expires_at_ms)


def _key_of(text: str) -> PublicKey | Refused:
    """Give the public key of a request whose sender has proved to have the private one."""
    if not text:
        return invalid(REQUEST_FIELD, Problem.MISSING)
    if len(text) > REQUEST_CHARACTERS_MAX:
        return invalid(REQUEST_FIELD, Problem.TOO_LONG, limit=REQUEST_CHARACTERS_MAX, length=len(text))
    try:
        request = x509.load_pem_x509_csr(text.encode())
        key = request.public_key()
        if not _is_taken(key):
            return invalid(REQUEST_FIELD, Problem.UNKNOWN_VALUE, choices=KEYS_TAKEN)
        if not request.is_signature_valid:
            return invalid(REQUEST_FIELD, Problem.MALFORMED)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        return invalid(REQUEST_FIELD, Problem.MALFORMED)
    return key  # type: ignore[return-value]  # `_is_taken` has looked


def _is_taken(key: object) -> bool:
    match key:
        case ec.EllipticCurvePublicKey():
            return isinstance(key.curve, _CURVES)
        case rsa.RSAPublicKey():
            return key.key_size in _RSA_BITS
        case _:
            return isinstance(key, ed25519.Ed25519PublicKey)
