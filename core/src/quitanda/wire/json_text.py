"""JSON text read strictly and within bounds, and written in one canonical form.

Strict: no duplicate names, no NaN or Infinity, no lone surrogates. Bounded: nesting and the length of
numbers are checked before anything is built from them. Numbers are exact: integers as int, all others as
Decimal. Canonical: no spaces, members in the order given, non-ASCII characters as themselves; writing
what was read and reading what was written change nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Never

import simplejson

from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.outcomes import Problem, Refused, invalid

NUMBER_LENGTH_MAX: Final = 1_000
"""Characters in one number of a JSON text."""

EXPONENT_MAX: Final = 1_000
"""Largest power of ten (either way) of a number in a JSON text."""

_QUOTED_NAME_LENGTH: Final = 64
_STRINGS_AND_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Json:
    """A value read from a JSON text: dict, list, str, int, Decimal, bool or None."""

    value: Any


class _BrokenRuleError(ValueError):
    """Raised inside the parser's hooks; never leaves this module."""

    def __init__(self, problem: Problem, **details: object) -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.details = details


def parse_json(text: str, field: str, *, depth_max: int = JSON_DEPTH_MAX) -> Json | Refused:
    """Read a JSON text; a refusal names `field`."""
    if _depth_exceeds(text, depth_max):
        return invalid(field, Problem.TOO_DEEP, limit=depth_max)
    try:
        value = simplejson.loads(
            text,
            parse_int=_integer,
            parse_float=_decimal,
            object_pairs_hook=_object,
            allow_nan=False,
        )
    except _BrokenRuleError as error:
        return invalid(field, error.problem, **error.details)
    except simplejson.JSONDecodeError as error:
        return invalid(field, Problem.NOT_JSON, position=error.pos)
    if _SURROGATE_ESCAPE.search(text) and not _is_unicode(value):
        return invalid(field, Problem.NOT_UTF8)
    return Json(value)


def dump_json(value: Any) -> str:
    """Write a value that `parse_json` gave, in the canonical form."""
    return simplejson.dumps(value, ensure_ascii=False, use_decimal=True, separators=(",", ":"), allow_nan=False)


def _depth_exceeds(text: str, depth_max: int) -> bool:
    """Tell whether brackets nest deeper than allowed, without parsing; brackets in strings do not count."""
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        token = match.group()
        if token in {"[", "{"}:
            depth += 1
            if depth > depth_max:
                return True
        elif token in {"]", "}"}:
            depth -= 1
    return False


def _integer(text: str) -> int:
    if len(text) > NUMBER_LENGTH_MAX:
        raise _BrokenRuleError(Problem.TOO_LARGE, limit=f"{NUMBER_LENGTH_MAX} digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    too_large = _BrokenRuleError(Problem.TOO_LARGE, limit=f"{NUMBER_LENGTH_MAX} digits, exponent {EXPONENT_MAX}")
    if len(text) > NUMBER_LENGTH_MAX:
        raise too_large
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise too_large from None
    if abs(number.adjusted()) > EXPONENT_MAX:
        raise too_large
    return number


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            _refuse_duplicate(name)
        members[name] = value
    return members


def _refuse_duplicate(name: str) -> Never:
    printable = name[:_QUOTED_NAME_LENGTH].encode("utf-8", "replace").decode()
    raise _BrokenRuleError(Problem.DUPLICATE, name=printable)


def _is_unicode(value: Any) -> bool:
    """Tell whether every string inside can be encoded, that is, holds no half of a surrogate pair."""
    try:
        dump_json(value).encode()
    except UnicodeEncodeError:
        return False
    return True
