"""The JSON object in `data`: read field by field, and written."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Final

from quitanda.codec.json_fields import FieldReader
from quitanda.codec.json_text import dump_json, parse_json
from quitanda.codec.numbers import whole_number
from quitanda.compat import custom_fields
from quitanda.compat.ids import NOTHING, characters_allowed, native_id
from quitanda.domain.model import CustomFields
from quitanda.domain.outcomes import Problem, Refused, invalid

DATA: Final = "data"
"""Names the whole text where no single field is at fault."""


class DataReader(FieldReader):
    """Takes the fields of an object one by one, as the course writes them."""

    def identity(self, name: str, given: str = "") -> str:
        """Take an id that must be there, here or `given` beside the data, and the same where it is in both.

        A number counts as its digits. Returns the id as it is stored.
        """
        value = self._take(name)
        told = str(value) if type(value) is int else value
        if told is None or told == "":
            told = given
        if not isinstance(told, str):
            self._mistyped(name, "string", value)
            return ""
        if given and told != given:
            self._refuse(invalid(self._name(name), Problem.DUPLICATE))
        if told == NOTHING:
            self._refuse(invalid(self._name(name), Problem.ZERO))
        if not told:
            self._refuse(invalid(self._name(name), Problem.MISSING))
        allowed = characters_allowed(told)
        if len(told) > allowed:
            self._refuse(invalid(self._name(name), Problem.TOO_LONG, limit=allowed, length=len(told)))
        return native_id(told)

    def units(self, name: str, limit: int) -> int:
        """Take a number of units that must be there, as a number or as its text; there may be at most `limit`."""
        value = self.optional_units(name, limit)
        return self._missing(name, 0) if value is None else value

    def optional_units(self, name: str, limit: int) -> int | None:
        """Take a number of units, as a number or as its text; None where there is no such field."""
        value = self.peek(name)
        if not isinstance(value, str):
            return self.optional_integer(name, limit)
        self._take(name)
        number = whole_number(value, self._name(name), limit)
        if isinstance(number, Refused):
            self._refuse(number)
            return None
        return number

    def objects(self, name: str, limit: int) -> "list[DataReader]":
        """Take a list of at most `limit` objects, each to be read; none where there is no such field."""
        value = self._take(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._mistyped(name, "list", value)
            return []
        if len(value) > limit:
            self._refuse(invalid(self._name(name), Problem.TOO_MANY, limit=limit, length=len(value)))
            return []
        for index, entry in enumerate(value):
            if not isinstance(entry, dict):
                self._mistyped(f"{name}[{index}]", "object", entry)
                return []
        return [DataReader(entry, f"{self._name(name)}[{index}].") for index, entry in enumerate(value)]

    def ignore(self, name: str) -> None:
        """Take a field that means nothing, whatever it is."""
        self._take(name)

    def has(self, name: str) -> bool:
        """Tell whether there is such a field, be it null."""
        return name in self._fields

    def peek(self, name: str) -> Any:
        """Look at a field without taking it; None where there is none."""
        return self._fields.get(name)

    def rest(self, reserved: Collection[str]) -> CustomFields:
        """Take every field that was not taken yet, to be kept; see `extras`."""
        rest = {name: value for name, value in self._fields.items() if name not in self._taken}
        self._taken.update(rest)
        return custom_fields.stored(rest, reserved)

    def part_finished(self, part: "DataReader") -> None:
        """Take over what was wrong with an object in a list."""
        if part.refusal is not None:
            self._refuse(part.refusal)


def read_data(text: str, array: str = "") -> DataReader | Refused:
    """Read `data`; an empty text counts as an object without fields.

    A bare array counts as an object whose only field has the name `array`, where there is such a name.
    """
    if not text or text.isspace():
        return DataReader({})
    parsed = parse_json(text, DATA)
    if isinstance(parsed, Refused):
        place = parsed.field.removeprefix(f"{DATA}.")
        if array and place.startswith(f"{DATA}["):
            place = array + place.removeprefix(DATA)
        return replace(parsed, field=place)
    if array and isinstance(parsed.value, list):
        return DataReader({array: parsed.value})
    if not isinstance(parsed.value, dict):
        return invalid(DATA, Problem.WRONG_TYPE, expected="object")
    return DataReader(parsed.value)


def write_object(members: Iterable[tuple[str, str]]) -> str:
    """Write an object of names and JSON texts."""
    return "{" + ",".join(f"{dump_json(name)}:{text}" for name, text in members) + "}"


def text(value: str) -> str:
    """Write a string as JSON."""
    return dump_json(value)


def units(quantity: int) -> str:
    """Write a number of units as the course does: as a string."""
    return dump_json(str(quantity))
