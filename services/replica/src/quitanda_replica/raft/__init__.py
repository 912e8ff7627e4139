"""Raft for the replica: PySyncObj orders the commands, LevelDB keeps them; only this package knows it.

The face is small: `RaftNode` with `RaftOptions`, and the `StateMachine` that it drives. Behind it, from
the face down (imports go one way):

    node             the raft thread, and what other threads may ask of it
    raft_loop        one step: receive, tick, append, send, commit, reply
    raft_core        PySyncObj behind a checked surface: the only user of its private names
    prevote, leadership, leadership_transfer       who may lead, and how leadership moves
    learner, membership, cluster_identity, bootstrap   who counts in this cluster, and from when on
    message_filter   what may reach PySyncObj of a message that came in
    journal          the log, the term and the vote, in the store
    snapshot_sender, snapshot_receiver             state for a replica that the log no longer reaches
    proposal, pending_proposals, read_index        what callers wait for
    transport, send_window                         what goes out waits for the disk
    tcp, connection, secure_channel, codec, resolver   the network
    unauthenticated_connections, rejected_connection_log   bounds on who is not a replica of this cluster
    pysyncobj_patch  imports PySyncObj before anybody else, and repairs what its import changes
"""

from quitanda_replica.raft import pysyncobj_patch  # noqa: F401 - must come before whatever else imports PySyncObj
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.proposal import Proposal
from quitanda_replica.raft.state_machine import RaftStatus, Role, StateMachine

__all__ = ["Proposal", "RaftNode", "RaftOptions", "RaftStatus", "Role", "StateMachine"]
