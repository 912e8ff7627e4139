"""What both clients can do with passwords, over gRPC."""

from collections.abc import Awaitable, Callable
from typing import Any

from quitanda.codec.protobuf import DOCUMENT_CODECS
from quitanda.domain.model import Credential, Kind
from quitanda.errors import QuitandaError
from quitanda.operations import Operation, PortalKind, operations_of
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import DocumentResult

Call = Callable[[Operation, Any], Awaitable[Any]]


async def set_password(
    portal: PortalKind, call: Call, password: str, current: str, request_id: str | None, **about: str
) -> DocumentResult[Credential]:
    """Ask a portal to set a password, or with an empty one to remove it; `about` says whose."""
    operation = operations_of(portal)["set_password"]
    request_id = request_id or new_request_id()
    message = operation.request_class(password=password, current_password=current, request_id=request_id, **about)
    try:
        answer = await call(operation, message)
    except QuitandaError as error:
        error.request_id = request_id
        raise
    return DocumentResult(_credential(answer), answer.revision, request_id)


async def sign_in(portal: PortalKind, call: Call, password: str, **name: str) -> DocumentResult[Credential]:
    """Ask a portal to begin a session; the result has its token."""
    operation = operations_of(portal)["sign_in"]
    answer = await call(operation, operation.request_class(password=password, **name))
    return DocumentResult(_credential(answer), answer.revision, token=answer.token)


def _credential(answer: Any) -> Credential:
    credential: Credential = DOCUMENT_CODECS[Kind.CREDENTIAL].read(answer.credential)
    return credential
