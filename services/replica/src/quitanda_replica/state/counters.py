"""Counters of the replicated state, kept in one value so that they change together with what they count."""

import struct
from dataclasses import dataclass
from typing import Final

from quitanda.domain.model import Kind

_LAYOUT: Final = struct.Struct(">B8Q")
_FORMAT: Final = 1


@dataclass(slots=True)
class Counters:
    """Numbers that the state keeps about itself.

    `last_version`: the highest version of any document ever. `last_changed`: log index of the last entry
    that changed a document; 0 at first. `window_first` and `window_next`: the remembered requests have the
    sequence numbers from the one up to, but without, the other; `window_bytes`: size of their outcomes.
    """

    last_version: int = 0
    last_changed: int = 0
    customers: int = 0
    products: int = 0
    orders: int = 0
    window_first: int = 0
    window_next: int = 0
    window_bytes: int = 0

    def copy(self) -> "Counters":
        """Give the same numbers, to be changed apart."""
        return Counters(*self.numbers())

    def numbers(self) -> tuple[int, int, int, int, int, int, int, int]:
        """Give all of them, in the order of their declaration."""
        return (
            self.last_version,
            self.last_changed,
            self.customers,
            self.products,
            self.orders,
            self.window_first,
            self.window_next,
            self.window_bytes,
        )

    def add_document(self, kind: Kind, difference: int) -> None:
        """Count one document more (1) or less (-1)."""
        match kind:
            case Kind.CUSTOMER:
                self.customers += difference
            case Kind.PRODUCT:
                self.products += difference
            case Kind.ORDER:
                self.orders += difference


def encode_counters(counters: Counters) -> bytes:
    """Write the stored form."""
    return _LAYOUT.pack(_FORMAT, *counters.numbers())


def decode_counters(data: bytes | None) -> Counters:
    """Read the stored form; nothing stored is a state at its very beginning. ValueError where it is corrupt."""
    if data is None:
        return Counters()
    if len(data) != _LAYOUT.size or data[0] != _FORMAT:
        message = f"the counters are not of format {_FORMAT}: {data[:16]!r} ({len(data)} bytes)"
        raise ValueError(message)
    return Counters(*_LAYOUT.unpack(data)[1:])
