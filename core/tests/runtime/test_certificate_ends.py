"""A process shows until when the certificates are valid on which it relies: its own, the CAs', and the broker's."""

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from socket import create_server

import pytest
from prometheus_client import CollectorRegistry

from quitanda.identity.certificates import Subject, issue, new_root, pem_of, read_certificates
from quitanda.identity.folder import IdentityFolder
from quitanda.runtime.addresses import Address
from quitanda.runtime.certificate_ends import (
    BROKER_MISSED_SECONDS,
    BROKER_SEEN_SECONDS,
    BrokerCertificateEnd,
    show_certificate_ends,
)
from quitanda.runtime.link_identity import LinkIdentity
from quitanda_local.ports import free_ports
from quitanda_testing.identity_folders import CertificateAuthority, write_file, write_identity

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture
def root():
    return new_root("CA of processes", NOW)


@pytest.fixture
def folder(root, tmp_path):
    write_own(tmp_path, root, NOW)
    write_file(tmp_path / "ca.pem", pem_of([root.certificate]))
    return tmp_path


def write_own(folder, root, now):
    write_file(folder / "process.pem", issue(root, Subject("replica/replica1", frozenset({"localhost"})), now).pem())


def shown(folder, broker=None):
    """The end of each certificate as the metrics of a process with this folder show it; a function that looks again."""
    registry = CollectorRegistry()
    show_certificate_ends(registry, LinkIdentity(folder), broker)

    def look():
        (family,) = registry.collect()
        return {one.labels["certificate"]: datetime.fromtimestamp(one.value, UTC) for one in family.samples}

    return look


def test_without_an_identity_there_is_nothing_to_show():
    registry = CollectorRegistry()

    show_certificate_ends(registry, None, Address("127.0.0.1", 1))

    assert list(registry.collect()) == []


def test_a_process_shows_the_end_of_its_own_certificate_and_of_the_ca_and_follows_a_renewal(folder, root):
    look = shown(folder)
    assert look() == {"process": NOW + 90 * DAY, "ca": NOW + 3650 * DAY}

    write_own(folder, root, NOW + 60 * DAY)

    assert look() == {"process": NOW + 150 * DAY, "ca": NOW + 3650 * DAY}


def test_of_several_cas_the_first_one_to_end_is_shown_until_nobody_trusts_it_any_more(folder, root):
    older = new_root("the CA before", NOW - 1000 * DAY)
    write_file(folder / "ca.pem", pem_of([root.certificate, older.certificate]))
    look = shown(folder)
    assert look()["ca"] == NOW + 2650 * DAY

    write_file(folder / "ca.pem", pem_of([root.certificate]))

    assert look()["ca"] == NOW + 3650 * DAY


def test_a_client_portal_shows_the_end_of_the_customers_ca_too_where_it_can_be_read(folder):
    customers = new_root("CA of customers", NOW - 7 * DAY)
    write_file(folder / "customers-ca.pem", pem_of([customers.certificate]))
    look = shown(folder)
    assert look()["customers_ca"] == NOW + 3643 * DAY

    write_file(folder / "customers-ca.pem", b"half a fi")

    assert set(look()) == {"process", "ca"}


class TlsBroker:
    """Shakes hands with whoever connects, with the certificate that its folder has at that moment."""

    def __init__(self, folder, port=0):
        self._identity = LinkIdentity(folder)
        self._listening = create_server(("127.0.0.1", port))
        self.address = Address("127.0.0.1", self._listening.getsockname()[1])
        self.greeted = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.greeted += 1
                with suppress(OSError):  # the caller hangs up after the handshake, or refuses the certificate
                    context = self._identity.current().server_context
                    with context.wrap_socket(connection, server_side=True) as secured:
                        secured.recv(1)

    def close(self):
        self._listening.close()


@pytest.fixture
def authority():
    return CertificateAuthority()


@pytest.fixture
def broker(tmp_path, authority):
    broker = TlsBroker(write_identity(tmp_path / "broker", "broker", authority))
    yield broker
    broker.close()


@pytest.fixture
def own(tmp_path, authority):
    return write_identity(tmp_path / "replica1", "replica/replica1", authority)


class ManualClock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def end_of(folder):
    (certificate,) = read_certificates(IdentityFolder(folder).process().certificates)
    return certificate.not_valid_after_utc.timestamp()


def test_the_brokers_certificate_is_shown_beside_the_others_as_a_handshake_shows_it(own, broker, tmp_path):
    ends = shown(own, broker.address)()

    assert set(ends) == {"process", "ca", "broker"}
    assert ends["broker"].timestamp() == end_of(tmp_path / "broker")


def test_the_broker_is_asked_again_after_an_hour_and_a_renewed_certificate_is_seen_then(
    own, broker, authority, tmp_path
):
    clock = ManualClock()
    end = BrokerCertificateEnd(broker.address, LinkIdentity(own), clock)
    first = end.current()
    write_file(tmp_path / "broker" / "process.pem", authority.issue("broker", ends=timedelta(hours=9)))

    clock.now += BROKER_SEEN_SECONDS - 1
    assert end.current() == first
    assert broker.greeted == 1
    clock.now += 1

    assert end.current() == end_of(tmp_path / "broker") > first
    assert broker.greeted == 2


def test_while_the_broker_shows_no_certificate_that_is_right_what_it_showed_before_is_told(
    own, broker, authority, tmp_path
):
    """So the alert does not end in the moment at which the certificate does."""
    clock = ManualClock()
    end = BrokerCertificateEnd(broker.address, LinkIdentity(own), clock)
    first = end.current()
    write_file(tmp_path / "broker" / "process.pem", authority.issue("broker", ends=timedelta(minutes=-1)))
    clock.now += BROKER_SEEN_SECONDS

    assert end.current() == first
    assert broker.greeted == 2


def test_a_broker_that_was_not_reached_is_asked_again_after_a_minute(own, tmp_path, authority):
    address = Address("127.0.0.1", free_ports(1)[0])
    clock = ManualClock()
    look = shown(own, address)
    end = BrokerCertificateEnd(address, LinkIdentity(own), clock)
    assert "broker" not in look()
    assert end.current() != end.current()  # NaN: nobody knows
    broker = TlsBroker(write_identity(tmp_path / "broker", "broker", authority), address.port)

    clock.now += BROKER_MISSED_SECONDS - 1
    assert end.current() != end.current()
    clock.now += 1

    assert end.current() == end_of(tmp_path / "broker")
    broker.close()
