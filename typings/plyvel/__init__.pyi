# Only what quitanda_replica.store uses of plyvel 1.5; Snapshot lives in plyvel._plyvel.
from collections.abc import Iterator
from typing import Literal, overload

from plyvel._plyvel import Snapshot, WriteBatch

class Error(Exception): ...
class IOError(Error, OSError): ...
class CorruptionError(Error): ...

class DB:
    closed: bool
    def __init__(
        self,
        name: str,
        *,
        create_if_missing: bool = False,
        error_if_exists: bool = False,
        paranoid_checks: bool | None = None,
        write_buffer_size: int | None = None,
        lru_cache_size: int | None = None,
        bloom_filter_bits: int = 0,
        max_open_files: int | None = None,
        max_file_size: int | None = None,
        compression: str | None = "snappy",
    ) -> None: ...
    def get_property(self, name: bytes) -> bytes | None: ...
    def get(self, key: bytes, default: None = None, *, verify_checksums: bool = False) -> bytes | None: ...
    @overload
    def iterator(
        self,
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        include_start: bool = True,
        include_value: Literal[True] = True,
        verify_checksums: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]: ...
    @overload
    def iterator(
        self,
        *,
        start: bytes | None = None,
        stop: bytes | None = None,
        include_start: bool = True,
        include_value: Literal[False],
        verify_checksums: bool = False,
    ) -> Iterator[bytes]: ...
    def write_batch(self, *, sync: bool = False) -> WriteBatch: ...
    def snapshot(self) -> Snapshot: ...
    def close(self) -> None: ...
