"""How a document stands in LevelDB: its version (8 bytes, big-endian), then its stored JSON.

The version stands outside so that a conditional read ("I hold version v") compares eight bytes and parses
nothing; the JSON goes out to the portals as it is.
"""

import struct
from collections import OrderedDict
from typing import Final

from quitanda.codec.documents import decode_document, encode_document
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Credential, Customer, Document, Kind, Order, Product
from quitanda_replica.state import keys
from quitanda_replica.state.access import StateCorrupt, StateReader

WORKING_SET_BYTES: Final = 4 * 1024 * 1024
"""Stored size of the documents held decoded in memory, where they take up to seven times as much."""

_DOCUMENT_BYTES: Final = 256
"""What holding a document costs beside its stored value."""

_VERSION: Final = struct.Struct(">Q")
VERSION_BYTES: Final = _VERSION.size
"""The version's part of a stored value, which comes first."""


def to_value(document: Document) -> bytes:
    """Write the stored value of a document."""
    return _VERSION.pack(document.version) + encode_document(document)


def version_of(value: bytes) -> int:
    """Read the version of the document in a stored value."""
    return int(_VERSION.unpack_from(value)[0])


def json_of(value: bytes) -> bytes:
    """Take the stored JSON out of a stored value."""
    return value[_VERSION.size :]


def order_value(state: StateReader, order_id: str) -> bytes | None:
    """Give the stored value of an order, live or else closed; None where there is none."""
    value = state.get(keys.document(Kind.ORDER, order_id))
    return state.get(keys.closed_order(order_id)) if value is None else value


class WorkingSet:
    """Documents decoded lately or written lately, by their stored values: neither is decoded again while it is here.

    A document is kept under its value's own bytes and the level of rules by which they are read. So what is found can
    never be out of date, whatever becomes of the state: a dropped write set, a snapshot, a document made anew. The
    documents used longest ago leave where all together take more than `size_max`.
    """

    def __init__(self, size_max: int = WORKING_SET_BYTES) -> None:
        self._size_max = size_max
        self._documents: OrderedDict[tuple[bytes, int], Document] = OrderedDict()
        self.size = 0
        """Stored size of what is held, with what holding it costs; in bytes."""

    def customer(self, value: bytes | None, level: int = SUPPORTED_LEVEL) -> Customer | None:
        """Read the customer in a stored value; None for None. StateCorrupt where it is not one."""
        document = None if value is None else self._read(Kind.CUSTOMER, value, level)
        if document is None or isinstance(document, Customer):
            return document
        raise StateCorrupt(f"not a customer: {document!r}")

    def product(self, value: bytes | None, level: int = SUPPORTED_LEVEL) -> Product | None:
        """Read the product in a stored value; None for None. StateCorrupt where it is not one."""
        document = None if value is None else self._read(Kind.PRODUCT, value, level)
        if document is None or isinstance(document, Product):
            return document
        raise StateCorrupt(f"not a product: {document!r}")

    def order(self, value: bytes | None, level: int = SUPPORTED_LEVEL) -> Order | None:
        """Read the order in a stored value; None for None. StateCorrupt where it is not one."""
        document = None if value is None else self._read(Kind.ORDER, value, level)
        if document is None or isinstance(document, Order):
            return document
        raise StateCorrupt(f"not an order: {document!r}")

    def credential(self, value: bytes | None, level: int = SUPPORTED_LEVEL) -> Credential | None:
        """Read the credential in a stored value; None for None. StateCorrupt where it is not one."""
        document = None if value is None else self._read(Kind.CREDENTIAL, value, level)
        if document is None or isinstance(document, Credential):
            return document
        raise StateCorrupt(f"not a credential: {document!r}")

    def write(self, document: Document, level: int = SUPPORTED_LEVEL) -> bytes:
        """Give the stored value of a document that the rules of `level` made, and keep both."""
        value = to_value(document)
        self._keep((value, level), document)
        return value

    def _read(self, kind: Kind, value: bytes, level: int) -> Document:
        key = (value, level)
        document = self._documents.get(key)
        if document is None:
            document = _decode(kind, value, level)
            self._keep(key, document)
        else:
            self._documents.move_to_end(key)
        return document

    def _keep(self, key: tuple[bytes, int], document: Document) -> None:
        if key not in self._documents:
            self.size += len(key[0]) + _DOCUMENT_BYTES
        self._documents[key] = document
        while self.size > self._size_max:
            (value, _), _ = self._documents.popitem(last=False)
            self.size -= len(value) + _DOCUMENT_BYTES


def _decode(kind: Kind, value: bytes, level: int) -> Document:
    try:
        return decode_document(kind, json_of(value), level)
    except ValueError as error:
        raise StateCorrupt(f"a stored {kind} cannot be read: {value[:200]!r}") from error
