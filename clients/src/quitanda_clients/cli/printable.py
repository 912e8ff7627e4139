"""Text of others on its way to a terminal: it must not command it.

Control characters (C0, DEL, C1), controls of the writing direction and separators of lines and paragraphs are shown by
their numbers.
"""

import re
from typing import Final

_ONE_LINE: Final = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_UNSAFE: Final = re.compile(f"[{_ONE_LINE}]")
_UNSAFE_IN_JSON: Final = re.compile(f"[{_ONE_LINE}\n]")


def printable(text: str) -> str:
    r"""Write `\x1b` and `\u202e` for what a terminal would obey; line feeds stay."""
    return _UNSAFE.sub(_numbered, text)


def printable_json(text: str) -> str:
    r"""Write `\u001b` for what a terminal would obey in one line of JSON, which means the same."""
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _numbered(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}"
