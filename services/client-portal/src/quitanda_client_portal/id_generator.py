"""The ids and the time that a portal gives to a request.

Everything that is not the same on every replica enters here, once for each call: what is repeated
inside the call (another replica, the same one again) carries the same values.
"""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

_NANOSECONDS_PER_MILLISECOND = 1_000_000
_FRACTION_BITS = 12
_RANDOM_BITS = 62
_ID_STEP_NS = 250
"""Times so far apart make ids of which the later one sorts after the earlier one."""


def uuid7(now_ns: int, random_bytes: bytes) -> str:
    """Build a UUID version 7 (RFC 9562, section 5.7) from a time and eight random bytes.

    Its first 48 bits are milliseconds since 1970-01-01T00:00Z; the next 12 are the fraction of the
    millisecond (section 6.2, method 3), so that ids made a quarter of a microsecond apart sort in the order
    in which they were made; 62 bits are random.
    """
    milliseconds, rest_ns = divmod(now_ns, _NANOSECONDS_PER_MILLISECOND)
    fraction = (rest_ns << _FRACTION_BITS) // _NANOSECONDS_PER_MILLISECOND
    random = int.from_bytes(random_bytes[:8], "big") & ((1 << _RANDOM_BITS) - 1)
    version, variant = 0b0111, 0b10
    value = (milliseconds & ((1 << 48) - 1)) << 80 | version << 76 | fraction << 64 | variant << 62 | random
    return str(uuid.UUID(int=value))


class Ascending:
    """Keeps a clock's times ascending although it was set back: what it gives is never below what it gave."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, now_ns: int) -> int:
        """Give the time, or the least one that makes a later id than the last where that is not later."""
        self._last = max(now_ns, self._last + _ID_STEP_NS)
        return self._last


@dataclass(frozen=True, slots=True)
class MintedOrder:
    """The id of a new order and its time, in milliseconds since 1970-01-01T00:00Z.

    The id names that time, too, or a later one where the clock was set back since the last order.
    """

    order_id: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class IdGenerator:
    """Makes ids from a clock (nanoseconds since 1970) and a source of random bytes."""

    now_ns: Callable[[], int] = time.time_ns
    random_bytes: Callable[[int], bytes] = os.urandom
    ascending: Ascending = field(default_factory=Ascending)

    def request_id(self) -> str:
        """Return an id for a request that came without one: 32 hexadecimal digits of a UUID version 4."""
        return uuid.UUID(bytes=self.random_bytes(16), version=4).hex

    def order(self) -> MintedOrder:
        """Return the id and the time of a new order; ids that are made here later sort after it, whatever the clock."""
        now_ns = self.now_ns()
        order_id = uuid7(self.ascending(now_ns), self.random_bytes(8))
        return MintedOrder(order_id, now_ns // _NANOSECONDS_PER_MILLISECOND)
