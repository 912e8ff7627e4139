"""A dataclass as a JSON object, and back: the fields of a request over MQTT.

Names are the dataclass's. Money is a decimal number with two places, custom fields are an object, `null` is the same
as a field that is not there. A field that the dataclass has not is refused: it would otherwise be a misspelt one that
silently has no effect.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

from quitanda.codec.json_fields import FieldReader
from quitanda.codec.json_text import parse_json
from quitanda.codec.money import format_price
from quitanda.codec.numbers import INT64_MAX
from quitanda.domain.compiled import compile_function
from quitanda.domain.field_types import ChangeRule, FieldType, Form, NumberRule, describe
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX
from quitanda.domain.outcomes import Refused

Record = TypeVar("Record")


class ObjectCodec(Generic[Record]):
    """Reads JSON objects as one dataclass, and writes them.

    `outside` names fields of the dataclass that never stand in the object, `ignored` what may stand there besides.
    """

    def __init__(
        self, record: type[Record], outside: frozenset[str] = frozenset(), ignored: frozenset[str] = frozenset()
    ) -> None:
        self._ignored: Final = ignored
        self._fields: Final = tuple(each for each in describe(record) if each.name not in outside)
        self._items: Final = {each.name: ObjectCodec[Any](each.item) for each in self._fields if each.item is not None}
        self.take: Final[Callable[..., Record]] = _compile_take(record, self._fields, self._items)
        """Take the dataclass's fields from a FieldReader, which remembers what is wrong with them."""

    def read(self, fields: Mapping[str, Any], **given: Any) -> Record | Refused:
        """Make the dataclass, with the fields `given` that stand outside; or say which field is wrong."""
        reader = FieldReader(fields, ignored=self._ignored)
        return reader.finish(self.take(reader, **given))

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


def _compile_take(
    record: type[Record], fields: Iterable[FieldType], items: Mapping[str, ObjectCodec[Any]]
) -> Callable[..., Record]:
    names: dict[str, Any] = {"record": record, "or_default": _or_default}
    arguments = []
    for each in fields:
        if each.form is Form.LIST:
            names[f"take_{each.name}"] = items[each.name].take
        names[f"no_{each.name}"] = each.default
        arguments.append(f"{each.name}={_expression(each)}")
    line = f"return record({', '.join(arguments)}, **given)"
    return compile_function("take(reader, **given)", [line], names)


def _expression(field: FieldType) -> str:
    """Write the call that takes a field from a reader."""
    limit = field.rule.limit if isinstance(field.rule, NumberRule | ChangeRule) else INT64_MAX
    name = field.name
    match field.form:
        case Form.LIST:
            return f"reader.records({name!r}, take_{name}, {ITEMS_PER_ORDER_MAX})"
        case Form.CUSTOM_FIELDS:
            return f"reader.custom_fields({name!r})"
        case Form.FLAG:
            return f"reader.flag({name!r})"
        case _:
            call = {
                Form.TEXT: f"text({name!r})",
                Form.NUMBER: f"integer({name!r}, {limit})",
                Form.MONEY: f"price({name!r})",
            }[field.form]
    if field.required:
        return f"reader.{call}"
    return f"reader.optional_{call}" if field.default is None else f"or_default(reader.optional_{call}, no_{name})"


def _or_default(value: Any, default: Any) -> Any:
    return default if value is None else value


def _values(custom_fields: tuple[tuple[str, str], ...], path: str) -> dict[str, Any] | Refused:
    values: dict[str, Any] = {}
    for name, text in custom_fields:
        parsed = parse_json(text, f"{path}.{name}")
        if isinstance(parsed, Refused):
            return parsed
        values[name] = parsed.value
    return values
