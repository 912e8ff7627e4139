"""What is asked of every field of every command, and of a command as a whole.

The type of a field (`field_types`) says what it may hold, and `value_checks` checks a value by it; what is asked of a
command as a whole stands below. What is refused here is refused for the command's own sake, never for the state's:
portals ask early, and the state machine, which has the last word, asks again. All checks are total: they take values of
any type and answer with a refusal or None, never with an exception.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, get_args

from quitanda.domain.commands import (
    CancelOrderItems,
    Command,
    CreateCredential,
    CreateCustomer,
    CreateOrder,
    ImportOrder,
    Principal,
    Request,
    ReturnOrder,
    SetOrderItems,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.field_types import CustomFieldsRule, FieldType, IdRule, NumberRule, Rule, describe
from quitanda.domain.levels import FIRST_LEVEL, SUPPORTED_LEVEL
from quitanda.domain.limits import ITEM_QUANTITY_MAX, ITEMS_PER_ORDER_MAX, TIMESTAMP_MS_MAX
from quitanda.domain.model import CallerRole
from quitanda.domain.order_imports import check_state, check_units
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.value_checks import (
    CHECKS_BY_RULE,
    check_flag,
    check_id,
    check_number,
    check_order_extra_bytes,
    out_of_range,
    wrong_type,
)
from quitanda.domain.webhook_commands import CreateWebhook, UpdateWebhook
from quitanda.domain.webhook_model import EVENTS, event_names, is_webhook_url


class _Check(NamedTuple):
    """What is asked of a field: `check` of its name, its value and its rule; then `beside` of the whole command.

    The rule is None where `check` needs none; that of a list is what is asked of its entries.
    """

    name: str
    optional: bool
    check: Callable[..., Refused | None]
    rule: "Rule | _Entries | None"
    beside: Callable[[Any], Refused | None] | None


class _Entries(NamedTuple):
    """What the entries of a list are, and what is asked of each."""

    record: type[Any]
    checks: Sequence[_Check]


_RECEIVED_AT: Final = NumberRule(TIMESTAMP_MS_MAX)


def check_request(request: Request, level: int = SUPPORTED_LEVEL) -> Refused | None:
    """Say what is wrong with a request, its key included, by the rules of a level; or None."""
    if type(request) is not Request:
        return wrong_type("request", request, "request")
    return (
        _scope(request.scope)
        or check_id("request_id", request.request_id)
        or (request.principal is not None and _principal(request.principal))
        or check_number("received_at_ms", request.received_at_ms, _RECEIVED_AT)
        or check(request.command, level)
    )


def check_for_any_level(request: Request) -> Refused | None:
    """Say what is wrong with a request at whatever level the cluster may be; None where some level accepts it.

    For those who do not know the level: a name that a later level takes for a field is free for custom fields below it.
    """
    wrong = check_request(request)
    if wrong and all(check_request(request, level) for level in range(FIRST_LEVEL, SUPPORTED_LEVEL)):
        return wrong
    return None


def check(command: Command, level: int = SUPPORTED_LEVEL) -> Refused | None:
    """Say what is wrong with a command, or None. The first field at fault, in declaration order, is named."""
    checks = _CHECKS[min(level, SUPPORTED_LEVEL)].get(type(command))
    return wrong_type("command", command, "command") if checks is None else _first_wrong(checks, command)


def field_checker(record: type) -> Callable[[object], Refused | None]:
    """Make the function that says what is wrong with a dataclass that is no command, by the types of its fields."""
    checks = _checks(record, SUPPORTED_LEVEL)
    return lambda value: _first_wrong(checks, value)


def _first_wrong(checks: Sequence[_Check], record: object) -> Refused | None:
    for name, optional, check_value, rule, beside in checks:
        value = getattr(record, name)
        if value is not None or not optional:
            wrong = check_value(name, value) if rule is None else check_value(name, value, rule)
            if wrong:
                return wrong
        if beside is not None and (wrong := beside(record)):
            return wrong
    return None


def _scope(value: object) -> Refused | None:
    return None if type(value) is str and not value else check_id("scope", value)


def _principal(principal: object) -> Refused | None:
    if type(principal) is not Principal:
        return wrong_type("principal", principal, "principal")
    wrong = _first_wrong(_PRINCIPAL_CHECKS, principal)
    return replace(wrong, field=f"principal.{wrong.field}") if wrong else None


def _items(field: str, items: object, entries: _Entries) -> Refused | None:
    if type(items) is not tuple:
        return wrong_type(field, items, "list")
    if len(items) > ITEMS_PER_ORDER_MAX:
        return invalid(field, Problem.TOO_MANY, limit=ITEMS_PER_ORDER_MAX, length=len(items))
    sums: dict[str, int] = {}
    for index, item in enumerate(items):
        if type(item) is not entries.record:
            return wrong_type(f"{field}[{index}]", item, "item")
        if wrong := _first_wrong(entries.checks, item):
            return replace(wrong, field=f"{field}[{index}].{wrong.field}")
        total = sums[item.product_id] = sums.get(item.product_id, 0) + item.quantity
        if total > ITEM_QUANTITY_MAX:  # a product named twice counts with the sum
            return out_of_range(f"{field}[{index}].quantity", Problem.TOO_LARGE, total, ITEM_QUANTITY_MAX)
    return None


def _names_something(command: SetOrderItems) -> Refused | None:
    return None if command.items or command.extra else invalid("items", Problem.MISSING)


def _changes_something(command: UpdateCustomer | UpdateProduct | UpdateWebhook) -> Refused | None:
    unchanged = [getattr(command, name) == default for name, default in _CHANGES[type(command)]]
    return invalid("", Problem.NOTHING_TO_CHANGE) if all(unchanged) else None


def _brings_whole_credential(command: CreateCustomer) -> Refused | None:
    if (command.credential_id is None) == (command.secret_hash is None):
        return None
    return invalid("credential_id" if command.credential_id is None else "secret_hash", Problem.MISSING)


def _owner_of_credential(command: CreateCredential) -> Refused | None:
    if command.role == CallerRole.CUSTOMER:
        return invalid("customer_id", Problem.MISSING) if command.customer_id is None else None
    return None if command.customer_id is None else invalid("customer_id", Problem.UNKNOWN_FIELD)


def _names_units(command: CancelOrderItems | ReturnOrder) -> Refused | None:
    """Units are counted here, not set, so none is no number of them; and nothing is said about the item."""
    for index, item in enumerate(command.items):
        if item.quantity == 0:
            return invalid(f"items[{index}].quantity", Problem.ZERO)
        if item.extra:
            return invalid(f"items[{index}].extra", Problem.UNKNOWN_FIELD)
    return None


def _order_size(command: CreateOrder | SetOrderItems) -> Refused | None:
    return check_order_extra_bytes(command.extra, [item.extra for item in command.items])


def _url(command: CreateWebhook | UpdateWebhook) -> Refused | None:
    if command.url is None:
        return None
    return None if is_webhook_url(command.url) else invalid("url", Problem.MALFORMED)


def _events(command: CreateWebhook | UpdateWebhook) -> Refused | None:
    names = () if command.events is None else event_names(command.events)
    if any(name not in EVENTS for name in names):
        return invalid("events", Problem.UNKNOWN_VALUE, choices=", ".join(EVENTS))
    return invalid("events", Problem.DUPLICATE) if len(dict.fromkeys(names)) < len(names) else None


_BESIDE_FIELDS: Final[Mapping[tuple[type, str], Callable[[Any], Refused | None]]] = {
    **{(command, "url"): _url for command in (CreateWebhook, UpdateWebhook)},
    **{(command, "events"): _events for command in (CreateWebhook, UpdateWebhook)},
    (UpdateWebhook, "enabled"): _changes_something,
    (CreateCustomer, "secret_hash"): _brings_whole_credential,
    (CreateCredential, "customer_id"): _owner_of_credential,
    (UpdateCustomer, "expected_version"): _changes_something,
    (UpdateProduct, "expected_version"): _changes_something,
    (CreateOrder, "extra"): _order_size,
    (SetOrderItems, "items"): _names_something,
    (SetOrderItems, "extra"): _order_size,
    (CancelOrderItems, "items"): _names_units,
    (ReturnOrder, "items"): _names_units,
    (ImportOrder, "extra"): check_units,
    (ImportOrder, "expires_at_ms"): check_state,
}
"""What is asked of a command as a whole, once the field named and those before it are right."""


_CHANGES: Final[Mapping[type, tuple[tuple[str, Any], ...]]] = {
    command: tuple(
        (each.name, each.default) for each in describe(command) if not each.required and each.name != "expected_version"
    )
    for command in (UpdateCustomer, UpdateProduct, UpdateWebhook)
}
"""The fields that such a command may change, with what they are where nothing is given."""


def _checks(record: type, level: int) -> tuple[_Check, ...]:
    """List what is asked of a command or an item by the rules of a level."""
    return tuple(
        _Check(each.name, each.optional, *_check_of(each, level), _BESIDE_FIELDS.get((record, each.name)))
        for each in describe(record)
    )


def _check_of(field: FieldType, level: int) -> tuple[Callable[..., Refused | None], Rule | _Entries | None]:
    """Give the function that checks a field's value, and the rule that it checks by; None where it needs none."""
    match field.rule:
        case None if field.item is not None:
            return _items, _Entries(field.item, _checks(field.item, level))
        case None:
            return check_flag, None
        case IdRule():
            return check_id, None
        case CustomFieldsRule():
            return CHECKS_BY_RULE[CustomFieldsRule], field.rule.at(level)
        case _:
            return CHECKS_BY_RULE[type(field.rule)], field.rule


_CHECKS: Final[Mapping[int, Mapping[type, tuple[_Check, ...]]]] = {
    level: {command: _checks(command, level) for command in get_args(Command)}
    for level in range(FIRST_LEVEL, SUPPORTED_LEVEL + 1)
}

_PRINCIPAL_CHECKS: Final = _checks(Principal, SUPPORTED_LEVEL)
