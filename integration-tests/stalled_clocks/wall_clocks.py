"""Sets the wall clocks of running processes; the other side is jumping_clock.c."""

import mmap
import struct
import time
from pathlib import Path

from quitanda_testing import preloaded

SOURCE = Path(__file__).with_name("jumping_clock.c")
CONTROL = struct.Struct("=qqQ")
"""struct control of the source: nanoseconds ahead, time at which it stands, reads."""
NANOSECONDS = 1_000_000_000


class WallClocks:
    """The wall clocks of the named processes. In `folder` each has its shared memory, beside the library."""

    def __init__(self, folder, names):
        self._folder = Path(folder)
        self._library = preloaded.build(SOURCE, self._folder)
        self._shared = {}
        for name in names:
            path = self._folder / name
            path.write_bytes(CONTROL.pack(0, 0, 0))
            with path.open("r+b") as file:
                self._shared[name] = mmap.mmap(file.fileno(), CONTROL.size)

    def environment(self):
        """Variables with which the processes' clocks can be set."""
        return {"LD_PRELOAD": str(self._library), "JUMPING_CLOCKS_FOLDER": str(self._folder)}

    def set_ahead(self, name, seconds):
        """Let a clock be so much ahead of the machine's, or with a negative number behind it, and go on from there."""
        self._write(name, round(seconds * NANOSECONDS), 0)

    def stop(self, name):
        """Let a clock stand at the time that the machine's clock shows now."""
        self._write(name, 0, time.time_ns())

    def reads(self, name):
        """How often the process looked at its clock."""
        return CONTROL.unpack(self._shared[name][: CONTROL.size])[2]

    def close(self):
        for shared in self._shared.values():
            shared.close()

    def _write(self, name, ahead, stands):
        self._shared[name][: CONTROL.size] = CONTROL.pack(ahead, stands, self.reads(name))
