"""A replica that stands for election where its own look at the clock says so, as before standing was a permission.

A program, only for the test of the campaign, which must notice it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from simulation.variants import ElectionByTheClock

from quitanda_replica.__main__ import main
from quitanda_replica.raft import raft_loop

if __name__ == "__main__":
    raft_loop.RaftCore = ElectionByTheClock  # type: ignore[misc]
    sys.exit(main())
