"""The sentences that people read when something is refused or fails: one template for each reason and each problem.

A sentence names the field, says what is wrong, gives the limit, and says what to do next. In a template,

    {name}                  is a fact of the refusal: `field` or one of its details
    {name#unit|units}       is the fact, a number, with the noun in the right form: `1 unit`, `2 units`, `no units`
    {name#unit|units|none}  the same, with words of its own for 0
    [text], [text||other]   is left out, or is `other`, if one of the facts in `text` is not known
    {name!}                 is a number that counts as not known if it is 0

Facts are data, never sentences, so another language needs only other templates.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from quitanda.domain.outcomes import AuthenticationProblem, Problem, Reason

REASONS: Final[Mapping[str, str]] = {
    Reason.INVALID_ARGUMENT: "The request is not valid[: {field}]. Correct it and send it again.",
    Reason.CUSTOMER_EXISTS: "The customer [{customer_id} ]already exists. Choose another id, or update this customer.",
    Reason.CUSTOMER_NOT_FOUND: (
        "There is no customer[ {customer_id}]. Check the id; an administrator registers new customers."
    ),
    Reason.CUSTOMER_HAS_ORDERS: (
        "The customer [{customer_id} ]has [{orders#order|orders}||orders]. Cancel all its orders first, or delete "
        "it with cascade, which cancels [up to {limit} orders||them]."
        "[ No cascade cancels what is placed: {placed#order|orders}; fulfil or cancel those first.]"
    ),
    Reason.PRODUCT_EXISTS: "The product [{product_id} ]already exists. Choose another id, or update this product.",
    Reason.PRODUCT_NOT_FOUND: "There is no product[ {product_id}]. Check the id; the list of products shows all ids.",
    Reason.PRODUCT_IN_USE: (
        "The product [{product_id} ]is in [{orders#order|orders}||orders]. Delete it with cascade, which takes it out "
        "of [up to {limit} orders||them]."
        "[ No cascade changes what is placed: {placed#order|orders}; fulfil or cancel those first.]"
    ),
    Reason.ORDER_EXISTS: "The order [{order_id} ]already exists. Choose another id, or change this order.",
    Reason.ORDER_NOT_FOUND: (
        "This customer has no order[ {order_id}]. Check the id; the customer's list of orders shows all ids."
    ),
    Reason.OUT_OF_STOCK: (
        "There are not enough units[ of the product {product_id}][: you asked for {requested}]"
        "[, of which the order already holds {held!}][; {available#is|are} left]. Ask for fewer, or wait for new stock."
    ),
    Reason.STOCK_BOUND: (
        "The stock[ of the product {product_id}] would become too large[: there are {available} now]"
        "[; the limit is {limit}]. Add fewer units."
    ),
    Reason.TOO_MANY_ITEMS: (
        "The order would hold too many different products[: {items}, but the limit is {limit}]. "
        "Place another order for the rest."
    ),
    Reason.ORDER_STATE: (
        "The order [{order_id} ]is [{state}||in another state], which does not allow this[; possible: {possible}]. "
        "Look at the order, and at who may change it."
    ),
    Reason.TOO_MANY_ORDERS: (
        "The customer [{customer_id} ]has as many open and placed orders as there may be[: {limit}]. "
        "Cancel an open one, or wait until the shop has fulfilled a placed one."
    ),
    Reason.ORDER_EMPTY: "The order [{order_id} ]has no items. Add some before you place it.",
    Reason.TOO_MANY_UNITS: (
        "The order has not so many units[ of the product {product_id}][: you named {requested}]"
        "[; {left#is|are} left]. Name fewer."
    ),
    Reason.CASCADE_TOO_LARGE: (
        "The deletion would cancel or change too many orders at once[; the limit is {limit}]. "
        "[The customer has {closed_orders} closed orders at least: change the customer's name and fields instead, and "
        "revoke the credentials.||Cancel some of them first, then delete again.]"
    ),
    Reason.VERSION_MISMATCH: (
        "Somebody else has changed the document[: you expected version {expected}][, but it is at version {current}]. "
        "Read it again, then repeat your change."
    ),
    Reason.REQUEST_ID_REUSED: (
        "Another request already used this request id[; it was decided at revision {revision}]. "
        "Send your request with a new request id."
    ),
    Reason.PAGE_TOKEN_EXPIRED: (
        "The replicas no longer keep the rest of this list. Start the list again, without a page token."
    ),
    Reason.REVISION_GONE: (
        "The portal does not remember all changes since then[; it remembers those after revision {oldest}]. "
        "List again, then watch from the revision of the list on."
    ),
    Reason.LEVEL_TOO_LOW: (
        "{field} needs [level {needed}||a higher level][, but the cluster is at level {level}]. "
        "Ask an administrator to raise the level: quitanda-admin cluster raise-level."
    ),
    Reason.LEVEL_NOT_SUPPORTED: (
        "The cluster cannot be raised to [level {level}||this level][: {replica} supports only level {supported}]"
        "[: {replica} does not say what it supports ({error})]. "
        "Run a version that supports it on every replica, then raise the level again."
    ),
    Reason.UNAUTHENTICATED: "The service does not know who you are. Send your token with the request.",
    Reason.CREDENTIAL_REVOKED: (
        "The credential [{credential_id} ]was revoked, or its secret was replaced twice since your token was made. "
        "Use your newest token, or ask an administrator for a new one."
    ),
    Reason.FORBIDDEN: (
        "The credential [{credential_id} ]may not do this[: its role is {role}][; it belongs to the customer {owner}]. "
        "Use a token that may, or ask an administrator for one."
    ),
    Reason.CREDENTIAL_EXISTS: (
        "The credential [{credential_id} ]already exists. Send your request with a new request id."
    ),
    Reason.CREDENTIAL_NOT_FOUND: (
        "There is no credential[ {credential_id}]. Check the id; the list of credentials shows all ids."
    ),
    Reason.TOO_MANY_CREDENTIALS: (
        "[The customer {customer_id} has||Staff have] as many credentials as there may be[: {limit}]. "
        "Revoke one that is not used any more."
    ),
    Reason.LAST_ADMIN_CREDENTIAL: (
        "The credential [{credential_id} ]is the last one of an administrator that never expires: without it nobody "
        "could administer the shop. First create another one, then revoke this one."
    ),
    Reason.PASSWORD_EXISTS: (
        "Another credential[ {credential_id}] has a password already, and is signed in with under the same name"
        "[: {name}]. Remove its password first, or use a credential with another label."
    ),
    Reason.OF_A_SESSION: (
        "The credential [{credential_id} ]is a session, which began with a password. Name the credential that has the "
        "password."
    ),
    Reason.WEBHOOK_EXISTS: (
        "An earlier request with the same request id made the webhook[ {webhook_id}]. Send a new request id."
    ),
    Reason.WEBHOOK_NOT_FOUND: "There is no webhook[ {webhook_id}]. Check the id; the list of webhooks shows all ids.",
    Reason.TOO_MANY_WEBHOOKS: (
        "The shop has as many webhooks as there may be[; the limit is {limit}]. Delete one that is not used."
    ),
    Reason.DEAD_LETTER_NOT_FOUND: (
        "The webhook [{webhook_id} ]has no dead letter[ {letter_id}]. It was delivered or dropped; look at the list of "
        "its dead letters."
    ),
    Reason.LEASE_LOST: (
        "Another portal sends to the webhooks[; its lease has the number {number}]. Read the lease again."
    ),
    Reason.INTERNAL: (
        "A defect of the service stopped this request. Report it to the operator, with the request id; "
        "other requests continue to work."
    ),
    "UNAVAILABLE": "The service cannot take the request now; nothing happened. Try again in a moment.",
    "NOT_LEADER": "This replica is not the leader[; {leader} is]. Send the request to the leader.",
    "OVERLOADED": (
        "[You are beyond a limit of one caller: {limit}||The service has too many requests]; nothing happened. "
        "Try again in a moment."
    ),
    "OUTCOME_UNKNOWN": (
        "The answer did not come in time, so the request may or may not have taken effect. "
        "Repeat it with the same request id: it takes effect at most once."
    ),
}
"""One template for each reason: those of the rules, and those of `errors`."""

COURSE: Final[Mapping[str, str]] = {
    Reason.CUSTOMER_EXISTS: "The client [{customer_id} ]already exists. Choose another id, or update this client.",
    Reason.CUSTOMER_NOT_FOUND: "There is no client[ {customer_id}]. Check the id, or create the client first.",
    Reason.CUSTOMER_HAS_ORDERS: (
        "The client [{customer_id} ]has [{orders#order|orders}||orders]. Delete all its orders first."
    ),
    Reason.PRODUCT_NOT_FOUND: "There is no product[ {product_id}]. Check the id.",
    Reason.PRODUCT_IN_USE: (
        "The product [{product_id} ]is in [{orders#order|orders}||orders]. Take it out of all orders first."
    ),
    Reason.ORDER_NOT_FOUND: (
        "There is no order[ {order_id}] of this client; it may be another client's. Check both ids."
    ),
    Reason.TOO_MANY_ORDERS: (
        "The client [{customer_id} ]has as many orders as there may be[: {limit}]. Cancel one that is not needed."
    ),
    "OUTCOME_UNKNOWN": (
        "The answer did not come in time, so the request may or may not have taken effect. "
        "Retrieve what you wanted to change, and repeat the request only if the change is not there."
    ),
    Reason.INTERNAL: (
        "A defect of the service stopped this request, so it may or may not have taken effect. "
        "Retrieve what you wanted to change, and report the defect to the operator."
    ),
}
"""Templates for the clients of the course's contract, which has no cascade, no lists and no request ids."""

PROBLEMS: Final[Mapping[Problem, str]] = {
    Problem.MISSING: "{field} is missing. Give it a value.",
    Problem.TOO_LONG: "{field} is too long[: it has {length} characters][; the limit is {limit}]. Shorten it.",
    Problem.TOO_SHORT: "{field} is too short[: it has {length} characters][; {limit} are needed]. Make it longer.",
    Problem.EASY_TO_GUESS: "{field} is easy to guess: it is the name, or one character only. Choose another one.",
    Problem.LIKE_A_TOKEN: "{field} begins with qt1_, as tokens do. Choose another one, and keep the token secret.",
    Problem.NOT_THE_PASSWORD: "{field} is not the password that was set last. Type it once more.",
    Problem.TOO_MANY_TRIES: (
        "{field} is not looked at now: there were too many tries from your address. Wait "
        "[{seconds#second|seconds}||a minute], then try again."
    ),
    Problem.ALPHABET: (
        "{field} has a character that is not allowed. Use only letters without accents, digits and . _ ~ @ : -, "
        "and begin with a letter or a digit."
    ),
    Problem.CONTROL_CHARACTER: "{field} has a control character, such as a line break. Remove it.",
    Problem.NEGATIVE: "{field} is negative[: {value}]. Give 0 or more.",
    Problem.ZERO: "The adjustment is 0: {field} changes nothing. Give a positive or a negative number.",
    Problem.TOO_LARGE: "{field} is too large[; the limit is {limit}]. Make it smaller.",
    Problem.NOT_A_NUMBER: "{field} is not a number. Write digits, with a point before the decimals: 12.50.",
    Problem.NOT_AN_INTEGER: "{field} is not a whole number[: {value}]. Leave out the decimals.",
    Problem.TOO_MANY_DECIMALS: "{field} has too many decimals[; the limit is {limit}]. Round it.",
    Problem.WRONG_TYPE: "{field} has the wrong type[: {got} instead of {expected}]. Change the type of the value.",
    Problem.NOT_JSON: "{field} is not JSON[: see character {position}]. Correct the JSON text.",
    Problem.NOT_UTF8: "{field} is not UTF-8 text. Encode it as UTF-8.",
    Problem.TOO_DEEP: "{field} is nested too deeply[; the limit is {limit#level|levels}]. Flatten it.",
    Problem.TOO_MANY: "{field} has too many entries[: {length}][; the limit is {limit}]. Send fewer.",
    Problem.RESERVED: "{field} is the name of a field that Quitanda itself uses. Choose another name.",
    Problem.UNKNOWN_FIELD: "This request has no field {field}. Leave it out, or correct its name.",
    Problem.UNKNOWN_VALUE: (
        "{field} cannot have this value[: {value}]. Choose [{choices}||one of the values in the documentation]."
    ),
    Problem.NOTHING_TO_CHANGE: "There is nothing to change. Give at least one field to change.",
    Problem.DUPLICATE: "{field} is there twice. Keep only one of them.",
    Problem.RETAINED: "The client published the request with the flag {field}. Publish it again without this flag.",
    Problem.PASSED: "{field} has passed already[: the clock shows {now_ms}]. Choose a later time, or 0 for none.",
    Problem.EMPTY_RANGE: "{field} is not later[ than {begin}]. Choose a later time, or leave one of them out.",
    Problem.PLAIN_HTTP: (
        "{field} begins with http://, so others could read on the way what is sent there. Give an address that begins "
        "with https://, or have the operator set QUITANDA_WEBHOOK_PLAIN_HTTP=true for every admin portal."
    ),
    Problem.MALFORMED: "The service cannot read {field}. Send it as the contract describes.",
}
"""One template for each problem of an INVALID_ARGUMENT."""

TOKEN_PROBLEMS: Final[Mapping[str, str]] = {
    AuthenticationProblem.MISSING: (
        "The request has no token, and this service answers only callers whom it knows. Send your token: programs read "
        "it from QUITANDA_TOKEN, from the file of --token-file, or from the folder QUITANDA_IDENTITY."
    ),
    AuthenticationProblem.MALFORMED: (
        "The token is not complete: a token is one line of the form qt1_ID_SECRET. Copy the whole line once more."
    ),
    AuthenticationProblem.WRONG: (
        "The token is not valid: it was never given out, was replaced, or was revoked. Use your newest token, or ask "
        "an administrator for a new one."
    ),
    AuthenticationProblem.WRONG_PASSWORD: (
        "The name or the password is wrong, or nobody has set a password for that name. Try again, or use your token."
    ),
    AuthenticationProblem.EXPIRED: (
        "The token has expired[: its time ended at {expired_at}]. Ask an administrator for a new one. If it should "
        "still be valid, compare the clock of the portal with yours."
    ),
    AuthenticationProblem.TOO_MANY_FAILURES: (
        "Too many wrong tokens or passwords came from your address. Wait [{seconds#second|seconds}||a minute], then "
        "send the right one."
    ),
}
"""One template for each problem of an UNAUTHENTICATED."""

FAILED: Final = "The request failed. Try again later."
"""For a reason that nobody knows."""

THE_REQUEST: Final = "the request"
"""Stands for the field where none is named."""

_OPTIONAL: Final = re.compile(r"\[([^\[\]]*)\]")
_FACT: Final = re.compile(r"\{([a-z_]+)(!?)(?:#([^|{}]*)\|([^|{}]*)(?:\|([^|{}]*))?)?\}")


def render(
    reason: str,
    field: str,
    details: Mapping[str, str],
    instead: Mapping[str, str] | None = None,
    translate: Callable[[str], str] = str,
) -> str:
    """Write the message for a reason; an unknown reason gets a general one.

    `instead` has templates for clients to whom the general template of a reason would say something wrong. `translate`
    gives the template of another language for one of these.
    """
    facts = {"field": field or translate(THE_REQUEST), **details}
    return _fill(translate((instead or {}).get(reason) or _template(reason, details)), facts)


def _template(reason: str, details: Mapping[str, str]) -> str:
    if reason == Reason.INVALID_ARGUMENT and details.get("problem") in set(Problem):
        return PROBLEMS[Problem(details["problem"])]
    if reason == Reason.UNAUTHENTICATED and details.get("problem") in set(AuthenticationProblem):
        return TOKEN_PROBLEMS[AuthenticationProblem(details["problem"])]
    return REASONS.get(reason, FAILED)


def _fill(template: str, facts: Mapping[str, str]) -> str:
    def optional(match: re.Match[str]) -> str:
        text, _, other = match.group(1).partition("||")
        return text if all(_is_known(facts, found) for found in _FACT.finditer(text)) else other

    return _FACT.sub(lambda found: _written(facts, found), _OPTIONAL.sub(optional, template))


def _is_known(facts: Mapping[str, str], found: re.Match[str]) -> bool:
    value = facts.get(found[1])
    return value is not None and not (found[2] and value == "0")


def _written(facts: Mapping[str, str], found: re.Match[str]) -> str:
    """Write a fact, with its noun or verb in the singular only after 1; 0 is written as `no` or `none`."""
    value = facts.get(found[1], "?")
    if found[3] is None:
        return value
    if value == "1":
        return f"1 {found[3]}"
    if value == "0" and found[5] is not None:
        return found[5]
    zero = "none" if found[4] == "are" else "no"
    return f"{zero if value == '0' else value} {found[4]}"
