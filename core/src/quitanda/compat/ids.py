"""Ids of the course's contract and the ids that Quitanda stores: one for one, both ways.

A client of the course may choose any text. One that is an id of Quitanda's alphabet stands for itself. Else
each character outside the alphabet becomes `~hh` for each of its UTF-8 bytes, and what must not come first
gets `0~` before it: `a b` is stored as `a~20b`, `_x` as `0~_x`. A text that only looks as if it were written
so is kept apart: `a~20b` is stored as `a~7e20b`, `0~_x` as `0~0~_x`. Pure.
"""

import re
from typing import Final

from quitanda.domain.limits import ID_LENGTH_MAX
from quitanda.domain.value_checks import check_id

NOTHING: Final = "0"
"""The id in an answer that nothing was found for; no document has it."""

_PREFIX: Final = "0~"
_FIRST: Final = re.compile("[A-Za-z0-9]")
_INNER: Final = re.compile("[A-Za-z0-9._~@:-]")
_BYTES: Final = re.compile(r"(?:~[0-9a-f]{2}){1,4}")
_TILDE: Final = "~7e"


def native_id(course_id: str) -> str:
    """Give the id that is stored; it is none of Quitanda's where the text is empty, or too long once it is written so.

    Such a text comes back as it is, so that the check of ids says what is wrong with it.
    """
    if len(course_id) > ID_LENGTH_MAX:  # it does not get shorter, so its length alone will be refused
        return course_id
    written = ""
    for character in reversed(course_id):
        written = _written(character, written) + written
    return _PREFIX + written if _needs_prefix(written) else written


def course_id(native_id: str) -> str:
    """Give the id as the client of the course chose it, or may ask for it."""
    written = native_id
    if written.startswith(_PREFIX) and _needs_prefix(written):
        written = written.removeprefix(_PREFIX)
    read: list[str] = []
    position = 0
    while position < len(written):
        character, length = _read(written[position:])
        read.append(character)
        position += length
    return "".join(read)


def characters_allowed(course_id: str) -> int:
    """Count how many characters of a text, from its beginning, an id may have, so that what is stored is one."""
    allowed = min(len(course_id), ID_LENGTH_MAX)
    while len(native_id(course_id[:allowed])) > ID_LENGTH_MAX:
        allowed -= 1
    return allowed


def id_of_something(course_id: str) -> str | None:
    """Give the id that is stored, or None where no document can have it."""
    native = native_id(course_id)
    return native if course_id != NOTHING and check_id("", native) is None else None


def _needs_prefix(written: str) -> bool:
    """Tell whether, after any number of prefixes, something stands that must not come first."""
    while written.startswith(_PREFIX):
        written = written.removeprefix(_PREFIX)
    return bool(written) and not _FIRST.match(written)


def _written(character: str, after: str) -> str:
    """Write one character, with the text that follows it already written."""
    if not _INNER.fullmatch(character):
        return "".join(f"~{byte:02x}" for byte in character.encode())
    return _TILDE if _begins_escape(character + after) else character


def _read(written: str) -> tuple[str, int]:
    """Read the first character, and how long it is written."""
    escaped = _escaped_character(written)
    if escaped:
        return escaped, 3 * len(escaped.encode())
    if written.startswith(_TILDE) and _begins_escape("~" + written.removeprefix(_TILDE)):
        return "~", len(_TILDE)
    return written[0], 1


def _begins_escape(written: str) -> bool:
    """Tell whether the first character stands for another: a tilde that would be read as more than itself."""
    while written.startswith(_TILDE):
        written = "~" + written.removeprefix(_TILDE)
    return bool(_escaped_character(written))


def _escaped_character(written: str) -> str:
    """Give the character outside the alphabet whose bytes stand here, or '' where there is none."""
    match = _BYTES.match(written)
    if match is None:
        return ""
    data = bytes.fromhex(match.group().replace("~", ""))
    for length in range(1, len(data) + 1):
        try:
            character = data[:length].decode()
        except UnicodeDecodeError:
            continue
        return "" if _INNER.fullmatch(character) else character
    return ""
