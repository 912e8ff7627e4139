"""A dataclass as a protobuf message, and back; compiled once for each pair of classes, at import.

A field has the same name in both. An amount of money may have the suffix `_minor_units` in the message. An `optional`
field of the message is not written where the dataclass's field has its default. A message's
field that the dataclass has not (such as `request_id`) is the caller's business; a property of the dataclass (such as
`total`) is written and not read.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from quitanda.codec.custom_fields import extra_from_pairs
from quitanda.codec.numbers import INT64_MAX
from quitanda.domain.compiled import compile_function
from quitanda.domain.field_types import ChangeRule, CustomFieldsRule, FieldType, Form, NumberRule, describe
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX
from quitanda.domain.outcomes import Problem, Refused, invalid

Record = TypeVar("Record")

_MONEY_SUFFIX: Final = "_minor_units"
_ENTRY: Final = re.compile(r"(\w+)(\[\d+\]\.)(.+)", re.ASCII)
"""The place of a field of a list's entry."""
_RANGES: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31 - 1), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-INT64_MAX, INT64_MAX),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


class MessageCodec(Generic[Record]):
    """Reads one message class as one dataclass, and writes it.

    Where `bounded`, a list of more than ITEMS_PER_ORDER_MAX entries is refused before it is read. Custom fields that a
    command may set are checked and brought into the canonical form; a document's are taken as they are.
    """

    def __init__(self, record: type[Record], message: type[Message], *, bounded: bool = True) -> None:
        wire: Mapping[str, Any] = message.DESCRIPTOR.fields_by_name
        fields = [(each, wire[name]) for each in describe(record) if (name := _wire_name(each, wire))]
        self._lists: Final = {
            each.name: MessageCodec[Any](each.item, GetMessageClass(place.message_type), bounded=bounded)
            for each, place in fields
            if each.item is not None
        }
        self._ranges: Final = [(each, _RANGES[place.cpp_type]) for each, place in fields if place.cpp_type in _RANGES]
        self._renamed: Final = {each.name: place.name for each, place in fields if each.name != place.name}
        self.read: Final[Callable[..., Any]] = _compile_read(
            record, fields, self._lists, ITEMS_PER_ORDER_MAX if bounded else None
        )
        """Make the dataclass of the message, or say (Refused) which field is wrong. Further arguments are, by their
        names, the fields that are not in the message."""
        self.write: Final[Callable[[Record], Any]] = _compile_write(
            message, fields, _properties(record, wire), self._lists
        )
        """Make the message of the dataclass."""

    def message_path(self, path: str) -> str:
        """Give the place of a field in the message, such as `items[0].unit_price_minor_units`, for its place here."""
        entry = _ENTRY.fullmatch(path)
        if entry is None or entry[1] not in self._lists:
            return str(self._renamed.get(path, path))
        return f"{entry[1]}{entry[2]}{self._lists[entry[1]].message_path(entry[3])}"

    def record_path(self, path: str) -> str:
        """Give the place of a field in the dataclass for its place in the message."""
        entry = _ENTRY.fullmatch(path)
        if entry is None or entry[1] not in self._lists:
            return next((name for name, wire in self._renamed.items() if wire == path), path)
        return f"{entry[1]}{entry[2]}{self._lists[entry[1]].record_path(entry[3])}"

    def check_range(self, record: Record, path: str = "") -> Refused | None:
        """Say which number no such message can hold, or None; the limit told is the one of the rules."""
        for each, (lowest, highest) in self._ranges:
            value = getattr(record, each.name)
            if value is not None and not lowest <= value <= highest:
                return _out_of_range(path + each.name, each, value)
        for name, codec in self._lists.items():
            for index, entry in enumerate(getattr(record, name)):
                if wrong := codec.check_range(entry, f"{path}{name}[{index}]."):
                    return wrong
        return None


def _wire_name(field: FieldType, wire: Mapping[str, Any]) -> str:
    """Give the field's name in the message; empty where it is not there."""
    names = (field.name, field.name + _MONEY_SUFFIX) if field.form is Form.MONEY else (field.name,)
    return next((name for name in names if name in wire), "")


def _properties(record: type, wire: Mapping[str, Any]) -> dict[str, str]:
    """Give the message's fields that are properties of the dataclass."""
    attributes = {name: name.removesuffix(_MONEY_SUFFIX) for name in wire}
    return {name: each for name, each in attributes.items() if isinstance(getattr(record, each, None), property)}


def _compile_write(
    message: type[Message],
    fields: list[tuple[FieldType, Any]],
    properties: Mapping[str, str],
    lists: Mapping[str, MessageCodec[Any]],
) -> Callable[..., Any]:
    names: dict[str, Any] = {"message": message} | {f"{name}_codec": codec for name, codec in lists.items()}
    arguments = [f"{name}=record.{attribute}" for name, attribute in properties.items()]
    for each, place in fields:
        value = f"record.{each.name}"
        if each.form is Form.LIST:
            value = f"[{each.name}_codec.write(entry) for entry in {value}]"
        elif each.form is Form.CUSTOM_FIELDS and _is_map(place):
            value = f"dict({value}) if {value} else None"
        elif each.form is Form.CUSTOM_FIELDS:
            names["pair"] = GetMessageClass(place.message_type)
            value = f"[pair(name=name, value_json=text) for name, text in {value}]"
        elif place.has_presence and not each.required:
            names[f"no_{each.name}"] = each.default
            value = f"{value} if {value} != no_{each.name} else None"
        arguments.append(f"{place.name}={value}")
    return compile_function("write(record)", [f"return message({', '.join(arguments)})"], names)


def _compile_read(
    record: type,
    fields: list[tuple[FieldType, Any]],
    lists: Mapping[str, MessageCodec[Any]],
    limit: int | None,
) -> Callable[..., Any]:
    """Make the function that reads the fields in the dataclass's order and returns the first refusal."""
    names: dict[str, Any] = {"record": record, "Refused": Refused, "missing": _missing}
    lines, arguments = [], []
    for each, place in fields:
        name, value = each.name, f"message.{place.name}"
        if each.form is Form.LIST:
            names[f"read_{name}"] = _list_reader(name, lists[name], limit)
            lines += [f"{name} = read_{name}({value})", *_return_refused(name)]
            value = name
        elif isinstance(each.rule, CustomFieldsRule):
            names[f"read_{name}"] = _custom_fields_reader(name, each.rule.depth, is_map=_is_map(place))
            lines += [f"{name} = read_{name}({value}) if {value} else ()", *_return_refused(name)]
            value = name
        elif each.form is Form.CUSTOM_FIELDS:
            value = f"tuple(sorted({value}.items())) if {value} else ()"
        elif place.has_presence and each.required:
            lines.append(f"if not message.HasField({place.name!r}): return missing({place.name!r})")
        elif place.has_presence:
            names[f"no_{name}"] = each.default
            value = f"{value} if message.HasField({place.name!r}) else no_{name}"
        arguments.append(f"{name}={value}")
    given = "**given" if len(fields) < len(describe(record)) else ""
    lines.append(f"return record({', '.join(arguments)}, {given})")
    return compile_function(f"read(message, {given})", lines, names)


def _return_refused(name: str) -> list[str]:
    return [f"if type({name}) is Refused: return {name}"]


def _missing(name: str) -> Refused:
    return invalid(name, Problem.MISSING)


def _custom_fields_reader(name: str, depth: int, *, is_map: bool) -> Callable[[Any], Any]:
    if is_map:
        return lambda value: extra_from_pairs(value.items(), name, depth)
    return lambda value: extra_from_pairs(((each.name, each.value_json) for each in value), name, depth)


def _list_reader(name: str, items: MessageCodec[Any], limit: int | None) -> Callable[[Any], Any]:
    read_entry = items.read

    def read(value: Any) -> Any:
        entries = []
        for index, each in enumerate(value):
            if index == limit:
                return invalid(name, Problem.TOO_MANY, limit=limit)
            entry = read_entry(each)
            if type(entry) is Refused:
                return replace(entry, field=f"{name}[{index}].{entry.field}")
            entries.append(entry)
        return tuple(entries)

    return read


def _is_map(place: Any) -> bool:
    return bool(place.message_type is not None and place.message_type.GetOptions().map_entry)


def _out_of_range(name: str, field: FieldType, value: int) -> Refused:
    if value < 0 and not isinstance(field.rule, ChangeRule):
        return invalid(name, Problem.NEGATIVE, limit=0)
    limit = field.rule.limit if isinstance(field.rule, NumberRule | ChangeRule) else INT64_MAX
    return invalid(name, Problem.TOO_LARGE, limit=limit)
