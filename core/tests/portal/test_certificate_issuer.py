"""A client portal gives out certificates: whom it may name, and what happens without the customers' CA."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from fake_cluster import DirectReader, FakeCluster

from quitanda.domain.commands import CreateCustomer
from quitanda.errors import Rejected, Unavailable
from quitanda.identity.folder import IdentityFolder
from quitanda.portal.certificate_issuer import CertificateIssuer
from quitanda.v1.client_portal_pb2 import IssueCertificateRequest
from quitanda_clients.broker_certificate import new_request
from quitanda_testing.identity_folders import CertificateAuthority, write_file


@pytest.fixture
def folder(tmp_path):
    write_file(tmp_path / "customers-ca-key.pem", CertificateAuthority("customers").key_and_certificate)
    return tmp_path


@pytest.fixture
def issuer(folder):
    cluster = FakeCluster()
    cluster.does(CreateCustomer("ana", "Ana"))
    return CertificateIssuer(IdentityFolder(folder), DirectReader(cluster))


def request(customer_id="ana", certificate_request=None):
    text = new_request().request if certificate_request is None else certificate_request
    return IssueCertificateRequest(customer_id=customer_id, certificate_request=text)


async def test_a_customer_gets_a_certificate_in_her_name_and_learns_when_it_ends(issuer):
    answer = await issuer.issue_certificate(request(), 1.0)

    certificate = x509.load_pem_x509_certificate(answer.certificate.encode())
    assert certificate.subject.rfc4514_string() == "CN=ana"
    assert datetime.fromtimestamp(answer.expires_at_ms / 1_000, UTC) == certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("asked", "reason", "field"),
    [
        (request(customer_id="bob"), "CUSTOMER_NOT_FOUND", "customer_id"),
        (request(customer_id=""), "INVALID_ARGUMENT", "customer_id"),
        (request(customer_id="replica/replica1"), "INVALID_ARGUMENT", "customer_id"),
        (request(certificate_request=""), "INVALID_ARGUMENT", "certificate_request"),
        (request(certificate_request="x" * 20_000), "INVALID_ARGUMENT", "certificate_request"),
    ],
)
async def test_a_wrong_request_is_refused_by_the_field_at_fault(issuer, asked, reason, field):
    with pytest.raises(Rejected) as refusal:
        await issuer.issue_certificate(asked, 1.0)

    assert (refusal.value.refused.reason, refusal.value.refused.field) == (reason, field)


@pytest.mark.parametrize("content", [None, b"", b"no key", CertificateAuthority("another").pem])
async def test_a_portal_whose_folder_is_damaged_says_that_it_cannot_and_another_one_may(issuer, folder, content):
    (folder / "customers-ca-key.pem").unlink()
    if content is not None:
        write_file(folder / "customers-ca-key.pem", content)

    with pytest.raises(Unavailable, match="cannot issue certificates"):
        await issuer.issue_certificate(request(), 1.0)


async def test_a_replaced_ca_signs_at_once(issuer, folder):
    new = CertificateAuthority("next")
    write_file(folder / "customers-ca-key.pem", new.key_and_certificate)

    answer = await issuer.issue_certificate(request(), 1.0)

    issued = x509.load_pem_x509_certificate(answer.certificate.encode())
    issued.verify_directly_issued_by(x509.load_pem_x509_certificate(new.pem))
