"""Keys and values of the state in one run of bytes: for each, both lengths (4 bytes, big-endian), then both."""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

_LENGTHS: Final = Struct(">II")


class MalformedPairs(ValueError):
    """The bytes do not hold whole pairs."""


def encode_pairs(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the bytes of the pairs, in their order."""
    return b"".join(_LENGTHS.pack(len(key), len(value)) + key + value for key, value in pairs)


def decode_pairs(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the pairs. Raises MalformedPairs where the bytes end too early."""
    position = 0
    while position < len(data):
        if position + _LENGTHS.size > len(data):
            raise MalformedPairs("the lengths of a pair are cut off")
        key_length, value_length = _LENGTHS.unpack_from(data, position)
        start = position + _LENGTHS.size
        position = start + key_length + value_length
        if position > len(data):
            raise MalformedPairs("a pair is cut off")
        yield data[start : start + key_length], data[start + key_length : position]
