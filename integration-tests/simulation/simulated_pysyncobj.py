"""PySyncObj's time and chance, given by the simulation.

The library reads the clock and draws its election timeouts through two names of its main module, `monotonicTime` and
`random`, and offers no other way in. So a simulation sets these two for as long as it runs, and puts the real ones
back; nothing else of the library is touched.

Time passes at every look. Where the library looks while it walks over a set of peers, whose order is another one in
each process, it sees one time for all of them; otherwise a run could not be played again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from sys import _getframe

from pysyncobj import syncobj

WALKS = frozenset({"__onBecomeLeader", "__sendAppendEntries"})
"""Methods of the library that look at the clock while they walk over a set of peers."""


@contextmanager
def simulated_library(world, chance: Random) -> Iterator[None]:
    """Let PySyncObj see the clock of the replica whose round it is in `world`, and draw from `chance` meanwhile."""
    real = syncobj.monotonicTime, syncobj.random

    def look() -> float:
        host = world.running
        return host.clock_reading() if _getframe(1).f_code.co_name in WALKS else host.clock()

    syncobj.monotonicTime, syncobj.random = look, chance
    try:
        yield
    finally:
        syncobj.monotonicTime, syncobj.random = real
