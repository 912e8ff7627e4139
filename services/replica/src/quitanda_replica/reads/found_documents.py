"""One page of the customers or products that pass a filter, read from a snapshot in the order of their ids.

A search walks over all documents of its kind, one for low products over those. To decode each of them for each search
would take too long, so what a search looks at is kept in memory, by the version of the document. A version belongs to
one content for ever. So what is kept is right at every snapshot that has the document in this version, and needs not
to be told of changes: a document that has another version is decoded anew. It is no part of the state.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from quitanda.codec.document_filters import DocumentFilter, SearchedFields, passes, searched_fields
from quitanda.codec.documents import decode_document
from quitanda.domain.model import Kind
from quitanda_replica.reads.pages import PAGE_BYTES_MAX, PageOfDocuments
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt, WalkableState
from quitanda_replica.state.stored_documents import VERSION_BYTES, json_of

WALKED_MAX: Final = 10_000
"""Documents that are looked at for one page; a search for what is rare has pages without documents."""

DECODED_MAX: Final = 400
"""Those of them that are decoded, which takes twenty times as long: so many in about 40 ms of a processor.

Meanwhile the replica has other things to do."""

KEPT_BYTES_MAX: Final = 64 * 1024 * 1024
"""Size of what is kept: about 130,000 documents with descriptions of a hundred characters."""

IDLE_SECONDS: Final = 600.0
"""Where there is no room left, what no search has met for so long is forgotten: the document is gone, most likely."""

_KEPT_BYTES: Final = 400
"""What keeping a document costs beside its text."""


@dataclass(slots=True)
class _Kept:
    version: bytes
    fields: SearchedFields
    met: float


class SearchMemory:
    """What searches look at of documents, by their keys. Any thread may call it."""

    def __init__(self, size_max: int = KEPT_BYTES_MAX, clock: Callable[[], float] = time.monotonic) -> None:
        self._size_max = size_max
        self._clock = clock
        self._kept: dict[bytes, _Kept] = {}
        self._lock = threading.Lock()
        self._forgot = clock()
        self.size = 0
        """Size of what is kept, with what keeping it costs; in bytes."""

    def now(self) -> float:
        """Tell when a search begins, for `fields_of`."""
        return self._clock()

    def knows(self, key: bytes, value: bytes) -> bool:
        """Tell whether the document with this stored value need not be decoded."""
        kept = self._kept.get(key)
        return kept is not None and kept.version == value[:VERSION_BYTES]

    def fields_of(self, kind: Kind, key: bytes, value: bytes, now: float) -> SearchedFields:
        """Give what a search looks at of the document with this stored value. Raises StateCorrupt."""
        kept = self._kept.get(key)
        version = value[:VERSION_BYTES]
        if kept is not None and kept.version == version:
            kept.met = now
            return kept.fields
        fields = _decoded(kind, value)
        with self._lock:
            self._keep(key, _Kept(version, fields, now))
        return fields

    def _keep(self, key: bytes, new: _Kept) -> None:
        old = self._kept.get(key)
        grows = _size(key, new) - (0 if old is None else _size(key, old))
        if self.size + grows > self._size_max and new.met - self._forgot > IDLE_SECONDS:
            self._forget_idle(new.met)
        if self.size + grows <= self._size_max:
            self._kept[key] = new
            self.size += grows

    def _forget_idle(self, now: float) -> None:
        self._forgot = now
        for key, kept in list(self._kept.items()):
            if now - kept.met > IDLE_SECONDS:
                self.size -= _size(key, self._kept.pop(key))


def find_page(
    state: WalkableState, memory: SearchMemory, kind: Kind, wanted: DocumentFilter, after_id: str | None, size: int
) -> PageOfDocuments:
    """Read at most `size` documents that pass the filter, and whose ids are greater than `after_id`.

    The page may have fewer of them, or none, and the list go on: it looks at WALKED_MAX documents at most, and decodes
    DECODED_MAX of them.
    """
    prefix = keys.DOCUMENTS[kind]
    is_wanted, now = passes(wanted), memory.now()
    documents: list[bytes] = []
    total, decoded, last = 0, 0, b""
    for walked, (key, value) in enumerate(_walk(state, kind, wanted, after_id)):
        decoded += not memory.knows(key, value)
        if walked == WALKED_MAX or decoded > DECODED_MAX:
            return PageOfDocuments(documents, last[len(prefix) :].decode())
        if is_wanted(memory.fields_of(kind, key, value, now)):
            document = json_of(value)
            total += len(document)
            if len(documents) == size or (documents and total > PAGE_BYTES_MAX):
                return PageOfDocuments(documents, last[len(prefix) :].decode())
            documents.append(document)
        last = key
    return PageOfDocuments(documents, None)


def _walk(
    state: WalkableState, kind: Kind, wanted: DocumentFilter, after_id: str | None
) -> Iterator[tuple[bytes, bytes]]:
    """Yield the documents that can be wanted, and their keys: all of the kind, or where low ones are, those."""
    if not wanted.low:
        yield from state.iterate(keys.DOCUMENTS[kind], None if after_id is None else keys.document(kind, after_id))
        return
    for index_key, _ in state.iterate(keys.LOW_PRODUCTS, None if after_id is None else keys.low_product(after_id)):
        key = keys.DOCUMENTS[Kind.PRODUCT] + index_key[len(keys.LOW_PRODUCTS) :]
        value = state.get(key)
        if value is None:
            raise StateCorrupt(f"a product that is low does not exist: {index_key!r}")
        yield key, value


def _decoded(kind: Kind, value: bytes) -> SearchedFields:
    try:
        return searched_fields(decode_document(kind, json_of(value)))
    except ValueError as error:
        raise StateCorrupt(f"a stored {kind} cannot be read: {value[:200]!r}") from error


def _size(key: bytes, kept: _Kept) -> int:
    return len(key) + len(kept.fields.text) + _KEPT_BYTES
