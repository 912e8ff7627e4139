"""What a command's exit code means. Tests compare the documents with this table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from quitanda.errors import QuitandaError

DONE: Final = 0
REFUSED: Final = 1
WRONG_USE: Final = 2
UNAVAILABLE: Final = 3
UNKNOWN: Final = 4
NOT_WRITTEN: Final = 5
INTERRUPTED: Final = 130
"""128 and the number of SIGINT, as shells count."""
READER_GONE: Final = 141
"""128 and the number of SIGPIPE, as shells count: after `| head -1` has its line, the command ends silently."""

MEANINGS: Final[Mapping[int, str]] = {
    DONE: "done",
    REFUSED: "refused: nothing was changed; or a check found a fault",
    WRONG_USE: "wrong use: the command, or its file, cannot be sent as it is",
    UNAVAILABLE: "not available: nothing was changed",
    UNKNOWN: "unknown: the write may or may not have been made",
    NOT_WRITTEN: "done, but the answer could not be written",
    INTERRUPTED: "interrupted with Ctrl-C",
    READER_GONE: "the reader of the answer closed the pipe",
}


def of_failure(failure: "QuitandaError") -> int:
    """Give the exit code of a command of which a request failed."""
    from quitanda.errors import Rejected  # noqa: PLC0415 - most runs end well

    if isinstance(failure, Rejected):
        return REFUSED
    return UNAVAILABLE if failure.definite else UNKNOWN


HELP: Final = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()) + "."
"""The last line of `--help`."""
