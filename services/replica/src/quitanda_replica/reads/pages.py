"""One page of a list, read from a snapshot in the order of keys."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from quitanda.domain.model import Kind
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt, StateReader
from quitanda_replica.state.stored_documents import json_of
from quitanda_replica.state.view import indexed_ids

PAGE_BYTES_MAX: Final = 1024 * 1024
"""Documents on one page, in bytes of stored JSON; one document always fits."""

_INDEXES: Final[Mapping[Kind, Callable[[str], bytes]]] = {
    Kind.ORDER: keys.orders_of_customer,
    Kind.CREDENTIAL: keys.credentials_of,
}
"""The index that a list of documents of a kind follows, by the customer."""


@dataclass(frozen=True, slots=True)
class PageOfDocuments:
    """Documents in stored JSON; `next_after` says where the list goes on, None at its end.

    It is the id of the last document; of found orders, the place of the next one (`found_orders`).
    """

    documents: list[bytes]
    next_after: str | None


def read_page(state: StateReader, kind: Kind, customer_id: str, after_id: str | None, size: int) -> PageOfDocuments:
    """Read at most `size` documents whose ids are greater than `after_id`.

    Orders and credentials are those of the customer; credentials without a customer are those of staff. Orders are the
    live ones; `found_orders` has lists of others.
    """
    # one more than asked for tells whether the list goes on
    if kind in _INDEXES:
        ids = indexed_ids(state, _INDEXES[kind](customer_id), after_id, size + 1)
        found = ((each, _indexed(state, keys.document(kind, each))) for each in ids)
        return _cut(found, size)  # read as far as the page goes
    prefix = keys.DOCUMENTS[kind]
    after = None if after_id is None else keys.document(kind, after_id)
    rows = state.scan(prefix, after, size + 1)
    return _cut(((key[len(prefix) :].decode(), value) for key, value in rows), size)


def _cut(rows: Iterable[tuple[str, bytes]], size: int) -> PageOfDocuments:
    documents: list[bytes] = []
    total = 0
    last = ""
    for document_id, value in rows:
        document = json_of(value)
        total += len(document)
        if len(documents) == size or (documents and total > PAGE_BYTES_MAX):
            return PageOfDocuments(documents, last)
        documents.append(document)
        last = document_id
    return PageOfDocuments(documents, None)


def _indexed(state: StateReader, key: bytes) -> bytes:
    value = state.get(key)
    if value is None:
        raise StateCorrupt(f"an index names {key!r}, which there is not")
    return value
