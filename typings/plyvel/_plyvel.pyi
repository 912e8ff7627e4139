from collections.abc import Iterator

class WriteBatch:
    def put(self, key: bytes, value: bytes) -> None: ...
    def delete(self, key: bytes) -> None: ...
    def write(self) -> None: ...

class Snapshot:
    def get(self, key: bytes, default: None = None, *, verify_checksums: bool = False) -> bytes | None: ...
    def iterator(
        self,
        *,
        start: bytes | None = None,
        include_start: bool = True,
        stop: bytes | None = None,
        include_stop: bool = False,
        reverse: bool = False,
        prefix: bytes | None = None,
        verify_checksums: bool = False,
        fill_cache: bool = True,
    ) -> Iterator[tuple[bytes, bytes]]: ...
    def close(self) -> None: ...
