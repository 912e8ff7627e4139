"""The file to which an import writes the tokens of the customers that it creates; only its owner may read it.

Each token is written as soon as it is known. What the file holds stays, and a token that it has is not written again:
so an import that was interrupted is repeated with the same file, and the file is complete in the end.
"""

import csv
import io
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

HEADER: Final = ("customer_id", "token")


class TokenFileError(Exception):
    """The file cannot be used. The text names it and says why, and what to do; it never has a token."""


class TokenSink(Protocol):
    """Takes the tokens of customers that an import creates; TokenFileError where it cannot."""

    def add(self, customer_id: str, token: str) -> None:
        """Take a token, which may be one that it has."""

    def finish(self) -> None:
        """Keep what was taken."""


class TokenFile:
    """Lines of a CSV file: a customer's id and a token. A context manager, which closes the file; one at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it, before anything is sent; TokenFileError where that cannot be done."""
        self.path = path
        self._known: set[tuple[str, ...]] = set()
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._refused(f"cannot be opened: {error.strerror}", "name another file") from None
        try:
            self._continue()
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def add(self, customer_id: str, token: str) -> None:
        """Write a token, unless the file has it; TokenFileError where it cannot be written."""
        if (customer_id, token) not in self._known:
            self._write((customer_id, token))

    def finish(self) -> None:
        """Let what was written outlive a loss of power; TokenFileError where the disk cannot."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._not_written(error) from None

    def _continue(self) -> None:
        """Read what an earlier import wrote, and begin after its last whole line."""
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise self._refused("is not a file", "name a file")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise self._refused("can be read by others", f"take it from them: chmod 600 {self.path}")
        with open(self._descriptor, "rb", closefd=False) as file:
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        try:
            rows = [tuple(row) for row in csv.reader(io.StringIO(whole.decode()), strict=True)]
        except (ValueError, csv.Error):
            rows = [()]
        if content and (not rows or rows[0] != HEADER):
            raise self._refused("holds something other than tokens", "name another file")
        self._known = set(rows)
        try:
            os.ftruncate(self._descriptor, len(whole))
            os.lseek(self._descriptor, 0, os.SEEK_END)
        except OSError as error:
            raise self._not_written(error) from None
        if not rows:
            self._write(HEADER)

    def _write(self, row: tuple[str, ...]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        content = line.getvalue().encode()
        try:
            while content:
                content = content[os.write(self._descriptor, content) :]
        except OSError as error:
            raise self._not_written(error) from None
        self._known.add(row)

    def _not_written(self, error: OSError) -> TokenFileError:
        return self._refused(f"cannot be written: {error.strerror}", "make room")

    def _refused(self, problem: str, next_step: str) -> TokenFileError:
        return TokenFileError(f"the file {self.path} for tokens {problem}; {next_step}")
