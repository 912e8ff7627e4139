"""One page of the orders that a search finds, read from a snapshot in the order of ids: that of their making.

Each index of orders has ids in their order. So "in any of these states" is several lists merged, and "of this customer,
and with this product" is what stands in both lists: each skips ahead to where the other one is. A page looks for
KEYS_SOUGHT_MAX keys at most: beyond that it is shorter than asked for, and the list goes on from there.

Of a time, an id that a portal made tells by its place whether it is asked for. Orders that were imported, and those of
clients that choose their ids, have others: 1001, or any UUID. So a search for a time also reads the orders whose ids
lie where no portal makes any (`_MADE_FIRST`, `_MADE_LAST`), and looks at when they were created. No other order is read
that is not found.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, cast

from quitanda.codec.documents import decode_document
from quitanda.domain.model import Kind, Order, OrderState
from quitanda.domain.order_states import LIVE_STATES
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.reads.pages import PAGE_BYTES_MAX, PageOfDocuments
from quitanda_replica.reads.snapshots import StateSnapshot
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt
from quitanda_replica.state.key_cursor import KeyCursor
from quitanda_replica.state.stored_documents import json_of, order_value

KEYS_SOUGHT_MAX: Final = 2_000
"""Keys that one page looks for. There are at most a dozen lists, so every page gets ahead."""

_BEHIND_ALL: Final = b"\x7f"
"""Greater than every character of an id (`limits.ID_PATTERN`)."""

_MILLISECONDS_DIGITS: Final = 12
_FIRST_GROUP_DIGITS: Final = 8

_MADE_BY_A_PORTAL: Final = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""Ids of portals, UUIDs of version 7 (`portal.ids.uuid7`), which tell when an order was made."""

_MADE_FIRST: Final = b"016f5e66-e800"
_MADE_LAST: Final = b"02"
"""Between these places, 2020-01-01 and 2039-09-07, lie the ids that portals make; others are found, too, but slowly."""


def read_found_orders(state: StateSnapshot, item: pb.ListItem, start: str | None, size: int) -> PageOfDocuments:
    """Read at most `size` orders that the item asks for, from `start` on; None: from the first.

    `next_after` of the page is where the list goes on: the next order, or a place where nothing was found before.
    Raises StateCorrupt.
    """
    ranges = _ranges(item)
    with state.cursor() as cursor:
        search = _Search(cursor, newest_first=item.newest_first)
        wanted, unwanted = search.wanted(item), search.unwanted(item)
        place = ranges[0][0] if start is None else start.encode()
        documents: list[bytes] = []
        total = 0
        try:
            for first, bound in ranges:
                place = search.farther(place, first)
                while (found := wanted.at(place)) is not None and not search.is_at(found, bound):
                    place = found
                    if unwanted.at(place) != found and (document := _of_the_time(state, found, item)) is not None:
                        total += len(document)
                        if len(documents) == size or (documents and total > PAGE_BYTES_MAX):
                            return PageOfDocuments(documents, found.decode())
                        documents.append(document)
                    place = search.behind(found)
        except _KeysUsedUp as used_up:
            place, bound = used_up.place, ranges[-1][1]
            return PageOfDocuments(documents, None if search.is_at(place, bound) else place.decode())
    return PageOfDocuments(documents, None)


class _KeysUsedUp(Exception):
    """The page may look for no more keys; nothing before `place` remains to be found."""

    def __init__(self, place: bytes) -> None:
        super().__init__(place)
        self.place = place


class _Search:
    """Walks through the indexes in one direction; counts the keys that it looks for."""

    def __init__(self, cursor: KeyCursor, *, newest_first: bool) -> None:
        self._cursor = cursor
        self._newest_first = newest_first
        self._left = KEYS_SOUGHT_MAX

    def wanted(self, item: pb.ListItem) -> "_Ids":
        """Give the list of the ids that are asked for, but for those in `unwanted`."""
        states = set(item.states or OrderState)
        live, closed = not states.isdisjoint(LIVE_STATES), not states.issubset(LIVE_STATES)
        lists: list[_Ids] = []
        if item.customer_id:
            of_customer = [keys.orders_of_customer] * live + [keys.closed_orders_of_customer] * closed
            lists.append(self._any_of([prefix(item.customer_id) for prefix in of_customer]))
        if item.product_id:
            with_product = [keys.orders_with_product] * live + [keys.closed_orders_with_product] * closed
            lists.append(self._any_of([prefix(item.product_id) for prefix in with_product]))
        if item.states:
            lists.append(self._any_of(_prefixes_of_states(item.states)))
        elif not lists:
            lists.append(self._any_of([keys.DOCUMENTS[Kind.ORDER], keys.CLOSED_ORDERS]))
        return _AllOf(lists)

    def unwanted(self, item: pb.ListItem) -> "_Ids":
        """Give the list of ids that are not asked for although `wanted` may have them: of open orders no index is."""
        unwanted = OrderState.OPEN in item.states and OrderState.PLACED not in item.states
        return self._any_of([keys.orders_in_state(OrderState.PLACED)] if unwanted else [])

    def seek(self, prefix: bytes, place: bytes) -> bytes | None:
        """Give the first id under a prefix that is at a place or behind it. Raises _KeysUsedUp."""
        if not self._left:
            raise _KeysUsedUp(place)
        self._left -= 1
        find = self._cursor.last_up_to if self._newest_first else self._cursor.first_from
        key = find(prefix, prefix + place)
        return None if key is None else key[len(prefix) :]

    def is_at(self, place: bytes, other: bytes) -> bool:
        """Tell whether a place is not before another."""
        return place <= other if self._newest_first else place >= other

    def farther(self, place: bytes, other: bytes) -> bytes:
        """Give that one of two places at which the search arrives later."""
        return place if self.is_at(place, other) else other

    def behind(self, order_id: bytes) -> bytes:
        """Give the place behind an id: no id lies between."""
        if not self._newest_first:
            return order_id + b"\x00"
        return order_id[:-1] + bytes([order_id[-1] - 1]) + _BEHIND_ALL

    def _any_of(self, prefixes: Sequence[bytes]) -> "_Ids":
        return _AnyOf([_Index(self, prefix) for prefix in prefixes], last_first=self._newest_first)


class _Ids(ABC):
    """A list of ids in the direction of a search; asked for places that never go back."""

    @abstractmethod
    def at(self, place: bytes) -> bytes | None:
        """Give the first id that is at a place or behind it, or None. Raises _KeysUsedUp."""


class _Index(_Ids):
    def __init__(self, search: _Search, prefix: bytes) -> None:
        self._search = search
        self._prefix = prefix
        self._sought = False
        self._found: bytes | None = None

    def at(self, place: bytes) -> bytes | None:
        outrun = self._found is not None and not self._search.is_at(self._found, place)
        if outrun or not self._sought:
            self._found = self._search.seek(self._prefix, place)
            self._sought = True
        return self._found


class _AnyOf(_Ids):
    def __init__(self, lists: Sequence[_Ids], *, last_first: bool) -> None:
        self._lists = lists
        self._nearest = max if last_first else min

    def at(self, place: bytes) -> bytes | None:
        found = [each for ids in self._lists if (each := ids.at(place)) is not None]
        return self._nearest(found) if found else None


class _AllOf(_Ids):
    def __init__(self, lists: Sequence[_Ids]) -> None:
        self._lists = lists

    def at(self, place: bytes) -> bytes | None:
        agreed = 0
        while agreed < len(self._lists):
            found = self._lists[agreed].at(place)
            if found is None:
                return None
            agreed = agreed + 1 if found == place else 0
            place = found
        return place


def _prefixes_of_states(states: Sequence[str]) -> list[bytes]:
    """Give where the orders in the states stand; those in the state `open` are the live ones that are not placed."""
    if OrderState.OPEN not in states:
        return [keys.orders_in_state(state) for state in states]
    closed = [keys.orders_in_state(state) for state in states if state not in LIVE_STATES]
    return [keys.DOCUMENTS[Kind.ORDER], *closed]


def _ranges(item: pb.ListItem) -> list[tuple[bytes, bytes]]:
    """Give the ranges of ids to search, in its direction: where each begins, and the place before which it ends.

    Without a time that is one; else the ids that portals made in that time, and on both sides those that none made.
    """
    lower = _first_id(item.created_from_ms) if item.created_from_ms else b""
    upper = _first_id(item.created_before_ms) if item.created_before_ms else _BEHIND_ALL
    ranges = [(lower, upper)]
    if _has_time(item):
        made = (max(lower, _MADE_FIRST), min(upper, _MADE_LAST))
        ranges = [(b"", _MADE_FIRST), *([made] if made[0] < made[1] else []), (_MADE_LAST, _BEHIND_ALL)]
    return [(end, begin) for begin, end in reversed(ranges)] if item.newest_first else ranges


def _has_time(item: pb.ListItem) -> bool:
    return bool(item.created_from_ms or item.created_before_ms)


def _of_the_time(state: StateSnapshot, order_id: bytes, item: pb.ListItem) -> bytes | None:
    """Give the document of an order that stands where it was sought; None if it was made at another time."""
    document = _document(state, order_id)
    if not _has_time(item):
        return document
    if _MADE_BY_A_PORTAL.fullmatch(order_id):
        made_at_ms = int(order_id.replace(b"-", b"")[:_MILLISECONDS_DIGITS], 16)
    else:
        made_at_ms = cast("Order", decode_document(Kind.ORDER, document)).created_at_ms
    made = item.created_from_ms <= made_at_ms and (not item.created_before_ms or made_at_ms < item.created_before_ms)
    return document if made else None


def _first_id(at_ms: int) -> bytes:
    """Give the beginning that every id of this millisecond has, or a later one has more (`portal.ids.uuid7`)."""
    digits = f"{at_ms:0{_MILLISECONDS_DIGITS}x}"
    return f"{digits[:_FIRST_GROUP_DIGITS]}-{digits[_FIRST_GROUP_DIGITS:]}".encode()


def _document(state: StateSnapshot, order_id: bytes) -> bytes:
    text = order_id.decode()
    value = order_value(state, text)
    if value is None:
        raise StateCorrupt(f"an index names the order {text}, which there is not")
    return json_of(value)
