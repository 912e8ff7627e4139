"""What a command's exit code means: the one place, which the documents are tested against."""

from collections.abc import Mapping
from typing import Final

DONE: Final = 0
REFUSED: Final = 1
WRONG_USE: Final = 2
UNAVAILABLE: Final = 3
UNKNOWN: Final = 4
NOT_WRITTEN: Final = 5
INTERRUPTED: Final = 130
"""128 and the number of SIGINT, as shells count."""
READER_GONE: Final = 141
"""128 and the number of SIGPIPE, as shells count: where `| head -1` has what it wants, nothing is said."""

MEANINGS: Final[Mapping[int, str]] = {
    DONE: "done",
    REFUSED: "refused: nothing was changed; or a check found a fault",
    WRONG_USE: "wrong use: the command, or its file, cannot be sent as it is",
    UNAVAILABLE: "not available: nothing was changed",
    UNKNOWN: "unknown: the write may or may not have been made",
    NOT_WRITTEN: "done, but the answer could not be written",
    INTERRUPTED: "interrupted with Ctrl-C",
    READER_GONE: "whoever read the answer closed the pipe",
}

HELP: Final = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()) + "."
"""What `--help` says of them."""
