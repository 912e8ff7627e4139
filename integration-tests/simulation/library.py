"""PySyncObj's time and chance, given by the simulation.

The library reads the clock and draws its election timeouts through two names of its main module, `monotonicTime` and
`random`, and offers no other way in. So a simulation sets these two for as long as it runs, and puts the real ones
back; nothing else of the library is touched.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from pysyncobj import syncobj


@contextmanager
def simulated_library(clock: Callable[[], float], chance: Random) -> Iterator[None]:
    """Let PySyncObj see the time of `clock` and draw from `chance` meanwhile."""
    real = syncobj.monotonicTime, syncobj.random
    syncobj.monotonicTime, syncobj.random = clock, chance
    try:
        yield
    finally:
        syncobj.monotonicTime, syncobj.random = real
