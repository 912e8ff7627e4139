"""Switches the stalls of running processes on and off, and counts them; the other side is stalling_clock.c."""

import mmap
import struct
from pathlib import Path

from quitanda_testing import preloaded

SOURCE = Path(__file__).with_name("stalling_clock.c")
CONTROL = struct.Struct("=5Q")
"""struct control of the source: every, milliseconds, seed, reads, stalls."""
SWITCH = struct.Struct("=Q")


class Clocks:
    """The clocks of the named processes. In `folder` each has its shared memory, beside the library."""

    def __init__(self, folder, names, *, every, seconds, seed):
        self._folder = Path(folder)
        self._every = every
        self._library = preloaded.build(SOURCE, self._folder)
        self._shared = {}
        for number, name in enumerate(names):
            path = self._folder / name
            path.write_bytes(CONTROL.pack(0, round(1000 * seconds), (seed + (number << 32)) % 2**64, 0, 0))
            with path.open("r+b") as file:
                self._shared[name] = mmap.mmap(file.fileno(), CONTROL.size)

    def environment(self):
        """Variables with which the processes' clocks can be stalled."""
        return {"LD_PRELOAD": str(self._library), "STALLED_CLOCKS_FOLDER": str(self._folder)}

    def stall(self):
        """Let one of so many looks at the clock take long, from now on."""
        self._switch(self._every)

    def run(self):
        """Stall nobody any more; who stands still goes on by itself."""
        self._switch(0)

    @property
    def stalls(self):
        """How often any of the processes stood still."""
        return sum(CONTROL.unpack(shared[: CONTROL.size])[-1] for shared in self._shared.values())

    def close(self):
        for shared in self._shared.values():
            shared.close()

    def _switch(self, every):
        for shared in self._shared.values():
            shared[: SWITCH.size] = SWITCH.pack(every)
