"""Why something was refused or did not happen, for people who fill in forms: in their language, with their words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from quitanda.domain.outcomes import Problem, Reason, Refused
from quitanda.error_messages import render
from quitanda.error_status import RpcCode, describe
from quitanda.errors import QuitandaError, Rejected
from quitanda_clients.i18n import labels
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.i18n.formats import Formats

_WRONG_NUMBER: Final = N_("{field} is not a number. Write digits only, such as {example}.")
_NO_MOMENT: Final = N_("{field} is no date with a time. Choose one, or leave it empty.")
_NO_ADDRESS: Final = N_(
    "{field} is no address of a web server. Write one such as https://example.com/events, without a name or a password "
    "in it."
)
_PASSED: Final = N_("{field} has passed already[: it is {now_ms}]. Choose a later time, or leave it empty.")
_MOMENTS: Final = frozenset({"expires_at_ms"})
_WEB_ADDRESS: Final = "url"
_OF_MONEY: Final = frozenset({"price", "price_from", "price_to"})


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person reads about a failure.

    `field` is the field at fault, by its own name, or empty; `path` also has the item in which it is.
    `definite`: nothing happened; otherwise nobody knows, and the request may be repeated with the same request id.
    """

    text: str
    field: str
    reason: str
    code: RpcCode
    definite: bool
    path: str = ""


def explain_failure(
    error: QuitandaError, translate: Callable[[str], str], formats: Formats, templates: Mapping[str, str]
) -> Explanation:
    """Write a failure for a person; `templates` are by reason, where the general ones name commands or options."""
    source: Refused | QuitandaError = error.refused if isinstance(error, Rejected) else error
    failure = describe(source)
    last = failure.field.rpartition(".")[2].partition("[")[0]
    details = _written_amounts(labels.shown_facts(failure.details, translate), last, formats)
    instead: dict[str, str] = dict(templates)
    if details.get("problem") in {Problem.NOT_A_NUMBER, Problem.NOT_AN_INTEGER}:
        instead[Reason.INVALID_ARGUMENT] = _WRONG_NUMBER
        details["example"] = formats.amount(1250) if last in _OF_MONEY else "12"
    if details.get("problem") == Problem.PASSED:
        instead[Reason.INVALID_ARGUMENT] = _PASSED
        details["now_ms"] = formats.moment(int(details.get("now_ms", "0")))
    if details.get("problem") == Problem.MALFORMED and last in _MOMENTS:
        instead[Reason.INVALID_ARGUMENT] = _NO_MOMENT
    if details.get("problem") == Problem.MALFORMED and last == _WEB_ADDRESS:
        instead[Reason.INVALID_ARGUMENT] = _NO_ADDRESS
    label = translate(labels.field_label(failure.field)) if failure.field else ""
    text = render(failure.reason, label, details, instead, translate)
    return Explanation(text, last, failure.reason, failure.code, failure.definite, failure.field)


def _written_amounts(details: dict[str, str], field: str, formats: Formats) -> dict[str, str]:
    """Write the facts that are amounts as the reader does."""
    if field in _OF_MONEY:
        for name in ("limit", "value"):
            if name in details:
                details[name] = details[name].replace(".", formats.decimal_sign)
    return details
