"""What client portals sign for customers, and what they refuse to sign."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from quitanda.domain.outcomes import Refused
from quitanda.identity.certificates import new_root
from quitanda.identity.customer_certificates import REQUEST_CHARACTERS_MAX, issue_to_customer

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ROOT = new_root("customers", NOW - timedelta(days=1))
KEY = ec.generate_private_key(ec.SECP256R1())


def request_of(key, name="", extensions=(), algorithm=None):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


GOOD = request_of(KEY, algorithm=hashes.SHA256())


def problem_of(request, customer_id="ana"):
    refused = issue_to_customer(request, customer_id, ROOT, NOW)
    assert isinstance(refused, Refused)
    return refused.field, dict(refused.details)["problem"]


def issued(request, customer_id="ana", now=NOW):
    made = issue_to_customer(request, customer_id, ROOT, now)
    assert not isinstance(made, Refused), made
    return made, x509.load_pem_x509_certificate(made.pem.encode())


def test_a_customer_gets_a_certificate_in_her_name_for_her_key_for_a_day_and_for_clients_only():
    made, certificate = issued(GOOD)

    certificate.verify_directly_issued_by(ROOT.certificate)
    assert certificate.subject.rfc4514_string() == "CN=ana"
    assert certificate.public_key() == KEY.public_key()
    assert certificate.not_valid_after_utc == NOW + timedelta(hours=24)
    assert made.expires_at_ms == int((NOW + timedelta(hours=24)).timestamp() * 1_000)
    assert certificate.not_valid_before_utc < NOW
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_no_two_certificates_have_the_same_serial_number():
    assert len({issued(GOOD)[1].serial_number for _ in range(20)}) == 20


def test_what_the_request_asks_for_besides_the_key_is_ignored():
    asking = request_of(
        KEY,
        "replica/replica1",
        (
            x509.BasicConstraints(ca=True, path_length=None),
            x509.SubjectAlternativeName([x509.DNSName("broker")]),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        ),
        hashes.SHA256(),
    )

    _, certificate = issued(asking)

    assert certificate.subject.rfc4514_string() == "CN=ana"
    assert {extension.oid for extension in certificate.extensions} == {
        extension.oid for extension in issued(GOOD)[1].extensions
    }
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_a_certificate_does_not_outlive_its_authority():
    late = ROOT.certificate.not_valid_after_utc - timedelta(hours=1)

    _, certificate = issued(GOOD, now=late)

    assert certificate.not_valid_after_utc == ROOT.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()),
        (ed25519.Ed25519PrivateKey.generate(), None),
        (rsa.generate_private_key(65537, 2048), hashes.SHA256()),
    ],
)
def test_keys_of_other_usual_kinds_are_taken(key, algorithm):
    _, certificate = issued(request_of(key, algorithm=algorithm))

    assert certificate.public_key() == key.public_key()


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 1024), hashes.SHA256()),
        (ec.generate_private_key(ec.SECP256K1()), hashes.SHA256()),
        (ec.generate_private_key(ec.SECP192R1()), hashes.SHA256()),
        (ed448.Ed448PrivateKey.generate(), None),
        (dsa.generate_private_key(2048), hashes.SHA256()),
    ],
)
def test_weak_and_unusual_keys_are_refused(key, algorithm):
    assert problem_of(request_of(key, algorithm=algorithm)) == ("certificate_request", "unknown_value")


def test_a_request_of_somebody_who_has_not_the_private_key_is_refused():
    lines = GOOD.splitlines()
    other = request_of(ec.generate_private_key(ec.SECP256R1()), algorithm=hashes.SHA256()).splitlines()
    forged = "\n".join([*lines[:-2], other[-2], lines[-1]])

    assert problem_of(forged) == ("certificate_request", "malformed")


@pytest.mark.parametrize(
    ("request_text", "problem"),
    [
        ("", "missing"),
        ("x", "malformed"),
        ("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n", "malformed"),
        (ROOT.pem().decode(), "malformed"),
        (GOOD[:200], "malformed"),
        (GOOD.replace("M", "é"), "malformed"),
        ("x" * (REQUEST_CHARACTERS_MAX + 1), "too_long"),
        (GOOD + "x" * REQUEST_CHARACTERS_MAX, "too_long"),
    ],
)
def test_what_is_no_request_is_refused(request_text, problem):
    assert problem_of(request_text) == ("certificate_request", problem)


@given(st.text(max_size=300) | st.integers(0, len(GOOD) - 1).map(lambda cut: GOOD[:cut] + "A" + GOOD[cut + 1 :]))
def test_whatever_is_sent_is_signed_for_ana_or_refused(text):
    made = issue_to_customer(text, "ana", ROOT, NOW)

    if not isinstance(made, Refused):
        certificate = x509.load_pem_x509_certificate(made.pem.encode())
        assert certificate.subject.rfc4514_string() == "CN=ana"


@pytest.mark.parametrize("name", ["", "replica/replica1", "#", "+", "a b", "é", "a" * 65, "portal/client-portal-1"])
def test_no_certificate_is_made_for_a_name_that_no_customer_can_have(name):
    assert problem_of(GOOD, name)[0] == "customer_id"
