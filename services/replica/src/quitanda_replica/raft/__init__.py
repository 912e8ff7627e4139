"""Raft for the replica: PySyncObj orders the commands, and LevelDB keeps them. Only this package knows that.

Other packages use `RaftNode` with `RaftOptions`, and implement the `StateMachine` that Raft drives. The modules, from
there down (imports go one way):

    node                the raft thread, and what other threads may ask of it
    raft_loop           one step: receive, tick, append, send, commit, reply
    peer_messages       what each message of another replica does
    leadership          what a leader does in each step, what changes with it, and its transfer
    prevote             the permission to start an election
    membership          joins a replica to its cluster
    learner             when a replica becomes a voter, and when a cluster begins
    raft_core           PySyncObj behind a checked interface: the only user of its private names
    proposals           commands of callers, from the queue to the answer
    read_index          linearizable reads
    snapshot_sender, snapshot_receiver   state for a replica that needs entries which the log no longer holds
    message_filter      what of an incoming message may reach PySyncObj
    transport           what leaves waits for the disk, and has a window for each peer
    journal             the log, the term and the vote, in the store
    cluster_identity    the cluster's id, and whether two replicas belong to the same cluster
    tcp, connection, secure_channel, resolver   the network
    network, codec, state_machine, options      types, messages, settings
    pysyncobj_patch     imports PySyncObj before any other module does, and repairs what its import changes
"""

from quitanda_replica.raft import pysyncobj_patch  # noqa: F401 - must come before whatever else imports PySyncObj
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.options import RaftOptions
from quitanda_replica.raft.proposals import Proposal
from quitanda_replica.raft.state_machine import RaftStatus, Role, StateMachine

__all__ = ["Proposal", "RaftNode", "RaftOptions", "RaftStatus", "Role", "StateMachine"]
