"""Digest of the whole replicated state, kept up to date with every change.

The digest is the sum, modulo 2**256, of BLAKE2b-256 over every key and its value. A sum does not depend on
the order of changes, and a change needs the old and the new value only. It shows bugs and bad disks; it is
no defence against somebody who chooses the state (sums of hashes can be forged with much work).
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from quitanda_replica import keys
from quitanda_replica.state_access import StateCorrupt, StateReader

_BYTES: Final = 32
_MODULUS: Final = 1 << (8 * _BYTES)
_SCAN_KEYS: Final = 2_000
_EMPTY: Final = bytes(_BYTES)


def entry_hash(key: bytes, value: bytes) -> int:
    """Give what one key adds to the digest; the key's length stands first so that key and value cannot mix."""
    return int.from_bytes(blake2b(len(key).to_bytes(4, "big") + key + value, digest_size=_BYTES).digest(), "big")


def encode_digest(digest: int) -> bytes:
    """Write the stored form: 32 bytes, big-endian."""
    return digest.to_bytes(_BYTES, "big")


def decode_digest(data: bytes | None) -> int:
    """Read the stored form; nothing stored is the empty state."""
    if data is not None and len(data) != _BYTES:
        message = f"the state's digest has {len(data)} bytes instead of {_BYTES}"
        raise StateCorrupt(message)
    return int.from_bytes(data or _EMPTY, "big")


def replaced(digest: int, key: bytes, old: bytes | None, new: bytes | None) -> int:
    """Give the digest after a key's value changed; None stands for "no such key"."""
    if old is not None:
        digest -= entry_hash(key, old)
    if new is not None:
        digest += entry_hash(key, new)
    return digest % _MODULUS


def computed(state: StateReader) -> int:
    """Compute the digest by reading everything, for comparison with the one kept."""
    return sum(entry_hash(key, value) for key, value in _entries(state) if key != keys.DIGEST) % _MODULUS


def verify(state: StateReader) -> str:
    """Compare the digest kept with the one computed; give it in hexadecimal, or raise StateCorrupt."""
    kept = decode_digest(state.get(keys.DIGEST))
    found = computed(state)
    if kept != found:
        message = f"the state does not match its digest: kept {kept:064x}, computed {found:064x}"
        raise StateCorrupt(message)
    return f"{kept:064x}"


def _entries(state: StateReader) -> Iterator[tuple[bytes, bytes]]:
    after: bytes | None = None
    while chunk := state.scan(keys.STATE, after, _SCAN_KEYS):
        yield from chunk
        after = chunk[-1][0]
