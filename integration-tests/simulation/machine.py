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


def payload(request: int, attempt: int, padding: int) -> bytes:
    """Return the command of the write `request`, with some weight; attempts can be told apart."""
    return _ATTEMPT.pack(request, attempt) + bytes(padding)


def read_attempt(command: bytes) -> tuple[int, int]:
    """Return request and attempt of a command."""
    return _ATTEMPT.unpack_from(command)


def digest_behind(digest: bytes, command: bytes) -> bytes:
    """Return the digest of all commands up to `command`, where `digest` is that of all before it."""
    return blake2b(digest + command, digest_size=16).digest()


def read_state(value: bytes | None) -> tuple[int, bytes]:
    """Return index and digest in the value of DIGEST_KEY."""
    return (0, START) if value is None else (_INDEX.unpack_from(value)[0], value[_INDEX.size :])


def read_answer(command: bytes, answer: bytes) -> int | None:
    """Return the index of the entry at which the request of `command` took effect; None if it answers another one."""
    if answer[: -_INDEX.size] != command[:_REQUEST_BYTES]:
        return None
    return _INDEX.unpack(answer[-_INDEX.size :])[0]


class LedgerMachine:
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

    def committed(self, _index):
        pass

    def installed(self, _index):
        self._on_installed()
