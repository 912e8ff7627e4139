"""The languages of people, and how somebody's is chosen."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

LANG_VARIABLE: Final = "QUITANDA_LANG"
"""The setting that chooses a language."""

HEADER_CHARACTERS_MAX: Final = 1_000
"""Of an Accept-Language header nothing beyond this is read."""

_TAG: Final = re.compile(r"([A-Za-z]{2,8})(?:[-_][A-Za-z0-9]{1,8})*(?:\.[A-Za-z0-9-]+)?(?:@[A-Za-z0-9]+)?")
_WISH: Final = re.compile(r"\s*([A-Za-z0-9*-]+)\s*(?:;\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?")


class Language(StrEnum):
    """A language; the value is its tag (BCP 47), as it stands in pages and settings."""

    ENGLISH = "en"
    PORTUGUESE = "pt-BR"

    @property
    def locale(self) -> str:
        """Give its name among the locales of Babel, and of the catalogue's file."""
        return self.value.replace("-", "_")


_BY_FIRST_PART: Final = {language.value.partition("-")[0]: language for language in Language}


def parse_language(tag: str) -> Language | None:
    """Find the language that a tag (`pt`, `pt-BR`, `pt-PT`) or a locale (`pt_BR.UTF-8`) is nearest to, if any is."""
    found = _TAG.fullmatch(tag.strip())
    return None if found is None else _BY_FIRST_PART.get(found[1].lower())


def accepted_language(header: str) -> Language | None:
    """Choose the language that an Accept-Language header (RFC 9110) wants most; None where it wants none of ours."""
    wishes = sorted(_wishes(header[:HEADER_CHARACTERS_MAX]), key=lambda wish: -wish[1])
    return next((language for language, weight in wishes if weight > 0), None)


def _wishes(header: str) -> Iterator[tuple[Language, float]]:
    for part in header.split(","):
        if (found := _WISH.fullmatch(part)) and (language := parse_language(found[1])):
            yield language, float(found[2] or 1)
