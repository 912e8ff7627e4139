"""A short name for what a caller asked, by which a repeated request is told from another one."""

from dataclasses import fields
from hashlib import blake2b
from typing import Final, get_args

from quitanda.domain.commands import Command, ItemQuantity

DIGEST_BYTES: Final = 16

_ASKED_FIELDS: Final = {
    command: tuple((field.name, field.default) for field in fields(command) if not field.metadata.get("generated"))
    for command in get_args(Command)
}


def fingerprint(command: Command) -> str:
    """Return 32 hexadecimal digits: equal for equal commands, different for different ones.

    What the portal generated does not count. A field at its default is left out, so that a field added to
    a command later leaves the fingerprints of requests already remembered as they are. The command's
    fields must be valid (`validation.check`); raises TypeError on values of other types.
    """
    parts = [_text(type(command).__name__)]
    for name, default in _ASKED_FIELDS[type(command)]:
        value = getattr(command, name)
        if value != default:  # always so where there is no default
            parts += (_text(name), _canonical(value))
    return blake2b(b"".join(parts), digest_size=DIGEST_BYTES).hexdigest()


def _canonical(value: object) -> bytes:
    """Write a value so that no two different ones look the same: type, length, content."""
    match value:
        case str():
            return _text(value)
        case None:
            return b"n"
        case bool():
            return b"b%d" % value
        case int():
            return b"i%d;" % value
        case ItemQuantity():
            extra = _canonical(value.extra) if value.extra else b""  # as a command's field at its default
            return _text(value.product_id) + _canonical(value.quantity) + extra
        case tuple():
            return b"t%d;" % len(value) + b"".join(map(_canonical, value))
        case _:
            message = f"no canonical form of {type(value).__name__}"
            raise TypeError(message)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return b"s%d;" % len(encoded) + encoded
