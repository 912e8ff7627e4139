"""Gives customers the certificates by which the broker knows them."""

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from quitanda.cache import CachedReader
from quitanda.domain import refusals
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Refused
from quitanda.domain.value_checks import check_id
from quitanda.errors import Rejected, Unavailable
from quitanda.identity.certificates import KeyedCertificate, NotACertificate
from quitanda.identity.customer_certificates import issue_to_customer
from quitanda.identity.folder import IdentityError, IdentityFolder
from quitanda.v1 import client_portal_pb2 as pb

_log = structlog.get_logger(__name__)


class CertificateIssuer:
    """Performs the `CertificateOperation` of the table, for a caller who has proved who it is.

    The customers' CA is read anew for each certificate, so a replaced one counts at once.
    """

    def __init__(
        self,
        folder: IdentityFolder,
        reader: CachedReader,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = folder
        self._reader = reader
        self._now = now

    async def issue_certificate(
        self, request: pb.IssueCertificateRequest, timeout: float
    ) -> pb.IssueCertificateResponse:
        """Sign a certificate in the name of the customer. Raises Rejected, Unavailable and Overloaded."""
        customer_id = request.customer_id
        if wrong := check_id("customer_id", customer_id):
            raise Rejected(wrong)
        (customer,) = (await self._reader.get(((Kind.CUSTOMER, customer_id),), timeout)).documents
        if customer is None:
            raise Rejected(refusals.customer_not_found(customer_id))
        made = issue_to_customer(request.certificate_request, customer_id, self._root(), self._now())
        if isinstance(made, Refused):
            raise Rejected(made)
        _log.info("certificate_issued", customer_id=customer_id, expires_at_ms=made.expires_at_ms)
        return pb.IssueCertificateResponse(certificate=made.pem, expires_at_ms=made.expires_at_ms)

    def _root(self) -> KeyedCertificate:
        try:
            return KeyedCertificate.read(self._folder.customers_ca_key())
        except (IdentityError, NotACertificate) as error:
            _log.exception("certificate_not_issued", folder=str(self._folder.path), error=str(error))
            raise Unavailable("this portal cannot issue certificates at the moment") from error
