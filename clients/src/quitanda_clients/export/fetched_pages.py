"""The pages that an export has fetched so far, in a file: an export that was interrupted goes on after the last page.

    {document}          stored form, one line for each document of the page
    page KIND REVISION TOKEN

Everything behind the last whole `page` line was cut off in the middle, and does not count.
"""

import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from quitanda.codec.documents import decode_document, encode_document
from quitanda.domain.model import Document, Kind
from quitanda_clients.paging import FetchPage, from_one_snapshot, pages
from quitanda_clients.results import ListPage

_PAGE: Final = b"page "
_PAGE_LINE: Final = re.compile(rb"page ([a-z]+) ([0-9]+) ([!-~]*)\n")


class PagesFileError(Exception):
    """The file cannot be used; the text names it, and says why and what to do."""


class FetchedPages:
    """A context manager; without a path, the file has no name, and nothing can go on from it.

    `count` documents at `revision` are there; `token` is where the list goes on: empty before the first page, and after
    the last one.
    """

    def __init__(self, kind: Kind, path: Path | None) -> None:
        """Open the file, and read what an interrupted export of the same kind left in it. Raises PagesFileError."""
        self.kind = kind
        self.revision = 0
        self.token = ""
        self.count = 0
        self._path = path
        self._file = _unnamed() if path is None else _opened(path)
        try:
            self._find_last_page()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, page: ListPage[Document]) -> None:
        """Keep one more page."""
        end = f"page {self.kind} {page.revision} {page.next_page_token}".encode()
        self._file.write(b"".join(line + b"\n" for line in (*map(encode_document, page.documents), end)))
        self._file.flush()
        self.revision, self.token = page.revision, page.next_page_token
        self.count += len(page.documents)

    def clear(self) -> None:
        """Forget all pages, to begin anew."""
        self._cut_behind(0)
        self.revision, self.token, self.count = 0, "", 0

    def documents(self) -> Iterator[Document]:
        """Yield the documents of all pages, in their order; as often as wanted."""
        self._file.seek(0)
        for line in self._file:
            if not line.startswith(_PAGE):
                yield decode_document(self.kind, line)

    def remove(self) -> None:
        """Remove the file; nobody needs the pages any more."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _find_last_page(self) -> None:
        """Go behind the last whole page. Pages of another kind, and those of a finished list, are of no use."""
        end = at = count = 0
        for line in self._file:
            at += len(line)
            if not line.startswith(_PAGE):
                count += 1
            elif (found := _PAGE_LINE.fullmatch(line)) and found[1].decode() == self.kind:
                end, self.count, self.revision, self.token = at, count, int(found[2]), found[3].decode()
            else:
                break
        if self.token:
            self._cut_behind(end)
        else:
            self.clear()

    def _cut_behind(self, end: int) -> None:
        self._file.seek(end)
        self._file.truncate()


async def fetch_rest(fetch: FetchPage[Document], fetched: FetchedPages, done: Callable[[int], None]) -> None:
    """Fetch the pages that are not there yet; begin anew if the replicas do not know any more where the list goes on.

    Calls `done` with the number of documents that are there. Raises what `fetch` raises.
    """
    goes_on = bool(fetched.token)

    async def read() -> None:
        nonlocal goes_on
        if not goes_on:
            fetched.clear()
        goes_on = False
        async for page in pages(fetch, token=fetched.token):
            fetched.add(page)
            done(fetched.count)

    await from_one_snapshot(read)


def _unnamed() -> BinaryIO:
    return tempfile.TemporaryFile("w+b")


def _opened(path: Path) -> BinaryIO:
    """Open the file for this process alone, or make it; only its owner may read and write it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise PagesFileError(f"the file {path} for the fetched pages cannot be opened: {error.strerror}") from None
    file = os.fdopen(descriptor, "r+b")
    problem = _problem(os.fstat(descriptor))
    if not problem:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            problem = "is in use: another export writes the same file; wait for its end"
    if problem:
        file.close()
        raise PagesFileError(f"the file {path} for the fetched pages {problem}")
    return file


def _problem(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "is not a file; remove it"
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return "belongs to others, or can be read by them; remove it"
    return ""
