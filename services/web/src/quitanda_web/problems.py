"""What a page says when the portals refuse something or do not answer: the reasons, in the reader's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from quitanda.domain.outcomes import Problem, Reason, invalid
from quitanda.error_status import RpcCode
from quitanda.errors import QuitandaError, Rejected, TlsMismatch
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.i18n.explanations import explain_failure
from quitanda_clients.i18n.formats import Formats

_STATUSES: Final[Mapping[RpcCode, int]] = {
    RpcCode.INVALID_ARGUMENT: 422,
    RpcCode.NOT_FOUND: 404,
    RpcCode.ALREADY_EXISTS: 409,
    RpcCode.FAILED_PRECONDITION: 409,
    RpcCode.ABORTED: 409,
    RpcCode.UNAUTHENTICATED: 401,
    RpcCode.PERMISSION_DENIED: 403,
    RpcCode.RESOURCE_EXHAUSTED: 429,
    RpcCode.UNAVAILABLE: 503,
    RpcCode.DEADLINE_EXCEEDED: 504,
}

PAGE_TEMPLATES: Final[Mapping[str, str]] = {
    Reason.VERSION_MISMATCH: N_(
        "Somebody else has changed this meanwhile. Below is how it is now; what you typed is kept. Look at both, then "
        "send it again."
    ),
    "OUTCOME_UNKNOWN": N_(
        "The answer did not come in time, so the change may or may not have been made. Send the form again as it is: "
        "it takes effect at most once."
    ),
    Reason.PAGE_TOKEN_EXPIRED: N_("The rest of this list is not kept any longer. Begin the list again."),
    Reason.CREDENTIAL_REVOKED: N_("Your token is not valid any longer. Sign in with your newest token."),
    Reason.FORBIDDEN: N_("You may not do this[: your role is {role}]. Ask an administrator of the shop."),
    Reason.CUSTOMER_HAS_ORDERS: N_(
        "The customer has orders[: {orders}]. Cancel them first, or tick the box that cancels open orders."
        "[ Placed orders have to be fulfilled or cancelled first: {placed!}.]"
    ),
    Reason.PRODUCT_IN_USE: N_(
        "The product is in orders[: {orders}]. Tick the box that takes it out of open orders."
        "[ Placed orders have to be fulfilled or cancelled first: {placed!}.]"
    ),
    Reason.REQUEST_ID_REUSED: N_("This form was sent before with other values. Load the page again, then change it."),
}
"""Templates for readers of a page, who have no commands and no options; `quitanda.error_messages` has the others."""

PORTALS_HAVE_TLS: Final = N_(
    "The portals speak TLS and this page does not, so nothing happened. Whoever runs the shop has to set "
    "QUITANDA_IDENTITY of the page to its folder of identities, and start the page again."
)
PORTALS_HAVE_NO_TLS: Final = N_(
    "This page speaks TLS and the portals do not, so nothing happened. Whoever runs the shop has to set "
    "QUITANDA_IDENTITY of the portals to their folders of identities and start them again, or set it to off for this "
    "page."
)


@dataclass(frozen=True, slots=True)
class ShownProblem:
    """A problem as a page shows it. `field` is the field at fault, or empty; `status` is HTTP's.

    `repeatable`: the form is to be sent again with the same request id, because nobody knows whether it had its effect.
    """

    text: str
    field: str
    status: int
    reason: str
    repeatable: bool = False
    path: str = ""
    """The field with the item in which it is, as the form or the portal names it."""


def explain(
    error: QuitandaError, translate: Callable[[str], str], formats: Formats, *, identified: bool
) -> ShownProblem:
    """Write an error for the person who reads the page; `identified`: the page speaks TLS to the portals."""
    templates = PAGE_TEMPLATES
    if isinstance(error, TlsMismatch):
        templates = {**templates, error.reason: PORTALS_HAVE_NO_TLS if identified else PORTALS_HAVE_TLS}
    told = explain_failure(error, translate, formats, templates)
    status = _STATUSES.get(told.code, 500)
    return ShownProblem(told.text, told.field, status, told.reason, repeatable=not told.definite, path=told.path)


def wrong(field: str, problem: Problem, **details: object) -> Rejected:
    """Make the error for a field whose text cannot be read."""
    return Rejected(invalid(field, problem, **details))
