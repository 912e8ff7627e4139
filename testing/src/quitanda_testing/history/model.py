"""The shop as the search sees it: the domain's state in memory, which can be taken back step by step.

Versions of documents count the changes of the whole shop, of which a part of the history shows only some. So
a document's version is known where an answer told it, and 0 where none did; `floor` is the highest that is known.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b

from quitanda.codec.documents import id_of, kind_of
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Document, Kind, Order
from quitanda.domain.state import Change, Delete, Put, StoredOutcome
from quitanda_testing.in_memory_state import InMemoryState

_DIGEST_BYTES = 16
_DIGEST_MODULUS = 1 << (8 * _DIGEST_BYTES)


class UndoableState(InMemoryState):
    """A StateView whose changes are undone in the opposite order; `digest` is equal for equal states."""

    def __init__(self) -> None:
        super().__init__()
        self._level = SUPPORTED_LEVEL
        self.floor = 0
        self.digest = 0
        self.base_version = 0
        """What the rules take for the last version given, while they decide one command."""
        self._undo: list[Change | int | tuple[str, str]] = []

    @property
    def last_version(self) -> int:
        """The version before the first one that the next command gives."""
        return self.base_version

    @property
    def mark(self) -> int:
        """How many steps there are to take back; equal before and after means that nothing changed."""
        return len(self._undo)

    @property
    def key(self) -> tuple[int, int]:
        """Equal for states in which the same can happen."""
        return self.digest, self.floor

    def change(self, changes: Iterable[Change], version: int) -> None:
        """Take up changes; the first document that is put has this version, or none is known where it is 0."""
        highest = 0
        for each in changes:
            if isinstance(each, Put):
                if version:
                    highest = each.document.version
                    self._take(each)
                else:
                    self._take(Put(replace(each.document, version=0)))
            else:
                self._take(each)
        if highest > self.floor:
            self._undo.append(self.floor)
            self.floor = highest

    def learn(self, document: Document, version: int) -> None:
        """Know from now on what version a document has."""
        self._take(Put(replace(document, version=version)))

    def rename(self, order: Order, renamed: Order) -> None:
        """Put an order in the place of one with another id."""
        self._take(Delete(Kind.ORDER, order.order_id))
        self._take(Put(renamed))

    def remember(self, scope: str, request_id: str, remembered: StoredOutcome) -> None:
        """Keep the outcome of a request that comes again in the history."""
        self._undo.append((scope, request_id))
        self._remembered[scope, request_id] = remembered
        self._count(self._memory_digest(scope, request_id), 1)

    def back_to(self, mark: int) -> None:
        """Undo everything since."""
        while len(self._undo) > mark:
            match self._undo.pop():
                case int(floor):
                    self.floor = floor
                case (str(scope), str(request_id)):
                    self._count(self._memory_digest(scope, request_id), -1)
                    del self._remembered[scope, request_id]
                case Put() | Delete() as inverse:
                    self._exchange(inverse)

    def document(self, kind: Kind, document_id: str) -> Document | None:
        """Return the document, or None."""
        match kind:
            case Kind.CUSTOMER:
                return self.customer(document_id)
            case Kind.PRODUCT:
                return self.product(document_id)
            case Kind.ORDER:
                return self.order(document_id) or self.closed_order(document_id)
            case Kind.CREDENTIAL:
                return self.credential(document_id)
            case Kind.WEBHOOK:
                raise ValueError("a webhook is no document")

    def _take(self, change: Change) -> None:
        self._undo.append(self._exchange(change))

    def _exchange(self, change: Change) -> Change:
        """Make a change; return the opposite one."""
        match change:
            case Put(document):
                kind, document_id = kind_of(document), id_of(document)
                self._count(_digest(document), 1)
            case Delete(kind, document_id):
                pass
        before = self.document(kind, document_id)
        if before is not None:
            self._count(_digest(before), -1)
        self._change(change)
        return Delete(kind, document_id) if before is None else Put(before)

    def _count(self, digest: int, sign: int) -> None:
        self.digest = (self.digest + sign * digest) % _DIGEST_MODULUS

    def _memory_digest(self, scope: str, request_id: str) -> int:
        remembered = self._remembered[scope, request_id]
        return _hash(f"{scope!r} {request_id!r} {remembered.fingerprint} {remembered.outcome!r}")


@lru_cache(maxsize=65_536)
def _digest(document: Document) -> int:
    return _hash(repr(document))


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest())
