"""The colours of a recorded terminal, for the film and for the animated picture alike."""

from collections.abc import Mapping
from typing import Final

BACKGROUND: Final = "#10161d"
FOREGROUND: Final = "#d7dee6"
_NAMED: Final[Mapping[str, str]] = {
    "black": "#10161d",
    "red": "#ff6b68",
    "green": "#5fd38d",
    "brown": "#e5c07b",
    "blue": "#61afef",
    "magenta": "#c792ea",
    "cyan": "#56c2d6",
    "white": "#d7dee6",
    "brightblack": "#8b98a5",
    "brightred": "#ff8a87",
    "brightgreen": "#7ee2a8",
    "brightbrown": "#f0d399",
    "brightyellow": "#f0d399",
    "brightblue": "#8cc7ff",
    "brightmagenta": "#ddb3f8",
    "brightcyan": "#86dcea",
    "brightwhite": "#ffffff",
}
"""By the names that pyte gives them: its yellow is brown."""


def colour(name: str, default: str) -> str:
    """Give a colour as a style sheet wants it; `name` is a name of the terminal's, or six hexadecimal digits."""
    return default if name == "default" else _NAMED.get(name) or f"#{name}"
