"""A backup on its way into a file, which is there whole or not at all."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from quitanda.backup.file_format import BackupDamaged, BackupReader, BackupWriter, Contents, Header, OneDisk

if TYPE_CHECKING:
    from quitanda.v1.admin_portal_pb2 import BackupHeader, BackupPart


class BackupFile:
    """Takes the parts of a backup in their order; a context manager that leaves nothing behind without `keep`.

    What comes is written beside the file, under another name, readable by its owner only. OSError where that fails.
    """

    def __init__(self, path: Path, one_disk: OneDisk | None = None) -> None:
        """Begin nothing yet. `one_disk`: what is known of the disk, where the backup comes from one alone."""
        self._path = path
        self._one_disk = one_disk
        self._partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
        self._file: BinaryIO | None = None
        self._writer: BackupWriter | None = None
        self.header: Header | None = None
        self.contents: Contents | None = None

    def __enter__(self) -> Self:
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._opened().close()
        self._partial.unlink(missing_ok=True)

    @property
    def keys(self) -> int:
        """How many keys have come."""
        return 0 if self._writer is None else self._writer.keys

    def take(self, part: "BackupPart") -> None:
        """Write one part. Raises BackupDamaged where the parts do not make a backup."""
        kind = part.WhichOneof("part")
        if kind == "header" and self._writer is None:
            self.header = _header(part.header, self._one_disk)
            self._writer = BackupWriter(self._opened(), self.header)
        elif kind == "chunk" and self._writer is not None and self.contents is None:
            self._writer.chunk(part.chunk.pairs)
        elif kind == "trailer" and self._writer is not None and self.contents is None:
            self.contents = self._writer.finish(part.trailer.chunks, part.trailer.keys)
        else:
            raise BackupDamaged(f"a {kind or 'part without content'} came out of turn")

    def keep(self, *, force: bool) -> int:
        """Give the file its name, with everything on the disk first; return its size in bytes.

        Raises BackupDamaged where no trailer came; FileExistsError where there is such a file, unless `force`.
        """
        if self.contents is None:
            raise BackupDamaged("the stream ended before its trailer")
        file = self._opened()
        file.flush()
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
        if force:
            self._partial.replace(self._path)
        else:
            self._path.hardlink_to(self._partial)  # unlike a rename, this never replaces a file
        _sync_directory(self._path.parent)
        return size

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the file is not open")
        return self._file


def inspect(path: Path) -> tuple[Header, Contents]:
    """Read a whole backup and check every byte of it. Raises BackupDamaged, OSError."""
    with path.open("rb") as file:
        reader = BackupReader(file)
        for _ in reader.chunks():
            pass
        if reader.contents is None:
            raise BackupDamaged("the file has no trailer")
        return reader.header, reader.contents


def _header(told: "BackupHeader", one_disk: OneDisk | None) -> Header:
    return Header(
        revision=told.revision,
        term=told.term,
        state_digest=told.state_digest,
        customers=told.customers,
        products=told.products,
        orders=told.orders,
        keys_expected=told.keys_expected,
        replica=told.replica,
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
        one_disk=one_disk,
    )


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
