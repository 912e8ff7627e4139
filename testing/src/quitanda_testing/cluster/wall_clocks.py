"""Sets the wall clocks of running processes; the other side is jumping_clock.c."""

import mmap
import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from quitanda_testing import preloaded

SOURCE: Final = Path(__file__).with_name("jumping_clock.c")
CONTROL: Final = struct.Struct("=qqQ")
"""struct control of the source: nanoseconds ahead, time at which it stands, reads."""
NANOSECONDS: Final = 1_000_000_000


class WallClocks:
    """The wall clocks of the named processes. In `folder` each has its shared memory, beside the library."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._library = preloaded.build(SOURCE, folder)
        self._shared: dict[str, mmap.mmap] = {}
        for name in names:
            path = folder / name
            path.write_bytes(CONTROL.pack(0, 0, 0))
            with path.open("r+b") as file:
                self._shared[name] = mmap.mmap(file.fileno(), CONTROL.size)

    def environment(self) -> Mapping[str, str]:
        """Give the variables with which the processes' clocks can be set."""
        return {"LD_PRELOAD": str(self._library), "JUMPING_CLOCKS_FOLDER": str(self._folder)}

    def set_ahead(self, name: str, seconds: float) -> None:
        """Let a clock be so much ahead of the machine's, or with a negative number behind it, and go on from there."""
        self._write(name, round(seconds * NANOSECONDS), 0)

    def set_all_right(self) -> None:
        """Let all clocks show the machine's time."""
        for name in self._shared:
            self.set_ahead(name, 0.0)

    def stop(self, name: str) -> None:
        """Let a clock stand at the time that the machine's clock shows now."""
        self._write(name, 0, time.time_ns())

    def reads(self, name: str) -> int:
        """Tell how often the process looked at its clock."""
        reads: int = CONTROL.unpack(self._shared[name][: CONTROL.size])[2]
        return reads

    def close(self) -> None:
        """Give the shared memory back."""
        for shared in self._shared.values():
            shared.close()

    def _write(self, name: str, ahead: int, stands: int) -> None:
        self._shared[name][: CONTROL.size] = CONTROL.pack(ahead, stands, self.reads(name))
