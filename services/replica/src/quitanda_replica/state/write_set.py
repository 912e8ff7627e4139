"""What one request would change: collected first, staged only when everything is known to be well."""

from quitanda_replica.state import digest, keys
from quitanda_replica.state.access import StateCorrupt, StateReader, StateStore
from quitanda_replica.state.counters import Counters, decode_counters, encode_counters


class WriteSet:
    """Changes of keys and counters on top of a state; dropping it leaves no trace."""

    def __init__(self, state: StateReader, counters: Counters) -> None:
        self._state = state
        self.counters = counters.copy()
        self.changes: dict[bytes, bytes | None] = {}
        self.created: set[bytes] = set()
        """Keys that certainly did not exist before; asked for, never walked through."""

    def get(self, key: bytes) -> bytes | None:
        """Give the key's value with these changes, or None."""
        return self.changes[key] if key in self.changes else self._state.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value."""
        self.changes[key] = value

    def create(self, key: bytes, value: bytes) -> None:
        """Set the value of a key that does not exist yet, which saves looking it up."""
        if key not in self.changes:
            self.created.add(key)
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key."""
        self.changes[key] = None


class EntryState:
    """The state while one log entry is applied: stages write sets, keeps counters and digest in step.

    `finish` writes both once for the whole entry.
    """

    def __init__(self, store: StateStore) -> None:
        self.store = store
        self.counters = read_counters(store)
        self.digest = digest.decode_digest(store.get(keys.DIGEST))
        """Of the state with everything staged so far; final after `finish`."""
        self._changed = False

    def stage(self, writes: WriteSet) -> None:
        """Make a write set part of the state that the next request sees."""
        for key, value in writes.changes.items():
            self._replace(key, None if key in writes.created else self.store.get(key), value)
        self._changed = self._changed or writes.counters != self.counters or bool(writes.changes)
        self.counters = writes.counters

    def finish(self) -> None:
        """Stage counters and digest, if anything changed."""
        if self._changed:
            self._replace(keys.COUNTERS, self.store.get(keys.COUNTERS), encode_counters(self.counters))
            self.store.put(keys.DIGEST, digest.encode_digest(self.digest))

    def _replace(self, key: bytes, old: bytes | None, value: bytes | None) -> None:
        self.digest = digest.replaced(self.digest, key, old, value)
        if value is None:
            self.store.delete(key)
        else:
            self.store.put(key, value)


def read_counters(state: StateReader) -> Counters:
    """Read the counters of a state. StateCorrupt where they cannot be read, LevelNotSupported."""
    try:
        return decode_counters(state.get(keys.COUNTERS))
    except ValueError as error:
        raise StateCorrupt(str(error)) from error
