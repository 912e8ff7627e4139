"""Values read from LevelDB lately, so that what each entry reads again is not asked of LevelDB again.

LevelDB lets other threads run while it reads, and getting the interpreter back may take longer than the read itself.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

RECENT_BYTES: Final = 8 * 1024 * 1024
"""Size of the keys and values that are kept in memory."""

_PAIR_BYTES: Final = 160
"""What keeping a pair costs beside its bytes."""


class RecentValues:
    """What is durable under the keys that were read last; the pairs used longest ago leave beyond `size_max` bytes.

    It holds only what it is told: whoever owns it tells it of every change that becomes durable.
    """

    def __init__(self, size_max: int = RECENT_BYTES) -> None:
        self._size_max = size_max
        self._values: OrderedDict[bytes, bytes] = OrderedDict()
        self.size = 0
        """Size of what is kept, with what keeping it costs; in bytes."""

    def get(self, key: bytes) -> bytes | None:
        """Give the value under the key; None where it is not known here."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def keep(self, key: bytes, value: bytes) -> None:
        """Remember what was read under a key that is not kept yet."""
        self._values[key] = value
        self.size += len(key) + len(value) + _PAIR_BYTES
        self._forget_oldest()

    def changed(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Follow changes that are durable now; None stands for "no such key any more"."""
        values = self._values
        for key, value in changes.items():
            if key not in values:
                continue
            if value is None:
                self._forget(key, values.pop(key))
            else:
                self.size += len(value) - len(values[key])
                values[key] = value
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        while self.size > self._size_max:
            self._forget(*self._values.popitem(last=False))

    def _forget(self, key: bytes, value: bytes) -> None:
        self.size -= len(key) + len(value) + _PAIR_BYTES
