"""What an administrator's client can do about credentials: who is let in, and with which rights."""

from quitanda.domain.commands import CreateCredential, RevokeCredential, RotateCredential
from quitanda.domain.model import Credential, Kind
from quitanda_clients.paging import LISTED_MAX, whole_list
from quitanda_clients.portal_client import PortalClient
from quitanda_clients.results import DeleteResult, DocumentResult, Listing


class CredentialClient(PortalClient):
    """The part of `AdminClient` that is about credentials. Errors are those of `PortalClient`."""

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
