"""Why a part of a history is not right: how far it goes well, what cannot come next, and the state there."""

from collections.abc import Iterable, Iterator, Sequence

from quitanda.codec.documents import present_document
from quitanda.domain.model import Document
from quitanda.domain.outcomes import Done, Refused
from quitanda_testing.history.linearization import Placement
from quitanda_testing.history.model import UndoableState
from quitanda_testing.history.operations import Listed, Outcome, RecordedOperation, TurnedAway, Unknown
from quitanda_testing.history.parts import Names, named
from quitanda_testing.history.rules import Rules, repeated_requests
from quitanda_testing.history.window import Window

LAST_SHOWN = 12
"""Operations before the end of the order that are shown, of those that have to do with what cannot come."""
STATE_SHOWN = 24
UNANSWERED_SHOWN = 12


def explain(part: Sequence[RecordedOperation], furthest: Placement | None, *, decided: bool) -> str:
    """Say in lines what is wrong with a part; `decided` is false where the budget ended before the search."""
    rules = Rules(UndoableState(), repeated_requests(part))
    order = list(_in_order(furthest))
    for placed in order:
        _again(rules, placed)
    answered = [operation for operation in part if operation.is_decided]
    window = Window(answered)
    for placed in order:
        if placed.index >= 0:
            window.take(placed.index)
    stuck = [answered[index] for index in window.candidates()[0]]
    names = frozenset().union(*map(named, stuck)) if stuck else frozenset()
    came = sum(placed.index >= 0 for placed in order)
    return "\n".join(
        [
            f"NOT LINEARIZABLE: {len(part)} operations of {_shop(part)}"
            if decided
            else f"UNDECIDED within the budget: {len(part)} operations of {_shop(part)}",
            f"The longest order that the rules allow has {came} of {len(answered)} answered operations. It ends with:",
            *_last(order, names),
            "There the state is:",
            *_state(rules.model, names),
            "Next would have to come one of these, and the rules would answer each in another way:",
            *(line for operation in stuck for line in _mismatch(rules, operation)),
            *_unanswered(part, order),
        ]
    )


def describe(operation: RecordedOperation) -> str:
    """Write an operation in one line."""
    until = f"to {operation.answered_at:.4f}" if operation.is_decided else "on, without an answer"
    who = f"#{operation.number} {operation.client} ({operation.transport}, {operation.invoked_at:.4f} {until})"
    request = f" request {operation.request_id}" if operation.request_id else ""
    return f"{who}{request} {operation.action} -> {show(operation.outcome)}"


def show(outcome: Outcome) -> str:
    """Write an outcome in words."""
    match outcome:
        case Done(document, affected):
            return f"done, {affected} orders affected" if document is None else f"done: {present_document(document)}"
        case Refused(reason, _, facts):
            return f"refused: {reason} {dict(facts)}"
        case Listed(orders):
            return f"listed: {', '.join(map(str, orders)) or 'nothing'}"
        case Unknown():
            return "unknown"
        case TurnedAway():
            return "turned away"


def _again(rules: Rules, placed: Placement) -> None:
    operation = placed.operation
    if placed.index >= 0:
        rules.happen(operation)
    elif placed.named:
        rules.name(operation, placed.named, placed.created_at_ms)
    else:
        rules.happen_pending(operation)


def _in_order(last: Placement | None) -> Iterator[Placement]:
    backwards = []
    while last is not None:
        backwards.append(last)
        last = last.before
    return reversed(backwards)


def _shop(part: Iterable[RecordedOperation]) -> str:
    names = sorted(frozenset().union(*map(named, part)))
    products = [name.removeprefix("product ") for name in names if name.startswith("product ")]
    return f"the shop with the products {', '.join(products)}" if products else f"the shop with {', '.join(names[:3])}"


def _last(order: Sequence[Placement], names: Names) -> Iterator[str]:
    related = [placed for placed in order if not names.isdisjoint(named(placed.operation))]
    if len(related) > LAST_SHOWN:
        yield "  ..."
    for placed in related[-LAST_SHOWN:]:
        yield f"  {describe(placed.operation)}" + (f" [the order is {placed.named}]" if placed.named else "")
    if not related:
        yield "  (nothing about the same documents)"


def _state(model: UndoableState, names: Names) -> Iterator[str]:
    documents = [document for document in model.documents() if not names.isdisjoint(_name(document))]
    for document in documents[:STATE_SHOWN]:
        yield f"  {type(document).__name__} {present_document(document)}"
    if len(documents) > STATE_SHOWN:
        yield f"  ... and {len(documents) - STATE_SHOWN} more"
    missing = names - frozenset().union(*map(_name, documents)) if documents else names
    for name in sorted(missing):
        yield f"  no {name}"


def _name(document: Document) -> Names:
    for kind in ("order", "product", "customer"):
        if document_id := getattr(document, f"{kind}_id", ""):
            return frozenset({f"{kind} {document_id}"})
    raise TypeError(f"a document without an id: {document!r}")


def _mismatch(rules: Rules, operation: RecordedOperation) -> Iterator[str]:
    yield f"  {describe(operation)}"
    mark = rules.model.mark
    if rules.happen(operation):  # it fits, but what follows from it does not
        rules.model.back_to(mark)
        yield "      the rules allow this, but then nothing leads on"
    else:
        yield f"      the rules: {show(rules.answer(operation))}"


def _unanswered(part: Sequence[RecordedOperation], order: Sequence[Placement]) -> Iterator[str]:
    took_effect = {placed.operation.number for placed in order if placed.index < 0}
    left = [operation for operation in part if not operation.is_decided and operation.number not in took_effect]
    if left:
        yield "Not used, of those without an answer:"
    for operation in left[-UNANSWERED_SHOWN:]:
        yield f"  {describe(operation)}"
