"""What a portal chooses for the documents that a request makes: ids, times, and the secrets of tokens.

A new secret is derived from a key that all admin portals share and from the request's id. So a request that is repeated
through any admin portal, because its answer was lost, is answered with the token that its first sending made. The key
is in their identity folders. Without one (in the open mode) a portal derives from a key of its own: then only the same
portal can tell the token again.

Whoever sends a request id a second time, after the shop has forgotten the first request and the credential was revoked,
would bring the old token back. Clients draw request ids at random (`quitanda_clients.request_ids`).
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from quitanda.domain.commands import CreateCredential, CreateCustomer, CreateOrder, RotateCredential
from quitanda.domain.limits import CREDENTIAL_ID_LENGTH
from quitanda.domain.model import Credential
from quitanda.identity.tokens import SECRET_KEY_BYTES, Token, derived_secret, first_customer_token, hash_secret
from quitanda.operations import OperationAnswer, WriteOperation
from quitanda.portal.ids import IdGenerator


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the portal has chosen for one request: the command's `fields`, and the token that they make, if any."""

    fields: Mapping[str, Any]
    token: Token | None = None

    def tell_token(self, answer: OperationAnswer) -> OperationAnswer:
        """Add the token's text to the answer, unless the credential that the command left has another secret.

        A customer's first credential is decided together with the customer, so there is nothing to compare.
        """
        if self.token is None:
            return answer
        secret_hash = hash_secret(self.token.secret)
        if any(isinstance(left, Credential) and left.secret_hash != secret_hash for left in answer.documents):
            return answer
        return replace(answer, token=self.token.text())


NOTHING: Final = Chosen({})


class RequestChoices:
    """Chooses for each kind of request. `customers_get_tokens`: a new customer gets her first credential."""

    def __init__(self, ids: IdGenerator, key: bytes | None = None, *, customers_get_tokens: bool = False) -> None:
        self._ids = ids
        self._key = key or secrets.token_bytes(SECRET_KEY_BYTES)
        self._choosers: dict[type, Callable[[Any, str], Chosen]] = {
            CreateOrder: lambda _request, _id: Chosen(self._ids.order()),
            CreateCredential: self._for_credential,
            RotateCredential: self._for_rotation,
        }
        if customers_get_tokens:
            self._choosers[CreateCustomer] = self._for_customer

    def choose(self, operation: WriteOperation, request: Any, request_id: str) -> Chosen:
        """Choose for a request; `request` has its fields as attributes."""
        chooser = self._choosers.get(operation.carries)
        return NOTHING if chooser is None else chooser(request, request_id)

    def _for_customer(self, request: Any, request_id: str) -> Chosen:
        return self._made(first_customer_token(self._key, request.customer_id, request_id))

    def _for_credential(self, _request: Any, request_id: str) -> Chosen:
        credential_id = derived_secret(self._key, "credential id", request_id)[:CREDENTIAL_ID_LENGTH]
        return self._made(Token(credential_id, derived_secret(self._key, "credential secret", request_id)))

    def _for_rotation(self, request: Any, request_id: str) -> Chosen:
        secret = derived_secret(self._key, "rotated secret", request.credential_id, request_id)
        return Chosen({"secret_hash": hash_secret(secret)}, Token(request.credential_id, secret))

    def _made(self, token: Token) -> Chosen:
        secret_hash = hash_secret(token.secret)
        fields = {"credential_id": token.credential_id, "secret_hash": secret_hash, "created_at_ms": self._ids.now_ms()}
        return Chosen(fields, token)
