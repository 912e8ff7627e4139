"""What a command does to the shop, which decides what may be said about a failure."""

from enum import Enum, auto


class Effect(Enum):
    """The kinds of commands."""

    READ = auto()
    """Changes no document."""
    WRITE = auto()
    """One write, with one request id."""
    WRITES = auto()
    """Many writes, each with an id of its own."""
