"""The file of a backup, format 1 (docs/SCHEMA.md describes it byte by byte).

A line of text that names the format, then records: kind (1 byte), length (4 bytes, big-endian), payload, and
BLAKE2b-128 over the record's number (8 bytes), its kind and its payload. One header (JSON), chunks (pairs), one
trailer (JSON) with counts and the digest of the state as computed while it was written; then the file ends.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from struct import Struct
from typing import BinaryIO, Final

from quitanda.backup.pairs import MalformedPairs, decode_pairs
from quitanda.backup.state_digest import StateDigest
from quitanda.domain.levels import FIRST_LEVEL

FIRST_LINE: Final = b"Quitanda backup 1\n"
RECORD_BYTES_MAX: Final = 64 * 1024 * 1024
"""A longer record was never written; its length is damage."""

_HEADER: Final = b"H"
_CHUNK: Final = b"C"
_TRAILER: Final = b"T"
_PREFIX: Final = Struct(">cI")
_NUMBER: Final = Struct(">Q")
_CHECK_BYTES: Final = 16


class BackupDamaged(Exception):
    """The file is no backup, or not all of it is there as it was written; the text says where and what."""


@dataclass(frozen=True, slots=True)
class OneDisk:
    """What is known of the disk of a backup that was exported from one alone, without asking a cluster."""

    cluster: str
    """The cluster's id; '' where the disk has none."""
    term: int
    commit_index: int
    """Up to here the disk knew entries to be committed."""
    last_log_index: int
    counts: bool
    """Whether the replica voted; one that was catching up may lack much more."""

    def explain(self, revision: int) -> str:
        """Say what a backup that reaches `revision` may lack."""
        behind = self.last_log_index - revision
        known = max(0, self.commit_index - revision)
        lacks = "entries that reached other disks alone"
        if behind:
            lacks += (
                f", and the {behind} entries of its own log behind revision {revision} ({known} known as committed)"
            )
        told = f"It comes from one disk alone and may lack what was acknowledged last: {lacks}."
        return told if self.counts else f"{told} This replica was still catching up, so it may lack much more."


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup is a backup of; the digest is hexadecimal, `taken_at` ISO 8601 in UTC, for people."""

    revision: int
    term: int
    state_digest: str
    customers: int
    products: int
    orders: int
    keys_expected: int
    replica: str
    taken_at: str
    level: int = FIRST_LEVEL
    """The level of rules that the state is at (`quitanda.domain.levels`)."""
    one_disk: OneDisk | None = None
    """Set where the backup was exported from one disk; None where a leader proved that all acknowledged is in it."""

    def as_fields(self) -> dict[str, object]:
        """Return the fields by name, for JSON; `level` and `one_disk` only where they say something."""
        fields = {name: value for name, value in asdict(self).items() if value is not None}
        if self.level == FIRST_LEVEL:
            del fields["level"]
        return fields


@dataclass(frozen=True, slots=True)
class Contents:
    """What was counted while a whole backup was written or read."""

    chunks: int
    keys: int
    state_digest: str


class BackupWriter:
    """Writes a backup into a file: header, chunks, `finish`."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._header = header
        self._records = 0
        self._digest = StateDigest()
        self._chunks = 0
        self.size = len(FIRST_LINE)
        """Bytes that are written so far."""
        file.write(FIRST_LINE)
        self._record(_HEADER, json.dumps({"format": 1} | header.as_fields()).encode())

    @property
    def keys(self) -> int:
        """How many keys are written."""
        return self._digest.keys

    def chunk(self, pairs: bytes) -> None:
        """Write one chunk. Raises BackupDamaged where it does not hold whole pairs."""
        _add(self._digest, pairs)
        self._chunks += 1
        self._record(_CHUNK, pairs)

    def finish(self, chunks: int, keys: int) -> Contents:
        """Write the trailer. Raises BackupDamaged unless all came that the sender counted, with the digest it told."""
        contents = Contents(self._chunks, self._digest.keys, self._digest.computed)
        _check(contents, self._header, self._digest, chunks, keys)
        self._record(_TRAILER, json.dumps(asdict(contents)).encode())
        return contents

    def _record(self, kind: bytes, payload: bytes) -> None:
        check = _check_of(self._records, kind, payload)
        record = _PREFIX.pack(kind, len(payload)) + payload + check
        self._file.write(record)
        self._records += 1
        self.size += len(record)


class BackupReader:
    """Reads a backup and checks every byte of it: the header at once, the rest in `chunks`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._records = 0
        self.size = len(FIRST_LINE)
        """Bytes that are read so far, and are right."""
        first = file.read(len(FIRST_LINE))
        if first != FIRST_LINE:
            raise BackupDamaged(_not_this_format(first))
        kind, payload = self._record()
        if kind != _HEADER:
            raise BackupDamaged("the first record is not a header")
        self.header = _read_header(payload)
        self.contents: Contents | None = None
        """What was counted; set when `chunks` has come to the end."""

    def chunks(self) -> Iterator[bytes]:
        """Yield every chunk's pairs; whoever came to the end knows that all is as it was written.

        Raises BackupDamaged.
        """
        digest = StateDigest()
        number = 0
        while True:
            kind, payload = self._record()
            if kind != _CHUNK:
                break
            _add(digest, payload)
            number += 1
            yield payload
        if kind != _TRAILER:
            raise BackupDamaged(f"record {self._records} is of the unknown kind {kind!r}")
        told = _read_trailer(payload)
        self._end()
        contents = Contents(number, digest.keys, digest.computed)
        _check(contents, self.header, digest, told.chunks, told.keys)
        self.contents = contents

    def _record(self) -> tuple[bytes, bytes]:
        prefix = self._file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            raise BackupDamaged(f"the file ends before record {self._records + 1}: the backup was cut short")
        kind, length = _PREFIX.unpack(prefix)
        if length > RECORD_BYTES_MAX:
            raise BackupDamaged(f"record {self._records + 1} has an impossible length")
        payload = self._file.read(length)
        check = self._file.read(_CHECK_BYTES)
        if len(payload) < length or len(check) < _CHECK_BYTES:
            raise BackupDamaged(f"the file ends inside record {self._records + 1}: the backup was cut short")
        if check != _check_of(self._records, kind, payload):
            raise BackupDamaged(f"record {self._records + 1} does not match its checksum")
        self._records += 1
        self.size += len(prefix) + length + len(check)
        return kind, payload

    def _end(self) -> None:
        if self._file.read(1):
            raise BackupDamaged("there are bytes behind the trailer")


def _check_of(number: int, kind: bytes, payload: bytes) -> bytes:
    return blake2b(_NUMBER.pack(number) + kind + payload, digest_size=_CHECK_BYTES).digest()


def _add(digest: StateDigest, pairs: bytes) -> None:
    try:
        for key, value in decode_pairs(pairs):
            digest.add(key, value)
    except MalformedPairs as error:
        raise BackupDamaged(f"a chunk is malformed: {error}") from None


def _check(contents: Contents, header: Header, digest: StateDigest, chunks: int, keys: int) -> None:
    if (contents.chunks, contents.keys) != (chunks, keys):
        raise BackupDamaged(f"{contents.chunks} chunks with {contents.keys} keys are there; {chunks} and {keys} were")
    if not contents.state_digest == header.state_digest == (digest.kept or "0" * 64):
        raise BackupDamaged("the state does not match its digest")


def _read_header(payload: bytes) -> Header:
    fields = _json(payload)
    match fields:
        case {
            "format": 1,
            "revision": int(revision),
            "term": int(term),
            "state_digest": str(state_digest),
            "customers": int(customers),
            "products": int(products),
            "orders": int(orders),
            "keys_expected": int(keys_expected),
            "replica": str(replica),
            "taken_at": str(taken_at),
        }:
            counts = customers, products, orders, keys_expected
            level, one_disk = _read_level(fields), _read_one_disk(fields)
            return Header(revision, term, state_digest, *counts, replica, taken_at, level, one_disk)
    raise BackupDamaged("the header cannot be read")


def _read_level(fields: object) -> int:
    match fields:
        case {"level": int(level)} if level >= FIRST_LEVEL:
            return level
        case {"level": _}:
            raise BackupDamaged("the header cannot be read: what it says of its level")
    return FIRST_LEVEL


def _read_one_disk(fields: object) -> OneDisk | None:
    match fields:
        case {
            "one_disk": {
                "cluster": str(cluster),
                "term": int(term),
                "commit_index": int(commit_index),
                "last_log_index": int(last_log_index),
                "counts": bool(counts),
            }
        }:
            return OneDisk(cluster, term, commit_index, last_log_index, counts)
        case {"one_disk": _}:
            raise BackupDamaged("the header cannot be read: what it says of its disk")
    return None


def _read_trailer(payload: bytes) -> Contents:
    match _json(payload):
        case {"chunks": int(chunks), "keys": int(keys), "state_digest": str(state_digest)}:
            return Contents(chunks, keys, state_digest)
    raise BackupDamaged("the trailer cannot be read")


def _json(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return None


def _not_this_format(first: bytes) -> str:
    if first.startswith(FIRST_LINE[: FIRST_LINE.rindex(b" ")]):
        return f"this is a backup of another format ({first[16:24]!r}); this program reads format 1"
    return "this file is not a backup of Quitanda"
