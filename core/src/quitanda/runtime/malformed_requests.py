"""A request that does not parse: told to the caller by its field, instead of failing inside the library.

Pure, and used by the asyncio and by the threaded servers.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

from quitanda.codec.json_fields import WHOLE
from quitanda.domain.outcomes import Problem, Refused, invalid

_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES_MAX: Final = 10
_DEPTH_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Malformed:
    """Stands where a request that does not parse would have stood; `refused` names the field at fault."""

    refused: Refused


def guarded_deserializer(deserialize: Callable[[bytes], Any], bytes_max: int | None = None) -> Callable[[bytes], Any]:
    """Wrap a request's deserializer: where it fails, it gives a `Malformed` instead of an exception.

    So it does where there are more than `bytes_max` bytes, if there is such a bound.
    """
    descriptor = _descriptor_of(deserialize)

    def deserialize_or_explain(data: bytes) -> Any:
        if bytes_max is not None and len(data) > bytes_max:
            return Malformed(invalid(WHOLE, Problem.TOO_LARGE, limit=f"{bytes_max} bytes", length=len(data)))
        try:
            return deserialize(data)
        except DecodeError:
            return Malformed(explain(data, descriptor))

    return deserialize_or_explain


def explain(data: bytes, descriptor: Descriptor | None) -> Refused:
    """Say why bytes are not a message of this type: a field that is not UTF-8, or the whole request."""
    if descriptor is not None:
        with suppress(_TornError):
            if path := _not_utf8(data, descriptor, "", 0):
                return invalid(path, Problem.NOT_UTF8)
    return invalid(WHOLE, Problem.MALFORMED)


def explain_repeated(field: str, encoded: Iterable[bytes], descriptor: Descriptor) -> Refused:
    """Say why the encoded messages in a field of bytes are not all of this type, as `explain` would of messages."""
    with suppress(_TornError):
        for index, data in enumerate(encoded):
            if path := _not_utf8(data, descriptor, f"{field}[{index}].", 1):
                return invalid(path, Problem.NOT_UTF8)
    return invalid(WHOLE, Problem.MALFORMED)


class _TornError(Exception):
    """The bytes are not even fields; never leaves this module."""


def _descriptor_of(deserialize: Callable[[bytes], Any]) -> Descriptor | None:
    """Find the message type of a generated `FromString`; None for any other function."""
    owner = getattr(deserialize, "__self__", None)
    descriptor: Any = owner.DESCRIPTOR if isinstance(owner, type) and issubclass(owner, Message) else None
    return cast("Descriptor | None", descriptor)


def _not_utf8(data: bytes, descriptor: Descriptor, path: str, depth: int) -> str | None:
    """Give the path of the first string field that is not UTF-8, such as `items[2].product_id`."""
    if depth > _DEPTH_MAX:
        raise _TornError
    seen: dict[int, int] = {}
    position = 0
    while position < len(data):
        number, value, position = _field(data, position)
        field = descriptor.fields_by_number.get(number)
        if field is None or value is None:
            continue
        index = seen.get(number, 0)
        seen[number] = index + 1
        name = f"{path}{field.name}{f'[{index}]' if field.is_repeated and not _is_map(field) else ''}"
        if field.type == FieldDescriptor.TYPE_STRING:
            if not _is_utf8(value):
                return name
        elif field.type == FieldDescriptor.TYPE_MESSAGE and field.message_type is not None:
            inner = _not_utf8(value, field.message_type, f"{name}.", depth + 1)
            if inner is not None:
                return name if _is_map(field) else inner
    return None


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _field(data: bytes, position: int) -> tuple[int, bytes | None, int]:
    """Read one field: its number, its bytes where it is length-delimited, and where the next one begins."""
    tag, position = _varint(data, position)
    number, wire_type = tag >> 3, tag & 7
    value: bytes | None = None
    if wire_type == _VARINT:
        _, position = _varint(data, position)
    elif wire_type == _FIXED64:
        position += 8
    elif wire_type == _FIXED32:
        position += 4
    elif wire_type == _LENGTH_DELIMITED:
        length, position = _varint(data, position)
        value = data[position : position + length]
        position += length
    else:
        raise _TornError
    if position > len(data):
        raise _TornError
    return number, value, position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Read one variable-length integer and where it ends."""
    value = 0
    for index, byte in enumerate(data[position : position + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise _TornError
