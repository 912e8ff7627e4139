"""Every certificate that is made verifies against its CA for its names, and for nothing else."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given
from hypothesis import strategies as st

from quitanda.identity.certificates import Subject, checked_host, common_names, hosts_of, issue, new_root, why_unusable

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ROOT = new_root("a CA", NOW)
OTHER = new_root("another CA", NOW)
LABELS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=10)
HOSTS = st.builds("{}-{}.{}".format, LABELS, st.integers(0, 99), LABELS)
ADDRESSES = st.ip_addresses().map(str)
SUBJECTS = st.builds(
    Subject,
    st.sampled_from(["replica/", "portal/", ""]).flatmap(lambda role: LABELS.map(lambda name: role + name)),
    st.frozensets(HOSTS | ADDRESSES, min_size=1, max_size=6),
    server_only=st.booleans(),
)


def verifiers(root, now):
    return PolicyBuilder().store(Store([root.certificate])).time(now)


def general_name(host):
    try:
        return x509.IPAddress(IPv4Address(host))
    except ValueError:
        try:
            return x509.IPAddress(IPv6Address(host))
        except ValueError:
            return x509.DNSName(host)


@given(SUBJECTS)
def test_every_certificate_verifies_against_its_ca_for_each_of_its_hosts_and_no_other(subject):
    certificate = issue(ROOT, subject, NOW).certificate

    for host in subject.hosts:
        verifiers(ROOT, NOW).build_server_verifier(general_name(host)).verify(certificate, [])
    with pytest.raises(VerificationError):
        verifiers(ROOT, NOW).build_server_verifier(x509.DNSName("elsewhere.example")).verify(certificate, [])
    with pytest.raises(VerificationError):
        verifiers(OTHER, NOW).build_server_verifier(general_name(min(subject.hosts))).verify(certificate, [])
    assert hosts_of(certificate) == subject.hosts
    assert common_names(certificate) == [subject.common_name]
    assert why_unusable(certificate, ROOT, subject, NOW) == ""


@given(SUBJECTS)
def test_a_certificate_of_a_server_only_is_refused_as_a_clients(subject):
    certificate = issue(ROOT, subject, NOW).certificate
    verifier = verifiers(ROOT, NOW).build_client_verifier()

    if subject.server_only:
        with pytest.raises(VerificationError):
            verifier.verify(certificate, [])
    else:
        verifier.verify(certificate, [])


def test_a_certificate_lives_ninety_days_and_a_ca_ten_years():
    certificate = issue(ROOT, Subject("broker", frozenset({"broker"})), NOW).certificate

    assert certificate.not_valid_after_utc - NOW == timedelta(days=90)
    assert ROOT.certificate.not_valid_after_utc - NOW == timedelta(days=3650)


def test_a_process_cannot_sign_certificates():
    process = issue(ROOT, Subject("replica/replica1", frozenset({"replica1"})), NOW)
    forged = issue(process, Subject("replica/replica2", frozenset({"replica2"})), NOW)

    with pytest.raises(VerificationError):
        verifiers(ROOT, NOW).build_server_verifier(x509.DNSName("replica2")).verify(
            forged.certificate, [process.certificate]
        )


def test_what_makes_a_certificate_unusable_is_told():
    subject = Subject("replica/replica1", frozenset({"replica1"}))
    certificate = issue(ROOT, subject, NOW).certificate

    assert "CA" in why_unusable(certificate, OTHER, subject, NOW)
    assert "replica2" in why_unusable(certificate, ROOT, Subject("replica/replica2", subject.hosts), NOW)
    assert "elsewhere" in why_unusable(certificate, ROOT, Subject("replica/replica1", frozenset({"elsewhere"})), NOW)
    assert "expired at 2027-02-27" in why_unusable(certificate, ROOT, subject, NOW + timedelta(days=90))
    assert "not valid before" in why_unusable(certificate, ROOT, subject, NOW - timedelta(minutes=11))
    assert why_unusable(certificate, ROOT, subject, NOW - timedelta(minutes=10)) == ""


def test_openssl_takes_a_ca_in_its_strictest_mode():
    context = ssl.create_default_context(cadata=ROOT.certificate.public_bytes(Encoding.PEM).decode())
    context.verify_flags |= ssl.VERIFY_X509_STRICT

    assert len(context.get_ca_certs()) == 1
    extensions = ROOT.certificate.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).critical
    with pytest.raises(x509.ExtensionNotFound):
        extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert (
        ExtendedKeyUsageOID.SERVER_AUTH
        in issue(ROOT, Subject("broker", frozenset({"broker"}), server_only=True), NOW)
        .certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        .value
    )


@pytest.mark.parametrize("wrong", ["", "a b", "a/b", "-a", "a..b", "ação", "*", "a" * 64 + "." + "b" * 200, "host:1"])
def test_what_is_no_host_is_refused(wrong):
    with pytest.raises(ValueError, match="host name"):
        checked_host(wrong)


def test_hosts_are_compared_without_regard_to_capital_letters():
    assert checked_host("Shop.Example") == "shop.example"
    assert checked_host("0:0::1") == "::1"
