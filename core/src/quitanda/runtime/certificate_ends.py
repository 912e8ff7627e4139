"""Until when the certificates are valid on which a process relies, for Prometheus: none of them is to end unnoticed.

A process shows its own certificate and the CAs that it trusts, as its identity folder has them at that moment. The
broker shows no metrics. So the processes that use it tell the end of its certificate, as a handshake shows it.
"""

import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from quitanda.identity.certificates import NotACertificate, read_certificates
from quitanda.identity.folder import IdentityError, IdentityFile
from quitanda.runtime.addresses import Address
from quitanda.runtime.link_identity import LinkIdentity

BROKER_SEEN_SECONDS: Final = 3600.0
"""How long what the broker showed is told again; a renewal is seen within this time."""

BROKER_MISSED_SECONDS: Final = 60.0
"""How long a process waits before it asks a broker again that it did not reach."""

HANDSHAKE_SECONDS_MAX: Final = 2.0


def show_certificate_ends(registry: CollectorRegistry, identity: LinkIdentity | None, broker: Address | None) -> None:
    """Show when the certificates end; without an identity there are none. `broker` is where the broker listens."""
    if identity is not None:
        registry.register(_CertificateCollector(identity, broker))


def own_end_ms(identity: LinkIdentity | None) -> int:
    """Give the end of the process's own certificate in milliseconds since 1970; 0 where it has none."""
    own = None if identity is None else identity.current().own
    return 0 if own is None else int(_first_end(own.certificates)) * 1_000


class _CertificateCollector(Collector):
    def __init__(self, identity: LinkIdentity, broker: Address | None) -> None:
        self._identity = identity
        self._broker = None if broker is None else BrokerCertificateEnd(broker, identity)

    def collect(self) -> Iterator[Metric]:
        """Tell the end of each certificate in seconds since 1970; of several CAs, the first one's to end."""
        family = GaugeMetricFamily(
            "quitanda_certificate_expiration_timestamp_seconds", "When a certificate ends", labels=("certificate",)
        )
        for name, pem in self._texts():
            with suppress(NotACertificate):
                family.add_metric((name,), _first_end(pem))
        if self._broker is not None and not math.isnan(end := self._broker.current()):
            family.add_metric(("broker",), end)
        yield family

    def _texts(self) -> Iterator[tuple[str, bytes]]:
        """Give the certificates of the identity folder, as PEM texts."""
        certificates, folder = self._identity.current(), self._identity.folder
        if certificates.own is not None:
            yield "process", certificates.own.certificates
        yield "ca", certificates.trusted
        if folder.has(IdentityFile.CUSTOMERS_CA):
            with suppress(IdentityError):  # it is damaged: nobody knows
                yield "customers_ca", folder.customers_ca()


class BrokerCertificateEnd:
    """The end of the broker's certificate, as the broker showed it last; any thread may ask.

    A connection keeps the certificate with which it began, so a renewed one is seen only by another handshake.
    """

    def __init__(
        self, broker: Address, identity: LinkIdentity, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._broker = broker
        self._identity = identity
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ask_at = -math.inf
        self._end = math.nan

    def current(self) -> float:
        """Give the end in seconds since 1970; NaN where the broker has never shown a certificate that is right."""
        with self._lock:
            if self._monotonic() >= self._ask_at:
                pause = BROKER_SEEN_SECONDS
                try:
                    self._end = self._ask()
                except (OSError, ValueError):  # ssl.SSLError is an OSError; an expired certificate is refused, too
                    pause = BROKER_MISSED_SECONDS
                self._ask_at = self._monotonic() + pause
            return self._end

    def _ask(self) -> float:
        context = self._identity.current().client_context
        at = (self._broker.host, self._broker.port)
        with (
            socket.create_connection(at, HANDSHAKE_SECONDS_MAX) as connection,
            context.wrap_socket(connection, server_hostname=self._broker.host) as secured,
        ):
            shown = secured.getpeercert() or {}
            return float(ssl.cert_time_to_seconds(str(shown.get("notAfter", ""))))


def _first_end(pem: bytes) -> float:
    return min(certificate.not_valid_after_utc.timestamp() for certificate in read_certificates(pem))
