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

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """Keys and values of the state without these changes, as StateReader."""
        return self._state.scan(prefix, after, limit)

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
    """The state while one log entry is applied: what its requests changed so far, over the store.

    The store and the digest hear of each changed key once: in `finish`, or before a scan, which the store answers.
    Reading each key once matters because LevelDB lets other threads run meanwhile, and getting the interpreter back
    takes time. Every failure of the store becomes StateCorrupt: rules that fail are an outcome, alike on every
    replica; a disk that fails is this replica's own and must stop it.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._stored: dict[bytes, bytes | None] = {}
        """What the store has under keys that were read or staged here, or are known to be new."""
        self._changed: dict[bytes, bytes | None] = {}
        """What the requests changed, and the store does not have yet."""
        self._counters_before = read_counters(self)
        self.counters = self._counters_before
        self.digest = digest.decode_digest(self.get(keys.DIGEST))
        """Of what is staged; of the whole state after `finish`."""

    def get(self, key: bytes) -> bytes | None:
        """Give the key's value, or None."""
        return self._changed[key] if key in self._changed else self._read(key)

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """Keys and values, as StateReader."""
        self._stage_changes()
        try:
            found = self._store.scan(prefix, after, limit)
        except Exception as error:
            raise _marked(prefix, error) from error
        self._stored.update(found)
        return found

    def add(self, writes: WriteSet) -> None:
        """Make a write set part of the state that the next request sees."""
        for key in writes.created:
            if key not in self._changed:
                self._stored[key] = None
        self._changed.update(writes.changes)
        self.counters = writes.counters

    def finish(self) -> None:
        """Stage what was changed, then counters and digest; nothing where nothing changed."""
        if self.counters == self._counters_before:  # whatever changes the state changes them
            return
        self._changed[keys.COUNTERS] = encode_counters(self.counters)
        self._stage_changes()
        self._put(keys.DIGEST, digest.encode_digest(self.digest))

    def _read(self, key: bytes) -> bytes | None:
        if key not in self._stored:
            try:
                self._stored[key] = self._store.get(key)
            except Exception as error:
                raise _marked(key, error) from error
        return self._stored[key]

    def _stage_changes(self) -> None:
        for key, value in self._changed.items():
            self.digest = digest.replaced(self.digest, key, self._read(key), value)
            self._put(key, value)
        self._changed.clear()

    def _put(self, key: bytes, value: bytes | None) -> None:
        try:
            if value is None:
                self._store.delete(key)
            else:
                self._store.put(key, value)
        except Exception as error:
            raise _marked(key, error) from error
        self._stored[key] = value


def _marked(key: bytes, error: Exception) -> StateCorrupt:
    return StateCorrupt(f"the store failed at key {key!r}: {error}")


def read_counters(state: StateReader) -> Counters:
    """Read the counters of a state. StateCorrupt where they cannot be read, LevelNotSupported."""
    try:
        return decode_counters(state.get(keys.COUNTERS))
    except ValueError as error:
        raise StateCorrupt(str(error)) from error
