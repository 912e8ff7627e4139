"""What the state says of itself: its counters and its level, in one value that changes with what it is about.

At level 1 the value is of format 1, which knows no levels. From level 2 on it is of format 2: a version that knows no
levels refuses it, and so never decides by the rules of level 1 on a state that is beyond them. From level 3 on it is of
format 3, which counts credentials and the history, too; from level 4 on of format 4, with closed orders and the state's
clock. In format 2, and in every later one, the level stands behind the first byte, so that a state that is too new
shows by its level.
"""

import struct
from dataclasses import dataclass
from typing import Final

from quitanda.domain.commands import CREDENTIALS_LEVEL
from quitanda.domain.levels import FIRST_LEVEL, check_supported
from quitanda.domain.model import ORDER_STATES_LEVEL, Kind

_FORMAT_WITHOUT_LEVEL: Final = 1
_FORMAT_WITHOUT_CREDENTIALS: Final = 2
_FORMAT_WITHOUT_ORDER_STATES: Final = 3
_FORMAT: Final = 4
_FIRST_NUMBERS: Final = 8
_NUMBERS_WITH_HISTORY: Final = 11
_NUMBERS: Final = struct.Struct(">8Q")
_NUMBERS_OF_LEVEL_3: Final = struct.Struct(">11Q")
"""With the credentials and the history behind them."""
_ALL_NUMBERS: Final = struct.Struct(">13Q")
"""With the closed orders and the clock behind them."""
_LEVEL: Final = struct.Struct(">BH")
"""Format and level: what a value of format 2 or later begins with."""

_FORMS_WITH_LEVEL: Final = {
    _FORMAT_WITHOUT_CREDENTIALS: _NUMBERS,
    _FORMAT_WITHOUT_ORDER_STATES: _NUMBERS_OF_LEVEL_3,
    _FORMAT: _ALL_NUMBERS,
}
"""What stands behind them, by the format."""


@dataclass(slots=True)
class Counters:
    """Numbers that the state keeps about itself.

    `last_version`: the highest version of any document ever. `last_changed`: log index of the last entry
    that changed a document; 0 at first. `window_first` and `window_next`: the remembered requests have the
    sequence numbers from the one up to, but without, the other; `window_bytes`: size of their outcomes.
    `history_first`: number of the oldest change that the history has, 0 where it has none; the newest one is
    `last_version`. `history_bytes`: size of the records of these changes. `orders` counts the live ones. `clock_ms`:
    what the state's own clock shows, in milliseconds since 1970-01-01T00:00Z.
    `level`: by which rules the state is decided on (`quitanda.domain.levels`).
    """

    last_version: int = 0
    last_changed: int = 0
    customers: int = 0
    products: int = 0
    orders: int = 0
    window_first: int = 0
    window_next: int = 0
    window_bytes: int = 0
    credentials: int = 0
    history_first: int = 0
    history_bytes: int = 0
    closed_orders: int = 0
    clock_ms: int = 0
    level: int = FIRST_LEVEL

    def copy(self) -> "Counters":
        """Give the same numbers, to be changed apart."""
        return Counters(*self.numbers(), self.level)

    def numbers(self) -> tuple[int, int, int, int, int, int, int, int, int, int, int, int, int]:
        """Return the counters without the level, in the order of their declaration."""
        return (
            self.last_version,
            self.last_changed,
            self.customers,
            self.products,
            self.orders,
            self.window_first,
            self.window_next,
            self.window_bytes,
            self.credentials,
            self.history_first,
            self.history_bytes,
            self.closed_orders,
            self.clock_ms,
        )

    @property
    def history_changes(self) -> int:
        """How many changes the history has."""
        return self.last_version + 1 - self.history_first if self.history_first else 0

    def add_document(self, kind: Kind, difference: int) -> None:
        """Count one document more (1) or less (-1)."""
        match kind:
            case Kind.CUSTOMER:
                self.customers += difference
            case Kind.PRODUCT:
                self.products += difference
            case Kind.ORDER:
                self.orders += difference
            case Kind.CREDENTIAL:
                self.credentials += difference


def encode_counters(counters: Counters) -> bytes:
    """Return the stored form. What came with a later level than the state's is not there to be counted."""
    numbers = counters.numbers()
    if counters.level == FIRST_LEVEL:
        return bytes([_FORMAT_WITHOUT_LEVEL]) + _NUMBERS.pack(*numbers[:_FIRST_NUMBERS])
    if counters.level < CREDENTIALS_LEVEL:
        return _LEVEL.pack(_FORMAT_WITHOUT_CREDENTIALS, counters.level) + _NUMBERS.pack(*numbers[:_FIRST_NUMBERS])
    if counters.level < ORDER_STATES_LEVEL:
        head = _LEVEL.pack(_FORMAT_WITHOUT_ORDER_STATES, counters.level)
        return head + _NUMBERS_OF_LEVEL_3.pack(*numbers[:_NUMBERS_WITH_HISTORY])
    return _LEVEL.pack(_FORMAT, counters.level) + _ALL_NUMBERS.pack(*numbers)


def decode_counters(data: bytes | None, what: str = "the state") -> Counters:
    """Read the stored form; nothing stored is a state at its very beginning.

    Raises ValueError where it is corrupt, LevelNotSupported where `what` is at a level that this version does not know.
    """
    if data is None:
        return Counters()
    if len(data) == 1 + _NUMBERS.size and data[0] == _FORMAT_WITHOUT_LEVEL:
        return Counters(*_NUMBERS.unpack_from(data, 1))
    if len(data) >= _LEVEL.size and data[0] > _FORMAT_WITHOUT_LEVEL:
        form, level = _LEVEL.unpack_from(data)
        check_supported(level, what)
        numbers = _FORMS_WITH_LEVEL.get(form)
        if numbers is not None and len(data) == _LEVEL.size + numbers.size:
            counters = Counters(*numbers.unpack_from(data, _LEVEL.size))
            counters.level = level
            return counters
    message = f"the counters are of no format that this version knows: {data[:16]!r} ({len(data)} bytes)"
    raise ValueError(message)
