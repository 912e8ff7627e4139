"""The replicated state of the simulation: which request took effect at which entry, and a digest of all entries."""

from hashlib import blake2b
from struct import Struct

DIGEST_KEY = b"Sdigest"
"""Index of the last entry that was applied, and the digest of all commands up to it."""
REQUEST_PREFIX = b"Srequest"
START = bytes(16)

_INDEX = Struct(">Q")
_ATTEMPT = Struct(">QH")
_REQUEST_BYTES = 8


def digest_behind(digest: bytes, command: bytes) -> bytes:
    """Return the digest of all commands up to `command`, where `digest` is that of all before it."""
    return blake2b(digest + command, digest_size=16).digest()


def read_state(value: bytes | None) -> tuple[int, bytes]:
    """Return index and digest in the value of DIGEST_KEY."""
    return (0, START) if value is None else (_INDEX.unpack_from(value)[0], value[_INDEX.size :])


class RequestModel:
    """What clients and the checker know of the state machine. One for each run: it follows the true log."""

    remembered: int | None = None
    """How many requests the state machine remembers; None: all."""

    def __init__(self):
        self._true_state = (0, START)
        self._true_effects: dict[int, int] = {}

    def copy(self) -> "RequestModel":
        """Return another one that has followed the same entries."""
        other = RequestModel()
        other._true_state, other._true_effects = self._true_state, dict(self._true_effects)
        return other

    def command(self, request: int, attempt: int, padding: int) -> bytes:
        """Return the command of the write `request`, with some weight; attempts can be told apart."""
        return _ATTEMPT.pack(request, attempt) + bytes(padding)

    def read_attempt(self, command: bytes) -> tuple[int, int]:
        """Return request and attempt of a command."""
        return _ATTEMPT.unpack_from(command)

    def machine(self, store, on_installed, _history):
        """Return the state machine of a replica."""
        return RequestMachine(store, on_installed)

    def read_answer(self, answer: bytes) -> int:
        """Return the index of the entry at which the request that is answered took effect; 0 where it is no answer."""
        return 0 if len(answer) < _INDEX.size else _INDEX.unpack(answer[-_INDEX.size :])[0]

    def agree(self, answer: bytes, other: bytes) -> bool:
        """Say whether two answers are the same."""
        return answer == other

    def extend(self, index: int, command: bytes) -> tuple[bytes, object]:
        """Return the true answer to the command, which comes next, and the state behind it."""
        self._true_state = index, digest_behind(self._true_state[1], command)
        effect = self._true_effects.setdefault(self.read_attempt(command)[0], index)
        return command[:_REQUEST_BYTES] + _INDEX.pack(effect), self._true_state

    def state(self, content: dict[bytes, bytes]):
        """Return the state on a disk, as it can be compared."""
        return read_state(content.get(DIGEST_KEY))

    def check(self, _snapshot) -> None:
        """Compare a whole state with its digest; here they are one."""


class RequestMachine:
    """`raft.StateMachine`: each request takes effect once; its answer says where."""

    def __init__(self, store, on_installed):
        self._store = store
        self._on_installed = on_installed

    def apply(self, index, command):
        _, digest = read_state(self._store.get(DIGEST_KEY))
        self._store.put(DIGEST_KEY, _INDEX.pack(index) + digest_behind(digest, command))
        key = REQUEST_PREFIX + command[:_REQUEST_BYTES]
        if (known := self._store.get(key)) is not None:
            return command[:_REQUEST_BYTES] + known
        self._store.put(key, _INDEX.pack(index))
        return command[:_REQUEST_BYTES] + _INDEX.pack(index)

    def started(self, _index):
        """Nothing is kept in memory."""

    def committed(self, _index):
        """Nobody is told."""

    def check_snapshot(self, _pairs):
        """Every snapshot is welcome."""

    def installed(self, _index):
        self._on_installed()
