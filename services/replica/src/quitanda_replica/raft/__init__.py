"""Raft for the replica: PySyncObj orders the commands, LevelDB keeps them; only this package knows it.

The face is small: `RaftNode` with `RaftOptions`, and the `StateMachine` that it drives. Behind it, from
the face down (imports go one way):

    node         the raft thread, the face for other threads
    consensus    one round: hear, tick, take submissions, replicate, commit, answer
    engine       the only user of PySyncObj's private names; checks them at start
    snapshots, installation  state for a replica behind the log         rejoin     a blank disk does not vote
    read_index   linearizable reads without a log entry                 submission, in_flight  callers that cannot hang
    transport    what goes out waits for the disk                       admission  what may come in
    canvass      the permission to stand for election               leadership, leadership_transfer  handing it over
    joining      until it counts and has its cluster's id              cluster_identity  who belongs to a cluster
    journal      the log in the store                                   tcp, channel, resolver, codec   the network
    library      imports PySyncObj before anybody else, and mends what that breaks
    connection   one socket with what waits to be sent                  strangers, refusals  at the door, in the log
"""

from quitanda_replica.raft import library  # noqa: F401 - must come before whatever else imports PySyncObj
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.state_machine import RaftStatus, Role, StateMachine
from quitanda_replica.raft.submission import Submission

__all__ = ["RaftNode", "RaftOptions", "RaftStatus", "Role", "StateMachine", "Submission"]
