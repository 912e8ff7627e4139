"""What a command's exit code means; part of the contract (clients/README.md)."""

from typing import Final

DONE: Final = 0
REFUSED: Final = 1
"""The portal said no, or some rows of an import were refused; nothing else happened."""

WRONG_USE: Final = 2
"""The command cannot be sent as it was written."""

NO_ANSWER: Final = 3
"""Not available, or it is not known whether a write happened."""

INTERRUPTED: Final = 130
"""Ctrl-C."""
