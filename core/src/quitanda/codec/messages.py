"""A dataclass as a protobuf message, and back; compiled once for each pair of classes, at import.

A field has the same name in both. An amount of money may have the suffix `_minor_units` in the message. A message's
field that the dataclass has not (such as `request_id`) is the caller's business; a property of the dataclass (such as
`total`) is written and not read.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from quitanda.codec.custom_fields import extra_from_pairs
from quitanda.codec.numbers import INT64_MAX
from quitanda.domain.field_types import ChangeRule, CustomFieldsRule, FieldType, Form, NumberRule, describe
from quitanda.domain.limits import ITEMS_PER_ORDER_MAX
from quitanda.domain.model import CustomFields
from quitanda.domain.outcomes import Problem, Refused, invalid

Record = TypeVar("Record")
_Read = Callable[[Any, Any, str], Any]
"""From a message, the field's value in it and the path before its name: the value, or what is wrong with it."""

_MONEY_SUFFIX: Final = "_minor_units"
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
        self.message: Final = message
        self._record = record
        wire: Mapping[str, Any] = message.DESCRIPTOR.fields_by_name
        self._names = {each.name: name for each in describe(record) if (name := _wire_name(each, wire))}
        described = [each for each in describe(record) if each.name in self._names]
        nested = {each.name: _item_codec(each, wire, bounded=bounded) for each in described if each.item is not None}
        self._lists: Mapping[str, MessageCodec[Any]] = nested
        self._fields = tuple(each.name for each in described)
        self._values = _getter(self._names[name] for name in self._fields)
        self._readers = [
            (each.name, reader)
            for each in described
            if (reader := _reader(each, wire[self._names[each.name]], nested.get(each.name), bounded=bounded))
        ]
        written = {
            _attribute_of(name): name
            for name in wire
            if _attribute_of(name) in self._names or isinstance(getattr(record, _attribute_of(name), None), property)
        }
        self._written = tuple(written.values())
        self._attributes = _getter(written)
        self._writers = [
            (self._names[each.name], writer)
            for each in described
            if (writer := _writer(each, wire[self._names[each.name]], nested.get(each.name)))
        ]
        self._ranges = [
            (each, _RANGES[field.cpp_type])
            for each in described
            if (field := wire[self._names[each.name]]).cpp_type in _RANGES
        ]

    @property
    def renamed(self) -> Mapping[str, str]:
        """The fields that have another name in the message, with that name."""
        return {name: wire for name, wire in self._names.items() if name != wire}

    def read(self, message: Any, path: str = "", **given: Any) -> Record | Refused:
        """Make the dataclass, with the fields `given` that are not in the message; or say which field is wrong."""
        values = dict(zip(self._fields, self._values(message), strict=True))
        for name, reader in self._readers:
            value = values[name] = reader(message, values[name], path)
            if type(value) is Refused:
                return value
        return self._record(**values, **given)

    def write(self, record: Record, **others: Any) -> Any:
        """Make the message; `others` are fields that the dataclass has not."""
        values = dict(zip(self._written, self._attributes(record), strict=True))
        for name, writer in self._writers:
            values[name] = writer(values[name])
        return self.message(**values, **others)

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


def _getter(names: Iterable[str]) -> Callable[[Any], tuple[Any, ...]]:
    names = tuple(names)
    if len(names) == 1:  # then attrgetter gives the value itself
        one = attrgetter(*names)
        return lambda each: (one(each),)
    return attrgetter(*names) if names else lambda each: ()  # noqa: ARG005 - nothing to get


def _wire_name(field: FieldType, wire: Mapping[str, Any]) -> str:
    """Give the field's name in the message; empty where it is not there."""
    names = (field.name, field.name + _MONEY_SUFFIX) if field.form is Form.MONEY else (field.name,)
    return next((name for name in names if name in wire), "")


def _attribute_of(wire_name: str) -> str:
    return wire_name.removesuffix(_MONEY_SUFFIX)


def _item_codec(field: FieldType, wire: Mapping[str, Any], *, bounded: bool) -> "MessageCodec[Any]":
    return MessageCodec(field.item or object, GetMessageClass(wire[field.name].message_type), bounded=bounded)


def _reader(field: FieldType, wire: Any, items: MessageCodec[Any] | None, *, bounded: bool) -> _Read | None:
    """Give the function that reads a field; None where the message's value is the value."""
    if field.form is Form.CUSTOM_FIELDS:
        return _custom_fields_reader(field, is_map=_is_map(wire))
    if items is not None:
        return _list_reader(field.name, items, ITEMS_PER_ORDER_MAX if bounded else None)
    if not wire.has_presence:
        return None
    if field.required:
        return _presence_reader(wire.name)
    return lambda message, value, path: value if message.HasField(wire.name) else field.default  # noqa: ARG005


def _presence_reader(name: str) -> _Read:
    def read(message: Any, value: Any, path: str) -> Any:
        return value if message.HasField(name) else invalid(path + name, Problem.MISSING)

    return read


def _custom_fields_reader(field: FieldType, *, is_map: bool) -> _Read:
    if not isinstance(field.rule, CustomFieldsRule):
        return lambda message, value, path: tuple(sorted(value.items()))  # noqa: ARG005
    depth, name = field.rule.depth, field.name

    def read(message: Any, value: Any, path: str) -> CustomFields | Refused:  # noqa: ARG001
        if not value:
            return ()
        pairs = value.items() if is_map else ((each.name, each.value_json) for each in value)
        return extra_from_pairs(pairs, path + name, depth)

    return read


def _list_reader(name: str, items: MessageCodec[Any], limit: int | None) -> _Read:
    def read(message: Any, value: Any, path: str) -> Any:  # noqa: ARG001
        entries = []
        for index, each in enumerate(value):
            if index == limit:
                return invalid(path + name, Problem.TOO_MANY, limit=limit)
            entry = items.read(each, f"{path}{name}[{index}].")
            if type(entry) is Refused:
                return entry
            entries.append(entry)
        return tuple(entries)

    return read


def _writer(field: FieldType, wire: Any, items: MessageCodec[Any] | None) -> Callable[[Any], Any] | None:
    """Give the function that writes a field; None where its value is the message's value."""
    if items is not None:
        return lambda entries: [items.write(entry) for entry in entries]
    if field.form is not Form.CUSTOM_FIELDS:
        return None
    if _is_map(wire):
        return dict
    pair = GetMessageClass(wire.message_type)
    return lambda pairs: [pair(name=name, value_json=text) for name, text in pairs]


def _is_map(wire: Any) -> bool:
    return bool(wire.message_type is not None and wire.message_type.GetOptions().map_entry)


def _out_of_range(name: str, field: FieldType, value: int) -> Refused:
    if value < 0 and not isinstance(field.rule, ChangeRule):
        return invalid(name, Problem.NEGATIVE, limit=0)
    limit = field.rule.limit if isinstance(field.rule, NumberRule | ChangeRule) else INT64_MAX
    return invalid(name, Problem.TOO_LARGE, limit=limit)
