"""A backup on its way into a file, which is there whole or not at all, and out of one."""

from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from quitanda.backup.destination import destination
from quitanda.backup.file_format import BackupDamaged, BackupReader, BackupWriter, Contents, Header, OneDisk
from quitanda.domain.levels import FIRST_LEVEL

if TYPE_CHECKING:
    from quitanda.v1.admin_portal_pb2 import BackupHeader, BackupPart


class BackupFile:
    """Takes the parts of a backup in their order; a context manager that leaves nothing behind without `keep`.

    A plain file that is there is only replaced with `replace`; `-`, FIFOs and devices are written straight through
    (`destination`). OSError where writing fails.
    """

    def __init__(self, path: Path, one_disk: OneDisk | None = None, *, replace: bool = False) -> None:
        """Begin nothing yet. `one_disk`: what is known of the disk, where the backup comes from one alone."""
        self._destination = destination(path, replace=replace)
        self._one_disk = one_disk
        self._writer: BackupWriter | None = None
        self.header: Header | None = None
        self.contents: Contents | None = None

    def __enter__(self) -> Self:
        self._destination.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._destination.__exit__(kind, error, trace)

    @property
    def keys(self) -> int:
        """How many keys have come."""
        return 0 if self._writer is None else self._writer.keys

    def take(self, part: "BackupPart") -> None:
        """Write one part. Raises BackupDamaged where the parts do not make a backup."""
        kind = part.WhichOneof("part")
        if kind == "header" and self._writer is None:
            self.header = _header(part.header, self._one_disk)
            self._writer = BackupWriter(self._destination.file, self.header)
        elif kind == "chunk" and self._writer is not None and self.contents is None:
            self._writer.chunk(part.chunk.pairs)
        elif kind == "trailer" and self._writer is not None and self.contents is None:
            self.contents = self._writer.finish(part.trailer.chunks, part.trailer.keys)
        else:
            raise BackupDamaged(f"a {kind or 'part without content'} came out of turn")

    def keep(self) -> int:
        """Give the file its name, with everything on the disk first; return its size in bytes.

        Raises BackupDamaged where no trailer came; FileExistsError where there is such a file, unless it is replaced.
        """
        if self._writer is None or self.contents is None:
            raise BackupDamaged("the stream ended before its trailer")
        self._destination.keep()
        return self._writer.size


def inspect(file: BinaryIO) -> tuple[Header, Contents, int]:
    """Read a whole backup and check every byte of it; give also its size in bytes. Raises BackupDamaged, OSError."""
    reader = BackupReader(file)
    for _ in reader.chunks():
        pass
    if reader.contents is None:
        raise BackupDamaged("the file has no trailer")
    return reader.header, reader.contents, reader.size


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
        level=told.level or FIRST_LEVEL,
        one_disk=one_disk,
    )
