"""The digest of a whole replicated state.

It is the sum, modulo 2**256, of BLAKE2b-256 over every key and its value, the digest's own key left out. A sum
does not depend on the order of changes, and a change needs the old and the new value only. It shows bugs and bad
disks; it is no defence against somebody who chooses the state (sums of hashes can be forged with much work).
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

BYTES: Final = 32
MODULUS: Final = 1 << (8 * BYTES)

DIGEST_KEY: Final = b"Sd"
"""Where a state keeps its digest: 32 bytes, big-endian."""


def entry_hash(key: bytes, value: bytes) -> int:
    """Give what one key adds to the digest; the key's length stands first so that key and value cannot mix."""
    return int.from_bytes(blake2b(len(key).to_bytes(4, "big") + key + value, digest_size=BYTES).digest(), "big")


class StateDigest:
    """Computes the digest of a state whose pairs come one after the other."""

    def __init__(self) -> None:
        self._sum = 0
        self.keys = 0
        """How many pairs came, the digest's own among them."""
        self.kept = ""
        """The digest that the state keeps (hexadecimal); '' until that pair came."""

    def add(self, key: bytes, value: bytes) -> None:
        """Take one pair."""
        self.add_all(((key, value),))

    def add_all(self, pairs: Iterable[tuple[bytes, bytes]]) -> int:
        """Take some pairs; return how many they were."""
        taken, added = 0, 0
        for key, value in pairs:
            taken += 1
            if key == DIGEST_KEY:
                self.kept = value.hex()
            else:
                added += entry_hash(key, value)
        self.keys += taken
        self._sum += added
        return taken

    @property
    def computed(self) -> str:
        """The digest of all pairs so far (hexadecimal)."""
        return f"{self._sum % MODULUS:064x}"
