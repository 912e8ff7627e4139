"""The state's digest (`quitanda.backup.state_digest`): kept in step with every change, compared with the state."""

from collections.abc import Callable
from itertools import islice
from typing import Final

from quitanda.backup.state_digest import BYTES, MODULUS, StateDigest, entry_hash
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt, WalkableState

_CHUNK_KEYS: Final = 1000
"""Read between two calls of `on_chunk`: some milliseconds, or some tens of them with the largest documents."""
_EMPTY: Final = bytes(BYTES)


def encode_digest(digest: int) -> bytes:
    """Write the stored form: 32 bytes, big-endian."""
    return digest.to_bytes(BYTES, "big")


def decode_digest(data: bytes | None) -> int:
    """Read the stored form; nothing stored is the empty state."""
    if data is not None and len(data) != BYTES:
        message = f"the state's digest has {len(data)} bytes instead of {BYTES}"
        raise StateCorrupt(message)
    return int.from_bytes(data or _EMPTY, "big")


def shown(digest: int) -> str:
    """Write a digest for people and programs: hexadecimal."""
    return f"{digest:064x}"


def replaced(digest: int, key: bytes, old: bytes | None, new: bytes | None) -> int:
    """Give the digest after a key's value changed; None stands for "no such key"."""
    if old is not None:
        digest -= entry_hash(key, old)
    if new is not None:
        digest += entry_hash(key, new)
    return digest % MODULUS


def computed(state: WalkableState, on_chunk: Callable[[], None] = lambda: None) -> StateDigest:
    """Compute the digest by reading everything; `on_chunk` is called now and then, and may raise to end it.

    One walk goes from the first key to the last, and holds one pair at a time in memory. It is hardly faster than
    many scans that each search for the key to go on from.
    """
    found = StateDigest()
    pairs = state.iterate(keys.STATE)
    while found.add_all(islice(pairs, _CHUNK_KEYS)):
        on_chunk()
    return found


def verify(state: WalkableState, on_chunk: Callable[[], None] = lambda: None) -> str:
    """Compare the digest kept with the one computed; give it in hexadecimal, or raise StateCorrupt.

    `on_chunk` as `computed`.
    """
    kept = shown(decode_digest(state.get(keys.DIGEST)))
    found = computed(state, on_chunk).computed
    if kept != found:
        raise mismatch(kept, found)
    return kept


def mismatch(kept: str, found: str) -> StateCorrupt:
    """Say that a state contradicts its digest; both hexadecimal."""
    return StateCorrupt(f"the state does not match its digest: kept {kept}, computed {found}")
