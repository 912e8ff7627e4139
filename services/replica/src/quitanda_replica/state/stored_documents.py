"""How a document stands in LevelDB: its version (8 bytes, big-endian), then its stored JSON.

The version stands outside so that a conditional read ("I hold version v") compares eight bytes and parses
nothing; the JSON goes out to the portals as it is.
"""

import struct
from functools import lru_cache
from typing import Final

from quitanda.codec.documents import decode_document, encode_document
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.model import Customer, Document, Kind, Order, Product
from quitanda_replica.state.access import StateCorrupt

DECODED_MAX: Final = 1_024
"""Decoded documents held in memory; an order of 200 items takes about 100 KB, most take 1 KB."""

_VERSION: Final = struct.Struct(">Q")


def to_value(document: Document) -> bytes:
    """Write the stored value of a document."""
    return _VERSION.pack(document.version) + encode_document(document)


def version_of(value: bytes) -> int:
    """Read the version of the document in a stored value."""
    return int(_VERSION.unpack_from(value)[0])


def json_of(value: bytes) -> bytes:
    """Take the stored JSON out of a stored value."""
    return value[_VERSION.size :]


class DocumentDecoder:
    """Decodes stored values, and keeps the latest results.

    Results are kept under the value's own bytes and the level of rules by which it is read, so a result can never be
    out of date.
    """

    def __init__(self) -> None:
        self._decode = lru_cache(maxsize=DECODED_MAX)(_decode)

    def customer(self, value: bytes | None, level: int = SUPPORTED_LEVEL) -> Customer | None:
        """Read the customer in a stored value; None for None. StateCorrupt where it is not one."""
        document = None if value is None else self._decode(Kind.CUSTOMER, value, level)
        if document is None or isinstance(document, Customer):
            return document
        raise StateCorrupt(f"not a customer: {document!r}")

    def product(self, value: bytes | None, level: int = SUPPORTED_LEVEL) -> Product | None:
        """Read the product in a stored value; None for None. StateCorrupt where it is not one."""
        document = None if value is None else self._decode(Kind.PRODUCT, value, level)
        if document is None or isinstance(document, Product):
            return document
        raise StateCorrupt(f"not a product: {document!r}")

    def order(self, value: bytes | None, level: int = SUPPORTED_LEVEL) -> Order | None:
        """Read the order in a stored value; None for None. StateCorrupt where it is not one."""
        document = None if value is None else self._decode(Kind.ORDER, value, level)
        if document is None or isinstance(document, Order):
            return document
        raise StateCorrupt(f"not an order: {document!r}")


def _decode(kind: Kind, value: bytes, level: int) -> Document:
    try:
        return decode_document(kind, json_of(value), level)
    except ValueError as error:
        raise StateCorrupt(f"a stored {kind} cannot be read: {value[:200]!r}") from error
