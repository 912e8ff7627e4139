"""For terminals that show ASCII alone: every other sign becomes one that they have, of the same width."""

import os
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_LOCALE_VARIABLES: Final = ("LC_ALL", "LC_CTYPE", "LANG")
_NO_UNICODE: Final = frozenset({"C", "POSIX"})
_COERCED: Final = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
"""What Python itself writes into LC_CTYPE where the locale is C (PEP 538): it says nothing of the terminal."""
_PLAIN: Final = {
    "\N{MIDDLE DOT}": "-",
    "\N{HORIZONTAL ELLIPSIS}": ".",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHTWARDS ARROW}": ">",
    "\N{LEFT HALF BLOCK}": "]",
    "\N{RIGHT HALF BLOCK}": "[",
}


class AsciiFilter(LineFilter):
    """Writes accented letters without their accents, and lines as signs; what has no likeness becomes `?`."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - the filter's shape
        """Replace the text of a line."""
        return [
            segment if segment.control or segment.text.isascii() else Segment(ascii_text(segment.text), segment.style)
            for segment in segments
        ]


@lru_cache(maxsize=4096)
def ascii_text(text: str) -> str:
    """Write a text with ASCII signs alone, which take as many cells."""
    return "".join(map(_ascii_sign, text))


def shows_ascii_alone(environment: Mapping[str, str] = os.environ, encoding: str | None = "utf-8") -> bool:
    """Whether the terminal can show nothing but ASCII: its encoding is not UTF-8, or the locale says so.

    Where no variable names a locale (in a container, say), terminals of today show Unicode.
    """
    if encoding is None or not encoding.lower().replace("-", "").startswith("utf8"):
        return True
    named = next((environment[name] for name in _LOCALE_VARIABLES if environment.get(name)), "")
    if environment.get("LANG") in _NO_UNICODE and named in _COERCED and not environment.get("LC_ALL"):
        return True
    return named in _NO_UNICODE or ("." in named and "utf" not in named.lower())


def _ascii_sign(sign: str) -> str:
    if sign.isascii():
        return sign
    width = cell_len(sign)
    plain = _PLAIN.get(sign) or unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return (plain or "?" * width)[:width].ljust(width)
