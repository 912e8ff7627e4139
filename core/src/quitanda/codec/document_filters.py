"""What a search asks of customers and products: the filter, and which documents pass it.

Words are compared without accents and without case. A word of the filter is found where a word of the document begins
with it: "cafe mo" finds "Café moído". The words of a customer are those of its id and name; of a product also those of
its description.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from quitanda.domain.field_types import Price, TextRule
from quitanda.domain.limits import NAME_LENGTH_MAX, PRICE_MAX
from quitanda.domain.model import Customer, Document, Product
from quitanda.domain.outcomes import Problem, Refused, invalid
from quitanda.domain.validation import field_checker

_SEPARATORS: Final = re.compile(r"[\W_]+")

SearchWords: TypeAlias = Annotated[str, TextRule(NAME_LENGTH_MAX, free=True)]


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents a search wants: those that have all the words, and of products those that are all that is set.

    Prices are in minor units, both bounds belong to the range, and None stands for no bound. `in_stock`: with units on
    hand. `low`: the shop should order new units (`Product.low`).
    """

    words: SearchWords = ""
    price_from: Price | None = None
    price_to: Price | None = None
    in_stock: bool = False
    low: bool = False


@dataclass(frozen=True, slots=True)
class SearchedFields:
    """What a search looks at of a document: `text` is its words, each after a space."""

    text: str
    price: int
    in_stock: bool
    low: bool


_check_fields: Final = field_checker(DocumentFilter)


def without_accents(text: str) -> str:
    """Write a text without accents and case."""
    if text.isascii():
        return text.casefold()
    plain = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()


def check_filter(wanted: DocumentFilter) -> Refused | None:
    """Say what is wrong with a filter, or None. Words that consist of signs alone would find everything."""
    if wrong := _check_fields(wanted):
        return wrong
    if wanted.words and not _words(wanted.words):
        return invalid("words", Problem.MISSING)
    if wanted.price_from is not None and wanted.price_to is not None and wanted.price_from > wanted.price_to:
        return invalid("price_from", Problem.TOO_LARGE, limit=wanted.price_to, value=wanted.price_from)
    return None


def searched_fields(document: Document) -> SearchedFields:
    """Take what a search looks at out of a customer or a product. Raises TypeError for another document."""
    match document:
        case Product():
            text = f"{document.product_id} {document.name} {document.description}"
            return SearchedFields(_text(text), document.price, document.quantity > 0, document.low)
        case Customer():
            return SearchedFields(_text(f"{document.customer_id} {document.name}"), 0, in_stock=False, low=False)
        case _:
            raise TypeError(f"nobody searches for {type(document).__name__}s")


def passes(wanted: DocumentFilter) -> Callable[[SearchedFields], bool]:
    """Make the function that tells whether a document passes the filter."""
    beginnings = [f" {word}" for word in _words(wanted.words)]
    least = wanted.price_from or 0
    most = PRICE_MAX if wanted.price_to is None else wanted.price_to

    def is_wanted(found: SearchedFields) -> bool:
        return (
            least <= found.price <= most
            and (found.in_stock or not wanted.in_stock)
            and (found.low or not wanted.low)
            and all(beginning in found.text for beginning in beginnings)
        )

    return is_wanted


def _text(text: str) -> str:
    return "".join(f" {word}" for word in _words(text))


def _words(text: str) -> list[str]:
    return _SEPARATORS.sub(" ", without_accents(text)).split()
