"""How much memory processes use, and the most that was seen.

`anonymous` is what a process holds for itself. `resident` counts also the files that are mapped into it: LevelDB reads
its tables that way, and the kernel takes these pages back whenever it needs them. `peak` is the kernel's own record
of the highest `resident` since the start, so nothing between two looks is missed.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 0.1
KIB = 1024


@dataclass
class MemoryFootprint:
    """Bytes, the highest of each."""

    anonymous: int = 0
    peak: int = 0

    def look(self, pid):
        try:
            status = (Path("/proc") / str(pid) / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return
        fields = dict(line.split(":", 1) for line in status.splitlines())
        if "VmHWM" not in fields:
            return  # it is just ending
        self.anonymous = max(self.anonymous, int(fields["RssAnon"].split()[0]) * KIB)
        self.peak = max(self.peak, int(fields["VmHWM"].split()[0]) * KIB)


async def watch(pids, footprints):
    """Keep the footprints, by name, up to date; `pids` gives the processes that run now."""
    while True:
        for name, pid in pids().items():
            footprints[name].look(pid)
        await asyncio.sleep(LOOK_SECONDS)
