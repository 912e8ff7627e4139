"""How a client gets its certificate for the broker, and renews it in time."""

from datetime import UTC, datetime, timedelta

import pytest

from quitanda.domain.outcomes import Reason, Refused, refused
from quitanda.errors import Rejected, Unavailable
from quitanda.identity.certificates import KeyedCertificate, new_root, pem_of
from quitanda.identity.customer_certificates import issue_to_customer
from quitanda.identity.folder import IdentityFile, IdentityFolder
from quitanda_clients.broker_certificate import RETRY_SECONDS, BrokerCertificate, new_certificate

HOUR = 3_600.0


class Portal:
    """Signs what it is asked for, or fails; tells the time, too."""

    def __init__(self, customer_id="ana"):
        self.root = new_root("customers", datetime.now(UTC) - timedelta(days=1))
        self.asked = 0
        self.failure = None
        self.now = datetime.now(UTC).timestamp()
        self._customer_id = customer_id

    async def ask(self, request):
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        made = issue_to_customer(request, self._customer_id, self.root, datetime.fromtimestamp(self.now, UTC))
        assert not isinstance(made, Refused)
        return made.pem

    def clock(self):
        return self.now


@pytest.fixture
def portal():
    return Portal()


@pytest.fixture
def identity(tmp_path, portal):
    folder = IdentityFolder(tmp_path)
    folder.file(IdentityFile.CA).write_bytes(pem_of([portal.root.certificate]))
    return folder


@pytest.fixture
def certificate(identity, portal):
    made = BrokerCertificate(identity, "ana", portal.ask, portal.clock)
    yield made
    made.close()


async def test_the_first_request_gets_a_certificate_and_further_ones_use_it(certificate, portal):
    await certificate.renew_if_due()
    held = KeyedCertificate.read(certificate.folder.process())
    await certificate.renew_if_due()

    assert held.certificate.subject.rfc4514_string() == "CN=ana"
    assert portal.asked == 1
    assert certificate.folder.file(IdentityFile.PROCESS).stat().st_mode & 0o777 == 0o600
    assert certificate.folder.path.stat().st_mode & 0o777 == 0o700


async def test_the_next_certificate_comes_when_two_thirds_of_the_life_are_over(certificate, portal):
    await certificate.renew_if_due()
    portal.now += 15 * HOUR
    await certificate.renew_if_due()
    assert portal.asked == 1

    portal.now += 2 * HOUR
    await certificate.renew_if_due()

    assert portal.asked == 2


async def test_a_client_goes_on_with_what_is_valid_while_no_portal_answers_and_does_not_ask_at_each_request(
    certificate, portal
):
    await certificate.renew_if_due()
    portal.now += 17 * HOUR
    portal.failure = Unavailable("nobody there")
    await certificate.renew_if_due()
    await certificate.renew_if_due()
    assert portal.asked == 2

    portal.now += RETRY_SECONDS
    await certificate.renew_if_due()
    assert portal.asked == 3


async def test_a_client_without_a_valid_certificate_tells_that_no_portal_answers(certificate, portal):
    portal.failure = Unavailable("nobody there")
    with pytest.raises(Unavailable):
        await certificate.renew_if_due()

    portal.failure = None
    await certificate.renew_if_due()
    portal.now += 25 * HOUR
    portal.failure = Unavailable("nobody there")
    with pytest.raises(Unavailable):
        await certificate.renew_if_due()


async def test_a_client_whose_token_is_refused_is_told_so(certificate, portal):
    portal.failure = Rejected(refused(Reason.UNAUTHENTICATED, "token", problem="wrong"))

    with pytest.raises(Rejected):
        await certificate.renew_if_due()


async def test_a_certificate_in_the_identity_folder_is_used_first(identity, portal):
    identity.file(IdentityFile.PROCESS).write_bytes(await new_certificate(portal.ask))
    certificate = BrokerCertificate(identity, "ana", portal.ask, portal.clock)

    await certificate.renew_if_due()

    assert portal.asked == 1
    assert certificate.folder.process() == identity.process()
    certificate.close()


async def test_a_certificate_of_another_customer_is_not_used(identity, portal):
    identity.file(IdentityFile.PROCESS).write_bytes(await new_certificate(Portal("bob").ask))
    certificate = BrokerCertificate(identity, "ana", portal.ask, portal.clock)

    await certificate.renew_if_due()

    assert portal.asked == 1
    certificate.close()


async def test_nothing_of_the_key_is_left_when_the_client_is_closed(certificate):
    await certificate.renew_if_due()

    certificate.close()

    assert not certificate.folder.path.exists()


async def test_a_replaced_ca_counts_for_the_client_as_soon_as_it_is_in_the_identity_folder(certificate, identity):
    new = pem_of([new_root("next", datetime.now(UTC)).certificate])
    identity.file(IdentityFile.CA).write_bytes(new)

    assert certificate.folder.ca().strip() == new.strip()
