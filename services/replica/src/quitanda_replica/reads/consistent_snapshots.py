"""Snapshots for everybody who reads the state: never of one that is just being replaced by another replica's.

A reader that was told that it may go on can be slow to look; meanwhile its replica may have lost the leadership, fallen
behind and begun to take over a newer state, which it does in many steps.
"""

from quitanda.errors import Unavailable
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY
from quitanda_replica.reads.open_snapshots import StateSnapshot
from quitanda_replica.state.store import Store


class ConsistentSnapshots:
    """The store's snapshots, where they show a whole state."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def snapshot(self) -> StateSnapshot:
        """Freeze the state of this moment. Raises Unavailable."""
        snapshot = self._store.snapshot()
        if snapshot.get(INSTALL_KEY) is None:
            return snapshot
        snapshot.close()
        raise Unavailable("this replica is taking over its state from another one")
