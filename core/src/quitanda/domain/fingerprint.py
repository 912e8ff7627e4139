"""A short name for what a caller asked, by which a repeated request is told from another one."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from hashlib import blake2b
from typing import Any, Final, get_args

from quitanda.domain.commands import Command, ImportedItem, ItemQuantity

DIGEST_BYTES: Final = 16


def fingerprint(command: Command) -> str:
    """Return 32 hexadecimal digits: equal for equal commands, different for different ones.

    What the portal generated does not count. A field at its default is left out, so that a field added to
    a command later leaves the fingerprints of requests already remembered as they are. The command's
    fields must be valid (`validation.check`); raises TypeError on values of other types.
    """
    name, asked = _ASKED[type(command)]
    parts = [name]
    for field_name, default, name in asked:
        value = getattr(command, field_name)
        if value != default:  # always so where there is no default
            parts += (name, _canonical(value))
    return blake2b(b"".join(parts), digest_size=DIGEST_BYTES).hexdigest()


def _canonical(value: object) -> bytes:
    """Write a value so that no two different ones look the same: type, length, content."""
    write = _WRITERS.get(type(value))
    if write is None:
        message = f"no canonical form of {type(value).__name__}"
        raise TypeError(message)
    return write(value)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return b"s%d;" % len(encoded) + encoded


def _item(value: ItemQuantity) -> bytes:
    extra = _canonical(value.extra) if value.extra else b""  # as a command's field at its default
    return _text(value.product_id) + _canonical(value.quantity) + extra


def _imported_item(value: ImportedItem) -> bytes:
    given = [(each.name, getattr(value, each.name), each.default) for each in fields(value)]
    return b"".join(_text(name) + _canonical(told) for name, told, default in given if told != default) + b"."


_WRITERS: Final[Mapping[type, Callable[[Any], bytes]]] = {
    str: _text,
    type(None): lambda _: b"n",
    bool: lambda value: b"b%d" % value,
    int: lambda value: b"i%d;" % value,
    ItemQuantity: _item,
    ImportedItem: _imported_item,
    tuple: lambda value: b"t%d;" % len(value) + b"".join(map(_canonical, value)),
}

_ASKED: Final[Mapping[type, tuple[bytes, tuple[tuple[str, object, bytes], ...]]]] = {
    command: (
        _text(command.__name__),
        tuple(
            (field.name, field.default, _text(field.name))
            for field in fields(command)
            if not field.metadata.get("generated")
        ),
    )
    for command in get_args(Command)
}
"""For each command its name, and the fields that count, with their defaults and their names; names as they are hashed.
"""
