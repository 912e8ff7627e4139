"""What an administrator's client can do about credentials: who is let in, and with which rights."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from quitanda.domain.commands import CreateCredential, RevokeCredential, RotateCredential
from quitanda.domain.model import Credential, Kind
from quitanda.errors import Rejected
from quitanda.operations import PortalKind
from quitanda_clients import passwords
from quitanda_clients.paging import LISTED_MAX, whole_list
from quitanda_clients.portal_client import PortalClient
from quitanda_clients.results import DeleteResult, DocumentResult, Listing

if TYPE_CHECKING:
    from quitanda_clients.transports.grpc import GrpcTransport


class CredentialClient(PortalClient):
    """The part of `AdminClient` that is about credentials. Errors are those of `PortalClient`."""

    _grpc: "GrpcTransport"

    async def create_credential(
        self,
        role: str,
        label: str,
        *,
        customer_id: str | None = None,
        expires_at_ms: int = 0,
        request_id: str | None = None,
    ) -> DocumentResult[Credential]:
        """Let somebody in with a role (`quitanda.domain.model.CallerRole`); the result has the token.

        `customer_id` is for the role `customer`. `expires_at_ms` is in milliseconds since 1970-01-01T00:00Z; 0: never.
        """
        # the portal chooses the id, the secret and the time
        command = CreateCredential("", role, label, "", 0, customer_id, expires_at_ms)
        return await self.execute(command, request_id=request_id)

    async def list_credentials(self, limit: int = LISTED_MAX, *, customer_id: str = "") -> Listing[Credential]:
        """Fetch all credentials of staff, or of a customer, by id, from one snapshot; nobody is shown a secret."""
        return await whole_list(
            lambda size, token: self.page(Kind.CREDENTIAL, size, token, of_customer=customer_id), limit
        )

    async def credential_labels(self) -> Mapping[str, str]:
        """Fetch what people call each credential of staff, by its id; nothing for who may not list them."""
        try:
            listing = await self.list_credentials()
        except Rejected:
            return {}
        return {each.credential_id: each.label for each in listing.documents}

    async def rotate_credential(
        self, credential_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DocumentResult[Credential]:
        """Give a credential a new secret; the result has the new token. The old one is valid until the next time."""
        command = RotateCredential(credential_id, "", expected_version)  # the portal chooses the secret
        return await self.execute(command, request_id=request_id)

    async def revoke_credential(
        self, credential_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> DeleteResult:
        """Remove a credential; nothing that its holder asks for takes effect after this."""
        return await self.execute(RevokeCredential(credential_id, expected_version), request_id=request_id)

    async def set_password(
        self, password: str, *, current: str = "", credential_id: str = "", request_id: str | None = None
    ) -> DocumentResult[Credential]:
        """Set the password of one's own credential, or with an empty one remove it; sessions that began before end.

        `current` is needed of a client whose token came from `sign_in`. Administrators may name another credential.
        """
        return await passwords.set_password(
            PortalKind.ADMIN, self._grpc.call, password, current, request_id, credential_id=credential_id
        )

    async def sign_in(self, name: str, password: str) -> DocumentResult[Credential]:
        """Begin a session with what the credential is called and its password; the result has the token, with an end.

        Where the answer is lost, a session may have begun of which nobody has the token; signing in again is safe.
        """
        return await passwords.sign_in(PortalKind.ADMIN, self._grpc.call, password, name=name)
