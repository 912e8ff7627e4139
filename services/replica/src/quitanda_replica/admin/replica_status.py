"""What a replica tells about itself, without asking anybody."""

from collections.abc import Callable, Sequence
from typing import Final

from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.runtime.certificate_ends import own_end_ms
from quitanda.runtime.link_identity import LinkIdentity
from quitanda.v1 import admin_portal_pb2
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.snapshot_receiver import INSTALL_KEY
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.reads.reads import Snapshots
from quitanda_replica.state import digest, keys
from quitanda_replica.state.access import StateReader
from quitanda_replica.state.write_set import read_counters

_ROLES: Final = {
    Role.FOLLOWER: admin_portal_pb2.REPLICA_ROLE_FOLLOWER,
    Role.CANDIDATE: admin_portal_pb2.REPLICA_ROLE_CANDIDATE,
    Role.LEADER: admin_portal_pb2.REPLICA_ROLE_LEADER,
}


class StatusReport:
    """Puts together what Raft says and what the committed state says. Any thread may call it."""

    def __init__(
        self,
        name: str,
        replicas: Sequence[str],
        snapshots: Snapshots,
        applied_index: Callable[[StateReader], int],
        raft: RaftNode,
        identity: LinkIdentity | None = None,
    ) -> None:
        self._name = name
        self._peers = [replica for replica in replicas if replica != name]
        self._snapshots = snapshots
        self._applied_index = applied_index
        self._raft = raft
        self._identity = identity

    def ready(self) -> bool:
        """Tell whether this replica takes part: it knows a leader, and does not still catch up from an empty disk."""
        status = self._raft.status()
        return bool(status.leader) and status.voting and status.applied_index > 0

    def read(self) -> admin_portal_pb2.ReplicaStatus:
        """Tell everything; revision, digest and counts belong together, they are of one snapshot.

        There is no digest and no level of the cluster while the state is being replaced by another replica's.
        """
        status = self._raft.status()
        snapshot = self._snapshots.snapshot()
        try:
            counters = read_counters(snapshot)
            whole = snapshot.get(INSTALL_KEY) is None
            state_digest = f"{digest.decode_digest(snapshot.get(keys.DIGEST)):064x}" if whole else ""
            revision = self._applied_index(snapshot)
        finally:
            snapshot.close()
        return admin_portal_pb2.ReplicaStatus(
            name=self._name,
            reachable=True,
            role=_ROLES[status.role],
            term=status.term,
            revision=revision,
            commit_index=status.commit_index,
            last_log_index=status.last_log_index,
            leader=status.leader,
            peers=[
                admin_portal_pb2.PeerStatus(
                    name=peer, connected=peer in status.peers, refused=status.refused.get(peer, "")
                )
                for peer in self._peers
            ],
            state_digest=state_digest,
            customers=counters.customers,
            products=counters.products,
            orders=counters.orders,
            catching_up=not status.voting,
            cluster=status.cluster,
            supported_level=SUPPORTED_LEVEL,
            cluster_level=counters.level if whole else 0,
            certificate_expires_at_ms=own_end_ms(self._identity),
        )
