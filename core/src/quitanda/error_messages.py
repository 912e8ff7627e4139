"""What people read when something is refused or fails: one template for each reason and each problem.

A template says which field, the shape of the value, the limit and the next step. `{name}` stands for a
fact of the refusal (`field` and its details); a part in square brackets is left out where one of its
facts is not known. Facts are data, never sentences, so another language needs only another table.
"""

import re
from collections.abc import Mapping
from typing import Final

from quitanda.domain.outcomes import Problem, Reason

REASONS: Final[Mapping[str, str]] = {
    Reason.INVALID_ARGUMENT: "The request is not valid[: {field}]. Correct it and send it again.",
    Reason.CUSTOMER_EXISTS: (
        "A customer [{customer_id} ]exists already. Choose another id, or update the customer that there is."
    ),
    Reason.CUSTOMER_NOT_FOUND: (
        "There is no customer[ {customer_id}]. Check the id; an administrator registers customers."
    ),
    Reason.CUSTOMER_HAS_ORDERS: (
        "The customer [{customer_id} ]has orders[: {orders}]. Cancel them first, or delete with cascade, "
        "which cancels them[ if they are at most {limit}]."
    ),
    Reason.PRODUCT_EXISTS: (
        "A product [{product_id} ]exists already. Choose another id, or update the product that there is."
    ),
    Reason.PRODUCT_NOT_FOUND: "There is no product[ {product_id}]. Check the id; list the products to see all ids.",
    Reason.PRODUCT_IN_USE: (
        "The product [{product_id} ]is in orders[: {orders}]. Delete it with cascade, "
        "which removes it from them[ if they are at most {limit}]."
    ),
    Reason.ORDER_EXISTS: "An order [{order_id} ]exists already. Choose another id, or change the order that there is.",
    Reason.ORDER_NOT_FOUND: ("The customer has no order[ {order_id}]. Check the id; list the orders to see all ids."),
    Reason.OUT_OF_STOCK: (
        "There are not enough units[ of the product {product_id}][: {requested} are asked for][, of which the order "
        "holds {held}][; {available} are on hand]. Ask for fewer, or wait until there are more."
    ),
    Reason.STOCK_BOUND: (
        "There would be too many units on hand[ of the product {product_id}][: there are {available} now]"
        "[; the limit is {limit}]. Choose a smaller change."
    ),
    Reason.TOO_MANY_ITEMS: (
        "The order would hold too many different products[: {items}][; at most {limit} are allowed]. "
        "Place another order for the rest."
    ),
    Reason.CASCADE_TOO_LARGE: (
        "Too many orders would be cancelled or changed at once[; at most {limit} are allowed]. "
        "Cancel some of them first, then delete again."
    ),
    Reason.VERSION_MISMATCH: (
        "Somebody changed it meanwhile[: version {expected} was expected][, version {current} is stored]. "
        "Read it again, and repeat the change on what you find."
    ),
    Reason.REQUEST_ID_REUSED: (
        "The request id stands for another request already[, decided at revision {revision}]. "
        "Send this one with a new request id."
    ),
    Reason.PAGE_TOKEN_EXPIRED: "The rest of this list is no longer kept. Start the list again, without a page token.",
    Reason.LEVEL_TOO_LOW: (
        "{field} needs level {needed}[; the cluster is at level {level}]. "
        "Ask an administrator to raise the level: quitanda-admin cluster raise-level."
    ),
    Reason.LEVEL_NOT_SUPPORTED: (
        "The cluster cannot be raised to level {level}[: {replica} supports level {supported} at most]"
        "[: {replica} does not say what it supports ({error})]. "
        "Run a version that supports it on every replica, then raise the level again."
    ),
    Reason.INTERNAL: (
        "A defect of the service stopped this request. Report it to the operator with the request id; "
        "other requests are not affected."
    ),
    "UNAVAILABLE": "The service cannot take the request now; nothing happened. Try again in a moment.",
    "NOT_LEADER": "This replica does not lead[; {leader} does]. Send the request to the leader.",
    "OVERLOADED": "The service has too much to do; nothing happened. Try again in a moment.",
    "OUTCOME_UNKNOWN": (
        "The answer did not come in time: the request may or may not have taken effect. "
        "Repeat it with the same request id; it takes effect at most once."
    ),
}
"""One template for each reason: those of the rules, and those of the edges (`errors`)."""

COURSE: Final[Mapping[str, str]] = {
    Reason.CUSTOMER_EXISTS: (
        "A client [{customer_id} ]exists already. Choose another id, or update the client that there is."
    ),
    Reason.CUSTOMER_NOT_FOUND: "There is no client[ {customer_id}]. Check the id, or create the client first.",
    Reason.CUSTOMER_HAS_ORDERS: "The client [{customer_id} ]has orders[: {orders}]. Delete them first.",
    Reason.PRODUCT_NOT_FOUND: "There is no product[ {product_id}]. Check the id.",
    Reason.PRODUCT_IN_USE: "The product [{product_id} ]is in orders[: {orders}]. Take it out of them first.",
    Reason.ORDER_NOT_FOUND: "There is no order[ {order_id}], or it is another client's. Check the ids.",
    "OUTCOME_UNKNOWN": (
        "The answer did not come in time: the request may or may not have taken effect. "
        "Retrieve what it was about, and repeat it only where it did not."
    ),
    Reason.INTERNAL: (
        "A defect of the service stopped this request: it may or may not have taken effect. "
        "Retrieve what it was about, and report the defect to the operator."
    ),
}
"""What the clients of the course's contract read instead: it knows no cascade, no lists and no request ids."""

PROBLEMS: Final[Mapping[Problem, str]] = {
    Problem.MISSING: "{field} is missing. Give it a value.",
    Problem.TOO_LONG: "{field} is too long[: {length} characters][; at most {limit} are allowed]. Shorten it.",
    Problem.ALPHABET: (
        "{field} has a character that is not allowed. Use letters without accents, digits and . _ ~ @ : -, "
        "and begin with a letter or a digit."
    ),
    Problem.CONTROL_CHARACTER: "{field} has a control character (such as a line break). Remove it.",
    Problem.NEGATIVE: "{field} is negative[: {value}]. Give zero or more.",
    Problem.ZERO: "{field} is zero. Give another number.",
    Problem.TOO_LARGE: "{field} is too large[; the limit is {limit}]. Make it smaller.",
    Problem.NOT_A_NUMBER: "{field} is not a number. Write it with digits, and a point before the decimals: 12.50.",
    Problem.NOT_AN_INTEGER: "{field} is not a whole number[: {value}]. Leave the decimals out.",
    Problem.TOO_MANY_DECIMALS: "{field} has too many decimals[; at most {limit} are allowed]. Round it.",
    Problem.WRONG_TYPE: "{field} has the wrong type[: {got}][; {expected} is expected]. Change the value's type.",
    Problem.NOT_JSON: "{field} is not JSON[: see character {position}]. Correct the JSON text.",
    Problem.NOT_UTF8: "{field} is not UTF-8 text. Encode it as UTF-8.",
    Problem.TOO_DEEP: "{field} is nested too deep[; at most {limit} levels are allowed]. Flatten it.",
    Problem.TOO_MANY: "{field} has too many entries[: {length}][; at most {limit} are allowed]. Send fewer.",
    Problem.RESERVED: "{field} is the name of a field that Quitanda keeps itself. Choose another name.",
    Problem.UNKNOWN_FIELD: "{field} is not a field of this request. Leave it out, or correct its name.",
    Problem.UNKNOWN_VALUE: "{field} has a value that does not exist[: {value}]. Use one of the documented values.",
    Problem.NOTHING_TO_CHANGE: "The request changes nothing. Give at least one field to change.",
    Problem.DUPLICATE: "{field} is given twice. Keep one of them.",
    Problem.RETAINED: "The request was published with the flag {field}. Publish it again without that.",
    Problem.MALFORMED: "{field} cannot be read. Send it as the contract says.",
}
"""One template for each problem of an INVALID_ARGUMENT."""

_OPTIONAL: Final = re.compile(r"\[([^\[\]]*)\]")
_FACT: Final = re.compile(r"\{([a-z_]+)\}")


def render(reason: str, field: str, details: Mapping[str, str], instead: Mapping[str, str] | None = None) -> str:
    """Write the message for a reason; an unknown reason gets a general one.

    `instead` has templates for those to whom the general one of a reason would say something wrong.
    """
    facts = {"field": field or "the request", **details}
    return _fill((instead or {}).get(reason) or _template(reason, details), facts)


def _template(reason: str, details: Mapping[str, str]) -> str:
    if reason == Reason.INVALID_ARGUMENT and details.get("problem") in set(Problem):
        return PROBLEMS[Problem(details["problem"])]
    return REASONS.get(reason, "The request failed. Try again later.")


def _fill(template: str, facts: Mapping[str, str]) -> str:
    def part(match: re.Match[str]) -> str:
        text = match.group(1)
        return text if all(name in facts for name in _FACT.findall(text)) else ""

    return _FACT.sub(lambda match: facts.get(match.group(1), "?"), _OPTIONAL.sub(part, template))
