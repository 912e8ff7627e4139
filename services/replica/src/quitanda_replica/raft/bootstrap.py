"""What a disk holds whose replica begins together with its cluster, at a state that came from elsewhere."""

from struct import Struct
from typing import Final

import msgpack

from quitanda_replica.raft.journal import APPLIED_KEY, NO_OP, RAFT_STATE_KEY, log_key
from quitanda_replica.raft.learner import ORIGIN_KEY, encode_origin
from quitanda_replica.state.store import Store

_NUMBER: Final = Struct(">Q")


def begin_at(store: Store, index: int, term: int, name: str) -> None:
    """Stage a log that holds nothing but the place of the entry `index` of `term`, which is applied.

    Replicas vote from there once all of them stand at the same origin (rejoin): at `name`, and at the same entry of the
    same term. Equal states alone do not make equal logs, as an entry of a new leader changes no state. The new
    cluster's terms begin above the old one's.
    """
    store.put(log_key(index), _NUMBER.pack(term) + NO_OP)
    store.put(APPLIED_KEY, _NUMBER.pack(index))
    store.put(RAFT_STATE_KEY, msgpack.packb([term + 1, None, index]))
    store.put(ORIGIN_KEY, encode_origin(index, f"{name} at entry {index} of term {term}"))
