"""Reading a JSON object field by field, with types; every refusal names its field."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, TypeVar

from quitanda.codec.custom_fields import extra_from_values
from quitanda.codec.json_text import parse_json
from quitanda.codec.money import parse_price
from quitanda.codec.numbers import INT64_MAX, whole_number
from quitanda.domain.model import CustomFields
from quitanda.domain.outcomes import Problem, Refused, invalid

WHOLE: Final = "request"
"""Names the whole message where no single field is at fault."""

_NAME_LENGTH_SHOWN: Final = 64
_TYPE_NAMES: Final = {
    dict: "object",
    list: "list",
    str: "string",
    int: "integer",
    Decimal: "number",
    bool: "boolean",
    type(None): "null",
}

Value = TypeVar("Value")


def parse_object(data: bytes, max_bytes: int) -> dict[str, Any] | Refused:
    """Read bytes as one JSON object; numbers are exact (int or Decimal)."""
    if len(data) > max_bytes:
        return invalid(WHOLE, Problem.TOO_LARGE, limit=f"{max_bytes} bytes", length=len(data))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return invalid(WHOLE, Problem.NOT_UTF8, position=error.start)
    parsed = parse_json(text, WHOLE)
    if isinstance(parsed, Refused):
        return replace(parsed, field=parsed.field.removeprefix(f"{WHOLE}."))
    if not isinstance(parsed.value, dict):
        return _wrong_type(WHOLE, "object", parsed.value)
    return parsed.value


class FieldReader:
    """Takes an object's fields one by one and remembers the first thing that is wrong.

    An invalid field yields a placeholder of the right type; `finish` returns the first refusal instead of what was
    built of placeholders. `null` is the same as a field that is not there. Fields in `ignored` may stand in the object.
    """

    def __init__(self, fields: Mapping[str, Any], path: str = "", ignored: Iterable[str] = ()) -> None:
        self._fields = fields
        self._path = path
        self._taken = set(ignored)
        self.refusal: Refused | None = None

    def finish(self, value: Value) -> Value | Refused:
        """Give the value, or the first refusal; a field that no getter took is refused, too."""
        if self.refusal is None:
            for name in self._fields:
                if name not in self._taken:
                    self._refuse(invalid(self._name(name), Problem.UNKNOWN_FIELD))
        return value if self.refusal is None else self.refusal

    def text(self, name: str) -> str:
        """Take a string that must be there."""
        value = self.optional_text(name)
        return self._missing(name, "") if value is None else value

    def optional_text(self, name: str) -> str | None:
        """Take a string, or None where there is none."""
        value = self._take(name)
        if value is None or isinstance(value, str):
            return value
        self._mistyped(name, "string", value)
        return None

    def integer(self, name: str, limit: int = INT64_MAX) -> int:
        """Take an integer that must be there."""
        value = self.optional_integer(name, limit)
        return self._missing(name, 0) if value is None else value

    def optional_integer(self, name: str, limit: int = INT64_MAX) -> int | None:
        """Take an integer (see `codec.numbers`); None where there is no such field.

        `limit` is the field's own bound, told of a number that is too large to be carried on.
        """
        value = self._take(name)
        if value is None or (type(value) is int and abs(value) <= INT64_MAX):
            return value
        number = _integer_or_refused(value, self._name(name), limit)
        if isinstance(number, Refused):
            self._refuse(number)
            return None
        return number

    def flag(self, name: str) -> bool:
        """Take true or false; false where there is no such field."""
        value = self._take(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self._mistyped(name, "boolean", value)
        return False

    def price(self, name: str) -> int:
        """Take a price that must be there, in minor units."""
        value = self.optional_price(name)
        return self._missing(name, 0) if value is None else value

    def optional_price(self, name: str) -> int | None:
        """Take a price, as a number or as its text, in minor units; None where there is no such field."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            self._mistyped(name, "number", value)
            return None
        price = parse_price(value, self._name(name))
        if isinstance(price, Refused):
            self._refuse(price)
            return None
        return price

    def custom_fields(self, name: str) -> CustomFields:
        """Take an object of fields that Quitanda does not know; none where there is no such field."""
        value = self._take(name)
        if value is None:
            return ()
        if not isinstance(value, dict):
            self._mistyped(name, "object", value)
            return ()
        return extra_from_values(value)

    def texts(self, name: str, limit: int) -> tuple[str, ...]:
        """Take a list of at most `limit` strings; none where there is no such field."""
        texts = self._list(name, limit)
        for index, each in enumerate(texts):
            if not isinstance(each, str):
                self._mistyped(f"{name}[{index}]", "string", each)
                return ()
        return tuple(texts)

    def records(self, name: str, take: Callable[["FieldReader"], Value], limit: int) -> tuple[Value, ...]:
        """Take a list of at most `limit` objects, each with `take`; none where there is no such field."""
        records = self._list(name, limit)
        return tuple(self._record(f"{name}[{index}]", each, take) for index, each in enumerate(records))

    def _list(self, name: str, limit: int) -> Sequence[Any]:
        value = self._take(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self._mistyped(name, "list", value)
            return ()
        if len(value) > limit:
            self._refuse(invalid(self._name(name), Problem.TOO_MANY, limit=limit, length=len(value)))
            return ()
        return value

    def _record(self, place: str, value: Any, take: Callable[["FieldReader"], Value]) -> Value:
        if not isinstance(value, dict):
            self._mistyped(place, "object", value)
            value = {}
        reader = FieldReader(value, f"{self._name(place)}.")
        record = take(reader)
        reader.finish(record)
        if reader.refusal is not None:
            self._refuse(reader.refusal)
        return record

    def _take(self, name: str) -> Any:
        self._taken.add(name)
        return self._fields.get(name)

    def _missing(self, name: str, instead: Value) -> Value:
        self._refuse(invalid(self._name(name), Problem.MISSING))
        return instead

    def _mistyped(self, name: str, expected: str, value: Any) -> None:
        self._refuse(_wrong_type(self._name(name), expected, value))

    def _refuse(self, refusal: Refused) -> None:
        if self.refusal is None:
            self.refusal = refusal

    def _name(self, name: str) -> str:
        shown = f"{self._path}{name[:_NAME_LENGTH_SHOWN]}"
        return shown if name else self._path.removesuffix(".") or WHOLE  # a name may be empty


def _integer_or_refused(value: Any, field: str, limit: int) -> int | Refused:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return _wrong_type(field, "integer", value)
    return whole_number(value, field, limit)


def _wrong_type(field: str, expected: str, value: Any) -> Refused:
    return invalid(field, Problem.WRONG_TYPE, expected=expected, got=_TYPE_NAMES[type(value)])
