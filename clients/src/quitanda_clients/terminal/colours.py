"""Whether a terminal has colours, by what the system knows of terminals of its kind."""

import curses
from typing import Final

_STANDARD_OUTPUT: Final = 1
_COLOURS_MIN: Final = 8


def shows_colours(term: str) -> bool:
    """Whether terminals of this kind (`TERM`) have colours; an unknown one has them, as today's do."""
    try:
        curses.setupterm(term, _STANDARD_OUTPUT)
    except curses.error:
        return True
    return curses.tigetnum("colors") >= _COLOURS_MIN
