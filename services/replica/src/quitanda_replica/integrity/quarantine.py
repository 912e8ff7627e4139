"""A data folder that must not be started from again: its state is known to be wrong.

A start cannot see it, because state and digest match each other. Without a mark, whoever restarts a process that ended
would bring the wrong state back again and again, each time for a second.
"""

import os
from pathlib import Path
from typing import Final

MARK: Final = "CONDEMNED"
"""Name of the file in the data folder, beside LevelDB's; its text says why."""


class Quarantined(Exception):
    """The data folder is marked; the text says why."""


def mark(data_dir: Path, reason: str) -> None:
    """Mark the folder. Raises OSError."""
    with (data_dir / MARK).open("w", encoding="utf-8") as mark:
        mark.write(f"{reason}\n")
        mark.flush()
        os.fsync(mark.fileno())


def check(data_dir: Path) -> None:
    """Raise Quarantined where the folder is marked."""
    mark = data_dir / MARK
    if mark.exists():
        raise Quarantined(f"{data_dir} is not to be started from: {mark.read_text(encoding='utf-8').strip()}")
