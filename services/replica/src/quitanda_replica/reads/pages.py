"""One page of a list, read from a snapshot in the order of keys."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quitanda.codec.documents import decode_document
from quitanda.domain.model import Kind, Order
from quitanda.domain.order_states import LIVE_STATES
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt, StateReader
from quitanda_replica.state.stored_documents import json_of
from quitanda_replica.state.view import indexed_ids

PAGE_BYTES_MAX: Final = 1024 * 1024
"""Documents on one page, in bytes of stored JSON; one document always fits."""

ORDERS_LOOKED_AT_MAX: Final = 1_000
LOOKED_AT_BYTES_MAX: Final = 4 * PAGE_BYTES_MAX
"""Of the orders that one page looks at to find those in the wanted states; the next page goes on from there."""

_INDEXES: Final[Mapping[Kind, Callable[[str], bytes]]] = {
    Kind.ORDER: keys.orders_of_customer,
    Kind.CREDENTIAL: keys.credentials_of,
}
"""The index that a list of documents of a kind follows, by the customer."""


@dataclass(frozen=True, slots=True)
class PageOfDocuments:
    """Documents in stored JSON; `next_after` is the id after which the list goes on, None at its end."""

    documents: list[bytes]
    next_after: str | None


def read_page(
    state: StateReader, kind: Kind, customer_id: str, after_id: str | None, size: int, states: Sequence[str] = ()
) -> PageOfDocuments:
    """Read at most `size` documents whose ids are greater than `after_id`.

    Orders and credentials are those of the customer; credentials without a customer are those of staff. Orders are the
    live ones, or with `states` those that are in one of them.
    """
    if kind is Kind.ORDER and states:
        return _orders_in_states(state, customer_id, after_id, size, frozenset(states))
    # one more than asked for tells whether the list goes on
    if kind in _INDEXES:
        ids = indexed_ids(state, _INDEXES[kind](customer_id), after_id, size + 1)
        found = ((each, _indexed(state, keys.document(kind, each))) for each in ids)
        return _cut(found, size)  # read as far as the page goes
    prefix = keys.DOCUMENTS[kind]
    after = None if after_id is None else keys.document(kind, after_id)
    rows = state.scan(prefix, after, size + 1)
    return _cut(((key[len(prefix) :].decode(), value) for key, value in rows), size)


def _orders_in_states(
    state: StateReader, customer_id: str, after_id: str | None, size: int, states: frozenset[str]
) -> PageOfDocuments:
    """Read a page of the customer's orders that are in one of the states; a short or empty one need not be the last."""
    documents: list[bytes] = []
    total = looked_at = 0
    last = ""
    for number, (order_id, value) in enumerate(_orders_of(state, customer_id, after_id, states)):
        document = json_of(value)
        looked_at += len(document)
        wanted = _state_of(document) in states
        full = wanted and (len(documents) == size or (documents and total + len(document) > PAGE_BYTES_MAX))
        if full or number == ORDERS_LOOKED_AT_MAX or (number and looked_at > LOOKED_AT_BYTES_MAX):
            return PageOfDocuments(documents, last)
        if wanted:
            documents.append(document)
            total += len(document)
        last = order_id
    return PageOfDocuments(documents, None)


def _orders_of(
    state: StateReader, customer_id: str, after_id: str | None, states: frozenset[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield the customer's orders by id, the live or the closed ones or both: as many as a page looks at, and one."""
    sources = []
    if not states.isdisjoint(LIVE_STATES):
        sources.append((keys.orders_of_customer(customer_id), keys.DOCUMENTS[Kind.ORDER]))
    if not states.issubset(LIVE_STATES):
        sources.append((keys.closed_orders_of_customer(customer_id), keys.CLOSED_ORDERS))
    found = (
        [(each, documents) for each in indexed_ids(state, index, after_id, ORDERS_LOOKED_AT_MAX + 1)]
        for index, documents in sources
    )
    for order_id, documents in heapq.merge(*found):
        yield order_id, _indexed(state, documents + order_id.encode())


def _state_of(document: bytes) -> str:
    match decode_document(Kind.ORDER, document):
        case Order(state=state):
            return state
        case other:
            raise StateCorrupt(f"a {type(other).__name__} stands where an order should")


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
