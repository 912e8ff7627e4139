"""JSON text read strictly and within bounds, and written in one canonical form.

Strict: no duplicate names, no NaN or Infinity, no lone surrogates. Bounded: nesting and the length of
numbers are checked before anything is built from them. What breaks a rule is named by its place.
Numbers are exact: integers as int, all others as Decimal. Canonical: no spaces, members in the order
given, non-ASCII characters as themselves; writing what was read and reading what was written change nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import simplejson

from quitanda.domain.limits import JSON_DEPTH_MAX
from quitanda.domain.outcomes import Problem, Refused, invalid

NUMBER_LENGTH_MAX: Final = 1_000
"""Characters in one number of a JSON text."""

EXPONENT_MAX: Final = 1_000
"""Largest power of ten (either way) of a number in a JSON text."""

_QUOTED_NAME_LENGTH: Final = 64
_STRINGS_AND_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_ALL_BUT_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^\[\]{}"]++', re.DOTALL)
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")


_decode_canonical: Final = simplejson.JSONDecoder(parse_float=Decimal).decode
"""Kept: `simplejson.loads` would make a decoder for each text."""


@dataclass(frozen=True, slots=True)
class Json:
    """A value read from a JSON text: dict, list, str, int, Decimal, bool or None."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Broken:
    """Stands in a parsed value where the text breaks a rule, so that the place can be named; never leaves here."""

    problem: Problem
    details: dict[str, object]
    member: str = ""
    """Which member of an object it is, where the object itself cannot be built."""


class _Marker:
    """The parser's hooks; `used` tells whether any rule was broken."""

    def __init__(self) -> None:
        self.used = False

    def integer(self, text: str) -> int | _Broken:
        if len(text) > NUMBER_LENGTH_MAX:
            return self._broken(Problem.TOO_LARGE, limit=f"{NUMBER_LENGTH_MAX} digits")
        return int(text)

    def decimal(self, text: str) -> Decimal | _Broken:
        number = _decimal(text)
        if number is None:
            limit = f"{NUMBER_LENGTH_MAX} digits, exponent {EXPONENT_MAX}"
            return self._broken(Problem.TOO_LARGE, limit=limit)
        return number

    def constant(self, text: str) -> _Broken:  # noqa: ARG002 - the parser's interface
        """Refuse NaN, Infinity and -Infinity, which the parser would know."""
        return self._broken(Problem.NOT_A_NUMBER)

    def members(self, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any] | _Broken:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name in members:
                return self._broken(Problem.DUPLICATE, _printable(name))
            members[name] = value
        return members

    def _broken(self, problem: Problem, member: str = "", **details: object) -> _Broken:
        self.used = True
        return _Broken(problem, details, member)


def parse_json(text: str, field: str, *, depth_max: int = JSON_DEPTH_MAX) -> Json | Refused:
    """Read a JSON text that stands in `field`; a refusal names the place in it, such as `field.items[0].quantity`."""
    if _depth_exceeds(text, depth_max):
        return invalid(field, Problem.TOO_DEEP, limit=depth_max)
    marker = _Marker()
    try:
        value = simplejson.loads(
            text,
            parse_int=marker.integer,
            parse_float=marker.decimal,
            parse_constant=marker.constant,
            object_pairs_hook=marker.members,
            allow_nan=True,  # so that the hook sees them
        )
    except simplejson.JSONDecodeError as error:
        return invalid(field, Problem.NOT_JSON, position=error.pos)
    if marker.used:
        place, broken = next((place, leaf) for place, leaf in _leaves(value, field) if isinstance(leaf, _Broken))
        return invalid(_member(place, broken.member), broken.problem, **broken.details)
    if _SURROGATE_ESCAPE.search(text):
        for place, leaf in _leaves(value, field):
            if isinstance(leaf, str) and not _is_unicode(leaf):
                return invalid(place, Problem.NOT_UTF8)
    return Json(value)


def load_canonical_json(text: str) -> Any:
    """Read a JSON text that a process of Quitanda wrote (`dump_json`), without looking for what it never writes.

    Numbers are exact. ValueError where the text is no JSON, is too deep for the parser, or holds surrogates, which
    could not be written again.
    """
    if _SURROGATE_ESCAPE.search(text):
        raise ValueError("the text holds surrogates")
    try:
        return _decode_canonical(text)
    except RecursionError:
        raise ValueError("the text is nested too deep") from None


def dump_json(value: Any) -> str:
    """Write a value that `parse_json` gave, in the canonical form."""
    return simplejson.dumps(value, ensure_ascii=False, use_decimal=True, separators=(",", ":"), allow_nan=False)


def _depth_exceeds(text: str, depth_max: int) -> bool:
    """Tell whether brackets nest deeper than allowed, without parsing; brackets in strings do not count.

    A text with few brackets needs no more than counting them. Of balanced brackets, removing every pair with nothing
    in it takes one level away, so the number of rounds is the depth. Whatever is not balanced is scanned.
    """
    if text.count("[") + text.count("{") <= depth_max:
        return False
    brackets = _ALL_BUT_BRACKETS.sub("", text).replace("{", "[").replace("}", "]")
    for _ in range(depth_max):
        inner = brackets.replace("[]", "")
        if not inner:
            return False
        if len(inner) == len(brackets):
            break
        brackets = inner
    return _scan_exceeds(text, depth_max)


def _scan_exceeds(text: str, depth_max: int) -> bool:
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


def _decimal(text: str) -> Decimal | None:
    """Read a number exactly; None where it is too long or too far from one."""
    if len(text) > NUMBER_LENGTH_MAX:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if abs(number.adjusted()) <= EXPONENT_MAX else None


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Give what stands in a value, each with its place, in the order of the text; an object's names count, too."""
    match value:
        case dict():
            for name, inner in value.items():
                at = _member(place, name)
                yield at, name
                yield from _leaves(inner, at)
        case list():
            for index, inner in enumerate(value):
                yield from _leaves(inner, f"{place}[{index}]")
        case _:
            yield place, value


def _member(place: str, name: str) -> str:
    return f"{place}.{_printable(name)}" if name else place


def _printable(name: str) -> str:
    """Shorten a name that came from outside, and replace what cannot be encoded."""
    return name[:_QUOTED_NAME_LENGTH].encode("utf-8", "replace").decode()


def _is_unicode(text: str) -> bool:
    """Tell whether a string can be encoded, that is, holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
