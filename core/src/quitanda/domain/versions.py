"""Versions of documents: each is given once, in the order of the changes, and never again."""

from collections.abc import Iterable
from dataclasses import replace

from quitanda.domain import refusals
from quitanda.domain.model import Document
from quitanda.domain.outcomes import Refused
from quitanda.domain.state import Put, StateView


def puts(view: StateView, documents: Iterable[Document]) -> tuple[Put, ...]:
    """Give the next versions to the documents, one after the other, and put them."""
    return tuple(
        Put(replace(document, version=version)) for version, document in enumerate(documents, view.last_version + 1)
    )


def check_expected(document: Document, expected: int | None) -> Refused | None:
    """Refuse where the caller expects another version than the document has; None expects nothing."""
    if expected is None or expected == document.version:
        return None
    return refusals.version_mismatch(expected, document.version)
