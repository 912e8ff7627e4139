"""The state machine: one command and the state it meets, to an outcome and what changes.

Each rule stands in the module of the document that it is about, which lists its rules by command (`RULES`).
"""

from typing import Final

from quitanda.domain import (
    credentials,
    customers,
    levels,
    order_imports,
    order_moves,
    orders,
    permissions,
    products,
    refusals,
    validation,
    webhooks,
)
from quitanda.domain.commands import Command, OwnCommand, RaiseLevel, Request
from quitanda.domain.fingerprint import fingerprint
from quitanda.domain.outcomes import Done, Reason, Refused, refused
from quitanda.domain.state import Decision, Execution, Rules, StateView, StoredOutcome, TimedRules


def execute(view: StateView, request: Request, revision: int) -> Execution:
    """Decide a request once, however often it comes; `revision` is the index of its log entry.

    A repeated request gets the outcome and the revision of the first time, and changes nothing. An id
    that stands for another request is refused. So is an invalid request, and neither refusal is
    remembered: no state could make it valid, and a portal that refuses it early remembers nothing either,
    so the caller may correct it and keep the id.

    A principal who may not ask for the command is refused before anybody looks for an earlier outcome, which so tells
    nothing to a caller whose credential was revoked. That is not remembered either: with another credential the same
    request may be decided.

    A command that the state's level does not have yet is refused, and a field that it does not have is ignored: just
    as a version decides that has never heard of them. Raises LevelNotSupported where the level would become one that
    this version does not know.
    """
    if type(request) is Request:
        request = levels.request_as_of(request, view.level)
    if refusal := _refuse_unremembered(view, request):
        return Execution(refusal, revision)
    if isinstance(request.command, OwnCommand):
        own = _RULES[type(request.command)](view, request.command)
        return Execution(own.outcome, revision, own.changes, level=own.level, clock_ms=own.clock_ms)
    asked = fingerprint(request.command)
    earlier = view.remembered(request.scope, request.request_id)
    if earlier is None:
        decision = _decide(view, request.command, request.received_at_ms)
        remember = StoredOutcome(asked, revision, decision.outcome)
        return Execution(decision.outcome, revision, decision.changes, remember, webhooks=decision.webhooks)
    if earlier.fingerprint != asked:
        return Execution(refusals.request_id_reused(earlier.revision), revision)
    return Execution(earlier.outcome, earlier.revision)


def _refuse_unremembered(view: StateView, request: Request) -> Refused | None:
    if type(request) is Request and (too_low := levels.check_command(request.command, view.level)):
        return too_low
    return validation.check_request(request, view.level) or permissions.check_principal(view, request)


def decide(view: StateView, command: Command, received_at_ms: int = 0) -> Decision:
    """Decide a command: total, pure, the same on every replica; a refusal changes nothing.

    `received_at_ms` is that of the command's request. Raises BrokenInvariantError only where the state contradicts
    itself, LevelNotSupported as `execute`.
    """
    if too_low := levels.check_command(command, view.level):
        return Decision(too_low)
    command = levels.as_of(command, view.level)
    wrong = validation.check(command, view.level)
    return Decision(wrong) if wrong else _decide(view, command, received_at_ms)


def _decide(view: StateView, command: Command, received_at_ms: int) -> Decision:
    kind = type(command)
    timed = _TIMED_RULES.get(kind)
    return _RULES[kind](view, command) if timed is None else timed(view, command, received_at_ms)


def _raise_level(view: StateView, command: RaiseLevel) -> Decision:
    """Raise the level by one; whether all replicas support it was asked before the command came into the log."""
    if command.level <= view.level:
        return Decision(Done(None))
    if command.level > view.level + 1:
        return Decision(refused(Reason.LEVEL_TOO_LOW, "level", level=view.level, needed=command.level - 1))
    levels.check_supported(command.level, "an entry of the log")
    return Decision(Done(None), level=command.level)


_RULES: Final[Rules] = {
    **customers.RULES,
    **products.RULES,
    **orders.RULES,
    **credentials.RULES,
    **order_moves.RULES,
    **order_imports.RULES,
    **webhooks.RULES,
    RaiseLevel: _raise_level,
}

_TIMED_RULES: Final[TimedRules] = {**customers.TIMED_RULES, **orders.TIMED_RULES, **order_moves.TIMED_RULES}
