"""The ids and the time that a portal gives to a request.

Everything that is not the same on every replica enters here, once for each call: the tries inside the call, on
whichever replica, carry the same values.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from quitanda.errors import InternalError, QuitandaError

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
class IdGenerator:
    """Makes ids from a clock (nanoseconds since 1970) and a source of random bytes."""

    now_ns: Callable[[], int] = time.time_ns
    random_bytes: Callable[[int], bytes] = os.urandom
    order_hold_ms: int = 0
    """How long a new order is held unless it is placed; 0: for ever."""
    ascending: Ascending = field(default_factory=Ascending)

    def request_id(self) -> str:
        """Return an id for a request that came without one: 32 hexadecimal digits of a UUID version 4."""
        return uuid.UUID(bytes=self.random_bytes(16), version=4).hex

    def now_ms(self) -> int:
        """Return the milliseconds since 1970-01-01T00:00Z."""
        return self.now_ns() // _NANOSECONDS_PER_MILLISECOND

    def order(self) -> dict[str, Any]:
        """Return what a portal chooses for a new order.

        `order_id`; `created_at_ms`; and `expires_at_ms` where orders are held for a time only. Both times are in
        milliseconds since 1970-01-01T00:00Z.
        Ids that are made here later sort after earlier ones. An id names the order's time, or a later one where the
        clock was set back since the last order.
        """
        now_ns = self.now_ns()
        order_id = uuid7(self.ascending(now_ns), self.random_bytes(8))
        now_ms = now_ns // _NANOSECONDS_PER_MILLISECOND
        deadline = {"expires_at_ms": now_ms + self.order_hold_ms} if self.order_hold_ms else {}
        return {"order_id": order_id, "created_at_ms": now_ms} | deadline


@contextmanager
def request_id_in_errors(request_id: str) -> Iterator[None]:
    """Let every error that is raised inside carry the id of the write, so that who did not choose one can repeat it.

    What nobody expected is raised as InternalError, with the exception as its cause.
    """
    try:
        yield
    except QuitandaError as error:
        error.request_id = request_id
        raise
    except Exception as error:
        failure = InternalError(repr(error))
        failure.request_id = request_id
        raise failure from error
