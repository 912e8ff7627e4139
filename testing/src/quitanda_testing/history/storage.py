"""A history as a file: JSON, one operation a line, to be checked again elsewhere."""

import json
from collections.abc import Iterable
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

import simplejson

from quitanda.codec.documents import kind_of, present_summary, read_document, read_summary, stored_text
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import Kind
from quitanda.domain.outcomes import Done, Reason, Refused
from quitanda_testing.history.operations import NEVER, Action, Listed, Outcome, RecordedOperation, TurnedAway, Unknown

_ACTIONS = {kind.__name__: kind for kind in get_args(Action)}


def save(history: Iterable[RecordedOperation], file: Path) -> None:
    """Write the file anew."""
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(line_of(operation) + "\n" for operation in history)


def load(file: Path) -> list[RecordedOperation]:
    """Read the file; ValueError names the line that is not an operation."""
    history = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                history.append(operation_of(line))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{file}, line {number}: {error!r}") from error
    return history


def line_of(operation: RecordedOperation) -> str:
    """Write one operation."""
    return json.dumps(
        {
            "number": operation.number,
            "client": operation.client,
            "transport": operation.transport,
            "invoked_at": operation.invoked_at,
            "answered_at": operation.answered_at if operation.is_decided else None,
            "request_id": operation.request_id,
            "action": _action_to_json(operation.action),
            "outcome": _outcome_to_json(operation.outcome),
            "revision": operation.revision,
            "tries": operation.tries,
            "begun_at_ms": operation.begun_at_ms,
        },
        ensure_ascii=False,
    )


def operation_of(line: str) -> RecordedOperation:
    """Read one operation."""
    values = simplejson.loads(line)
    answered_at = NEVER if values["answered_at"] is None else values["answered_at"]
    return RecordedOperation(
        number=values["number"],
        client=values["client"],
        transport=values["transport"],
        action=_action_from_json(values["action"]),
        request_id=values["request_id"],
        invoked_at=values["invoked_at"],
        answered_at=answered_at,
        outcome=_outcome_from_json(values["outcome"]),
        revision=values["revision"],
        tries=values["tries"],
        begun_at_ms=values.get("begun_at_ms", 0),
    )


def _action_to_json(action: Action) -> dict[str, Any]:
    return {"do": type(action).__name__, **_to_json(action)}


def _to_json(value: Any) -> dict[str, Any]:
    """Write the fields that are not at their defaults."""
    texts = {field.name: (getattr(value, field.name), field.default) for field in fields(value)}
    return {
        name: [_to_json(item) if isinstance(item, ItemQuantity) else item for item in held]
        if isinstance(held, tuple)
        else held
        for name, (held, default) in texts.items()
        if default is MISSING or held != default
    }


def _action_from_json(values: dict[str, Any]) -> Action:
    return _from_json(_ACTIONS[values.pop("do")], values)


def _from_json(kind: type, values: dict[str, Any]) -> Any:
    read = {name: tuple(map(_element, held)) if isinstance(held, list) else held for name, held in values.items()}
    return kind(**read)


def _element(value: Any) -> Any:
    """Read what stands in a list: an item, an extra field as (name, text), or the name of a state."""
    if isinstance(value, str):
        return value
    return _from_json(ItemQuantity, value) if isinstance(value, dict) else tuple(value)


def _outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Done(None, affected):
            return {"done": None, "orders_affected": affected}
        case Done(document, affected) if document is not None:
            return {"done": {kind_of(document).value: stored_text(document)}, "orders_affected": affected}
        case Refused(reason, field, details):
            return {"refused": reason.value, "field": field, "details": dict(details)}
        case Listed(orders):
            return {"listed": [present_summary(summary) for summary in orders]}
        case Unknown():
            return {"unknown": True}
        case TurnedAway():
            return {"turned_away": True}
    raise TypeError(f"not an outcome: {outcome}")


def _outcome_from_json(values: dict[str, Any]) -> Outcome:
    match values:
        case {"done": None, "orders_affected": int(affected)}:
            return Done(None, affected)
        case {"done": dict(document), "orders_affected": int(affected)}:
            ((kind, text),) = document.items()
            return Done(read_document(Kind(kind), simplejson.loads(text, use_decimal=True)), affected)
        case {"refused": str(reason), "field": str(field), "details": dict(details)}:
            return Refused(Reason(reason), field, tuple(sorted(details.items())))
        case {"listed": list(summaries)}:
            return Listed(tuple(read_summary(simplejson.loads(text, use_decimal=True)) for text in summaries))
        case {"unknown": True}:
            return Unknown()
        case {"turned_away": True}:
            return TurnedAway()
        case _:
            raise ValueError(f"not an outcome: {values}")
