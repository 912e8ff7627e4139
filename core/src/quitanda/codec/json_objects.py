"""A dataclass as a JSON object, and back: the fields of a request over MQTT.

Names are the dataclass's. Money is a decimal number with two places, custom fields are an object, `null` is the same
as a field that is not there. A field that the dataclass has not is refused: it would otherwise be a misspelt one that
silently has no effect.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final, Generic, TypeVar

from quitanda.codec.json_fields import FieldReader
from quitanda.codec.json_text import parse_json
from quitanda.codec.money import format_price
from quitanda.codec.numbers import INT64_MAX
from quitanda.domain.field_types import ChangeRule, FieldType, Form, NumberRule, describe
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX
from quitanda.domain.outcomes import Refused

Record = TypeVar("Record")
_Take = Callable[[FieldReader], Any]


class ObjectCodec(Generic[Record]):
    """Reads JSON objects as one dataclass, and writes them. `outside` names fields that never stand in the object."""

    def __init__(self, record: type[Record], outside: frozenset[str] = frozenset()) -> None:
        self._record = record
        self._fields: Final = tuple(each for each in describe(record) if each.name not in outside)
        self._items: Mapping[str, ObjectCodec[Any]] = {
            each.name: ObjectCodec(each.item) for each in self._fields if each.item is not None
        }
        self._takes = [(each.name, _take(each, self._items.get(each.name))) for each in self._fields]

    def read(self, fields: Mapping[str, Any], **given: Any) -> Record | Refused:
        """Make the dataclass, with the fields `given` that stand outside; or say which field is wrong."""
        reader = FieldReader(dict(fields))
        return reader.finish(self.take(reader, **given))

    def take(self, reader: FieldReader, **given: Any) -> Record:
        """Take the dataclass's fields from a reader, which remembers what is wrong with them."""
        return self._record(**{name: take(reader) for name, take in self._takes}, **given)

    def write(self, record: Record, path: str = "") -> dict[str, Any] | Refused:
        """Make the object without what is at its default; Refused where a custom field is not JSON."""
        written: dict[str, Any] = {}
        for each in self._fields:
            value = getattr(record, each.name)
            if not each.required and value == each.default:
                continue
            wire = self._write(each, value, path)
            if isinstance(wire, Refused):
                return wire
            written[each.name] = wire
        return written

    def _write(self, field: FieldType, value: Any, path: str) -> Any:
        match field.form:
            case Form.MONEY:
                return Decimal(format_price(value))
            case Form.CUSTOM_FIELDS:
                return _values(value, path + field.name)
            case Form.LIST:
                items = self._items[field.name]
                entries = [items.write(entry, f"{path}{field.name}[{index}].") for index, entry in enumerate(value)]
                return next((entry for entry in entries if isinstance(entry, Refused)), entries)
            case _:
                return value


def _take(field: FieldType, items: ObjectCodec[Any] | None) -> _Take:  # noqa: PLR0911 - one case for each form
    """Give the function that takes a field from a reader."""
    limit = field.rule.limit if isinstance(field.rule, NumberRule | ChangeRule) else INT64_MAX
    name = field.name
    match field.form, field.required:
        case Form.LIST, _ if items is not None:
            return lambda reader: reader.records(name, items.take, ITEMS_PER_ORDER_MAX)
        case Form.CUSTOM_FIELDS, _:
            return lambda reader: reader.custom_fields(name)
        case Form.FLAG, _:
            return lambda reader: reader.flag(name)
        case Form.TEXT, True:
            return lambda reader: reader.text(name)
        case Form.NUMBER, True:
            return lambda reader: reader.integer(name, limit)
        case Form.MONEY, True:
            return lambda reader: reader.price(name)
        case Form.TEXT, _:
            return partial(_or_default, lambda reader: reader.optional_text(name), field.default)
        case Form.NUMBER, _:
            return partial(_or_default, lambda reader: reader.optional_integer(name, limit), field.default)
        case _:
            return partial(_or_default, lambda reader: reader.optional_price(name), field.default)


def _or_default(take: _Take, default: Any, reader: FieldReader) -> Any:
    value = take(reader)
    return default if value is None else value


def _values(custom_fields: tuple[tuple[str, str], ...], path: str) -> dict[str, Any] | Refused:
    values: dict[str, Any] = {}
    for name, text in custom_fields:
        parsed = parse_json(text, f"{path}.{name}")
        if isinstance(parsed, Refused):
            return parsed
        values[name] = parsed.value
    return values
