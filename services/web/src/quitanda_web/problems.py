"""What a page says when the portals refuse something or do not answer: the reasons, in the reader's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import grpc

from quitanda.domain.outcomes import Problem, Reason, Refused, invalid
from quitanda.error_messages import render
from quitanda.error_status import describe
from quitanda.errors import QuitandaError, Rejected
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.i18n.formats import Formats
from quitanda_web import labels

_STATUSES: Final[Mapping[grpc.StatusCode, int]] = {
    grpc.StatusCode.INVALID_ARGUMENT: 422,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
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

_WRONG_NUMBER: Final = N_("{field} is not a number. Write digits only, such as {example}.")
_OF_MONEY: Final = frozenset({"price", "price_from", "price_to"})


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


def explain(error: QuitandaError, translate: Callable[[str], str], formats: Formats) -> ShownProblem:
    """Write an error for the person who reads the page."""
    source: Refused | QuitandaError = error.refused if isinstance(error, Rejected) else error
    failure = describe(source)
    last = failure.field.rpartition(".")[2].partition("[")[0]
    details = _translated(dict(failure.details), last, translate, formats)
    instead: dict[str, str] = dict(PAGE_TEMPLATES)
    if details.get("problem") in {Problem.NOT_A_NUMBER, Problem.NOT_AN_INTEGER}:
        instead[Reason.INVALID_ARGUMENT] = _WRONG_NUMBER
        details["example"] = formats.amount(1250) if last in _OF_MONEY else "12"
    label = translate(labels.field_label(failure.field)) if failure.field else ""
    text = render(failure.reason, label, details, instead, translate)
    status = _STATUSES.get(failure.code, 500)
    return ShownProblem(text, last, status, failure.reason, repeatable=not failure.definite)


def wrong(field: str, problem: Problem, **details: object) -> Rejected:
    """Make the error for a field whose text cannot be read."""
    return Rejected(invalid(field, problem, **details))


def _translated(
    details: dict[str, str], field: str, translate: Callable[[str], str], formats: Formats
) -> dict[str, str]:
    """Write the facts that are words or amounts as the reader does; commands' names mean nothing to her."""
    details.pop("possible", None)
    for name, words in (("state", labels.STATES), ("role", labels.ROLES)):
        if details.get(name) in words:
            details[name] = translate(words[details[name]])
    if field in _OF_MONEY:
        for name in ("limit", "value"):
            if name in details:
                details[name] = details[name].replace(".", formats.decimal_sign)
    return details
