"""Creating the first administrator's credential: by the leader itself, from what stands in its identity folder.

Nobody could create it otherwise: who creates a credential must be an administrator. The identity folders of all
replicas hold the same one. The rules decide on the state whether it is created: where an administrator has ever had a
lasting credential, the command changes nothing. So a revoked first credential never comes back.
"""

import time
from contextlib import closing
from typing import Final
from uuid import uuid4

import structlog

from quitanda.codec.protobuf import decode_outcome, encode_request
from quitanda.domain import credentials
from quitanda.domain.commands import CREDENTIALS_LEVEL, CreateFirstCredential, Request
from quitanda.domain.outcomes import Refused
from quitanda.errors import QuitandaError, Rejected
from quitanda.identity.folder import FirstCredential
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.raft.node import RaftNode
from quitanda_replica.raft.state_machine import Role
from quitanda_replica.reads.snapshots import ConsistentSnapshots
from quitanda_replica.state.stored_documents import WorkingSet
from quitanda_replica.state.view import StoredState
from quitanda_replica.state.write_set import read_counters

PROPOSAL_SECONDS: Final = 2.0
"""How long one attempt may take; there is another one soon."""

_log = structlog.get_logger(__name__)


class FirstCredentialProposer:
    """Proposes the first credential while this replica leads and the state has none. One thread calls it."""

    def __init__(self, first: FirstCredential, raft: RaftNode, snapshots: ConsistentSnapshots) -> None:
        self._first = first
        self._raft = raft
        self._snapshots = snapshots
        self._is_administered = False
        self._told = ""

    def propose(self) -> None:
        """Propose it where it is missing; to be called now and then. What is refused or fails is tried again."""
        if self._is_administered or self._raft.status().role is not Role.LEADER:
            return
        try:
            if self._is_missing():
                self._submit()
        except QuitandaError as error:
            self._tell_once(error)

    def _is_missing(self) -> bool:
        """Tell whether the committed state could have an administrator, and has none."""
        with closing(self._snapshots.snapshot()) as state:
            view = StoredState(state, read_counters(state), WorkingSet())
            self._is_administered = credentials.is_administered(view)
            return view.level >= CREDENTIALS_LEVEL and not self._is_administered

    def _submit(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        command = CreateFirstCredential(self._first.credential_id, self._first.secret_hash, now_ms)
        entry = pb.LogEntry(requests=[encode_request(Request("", uuid4().hex, command))]).SerializeToString()
        answer = pb.ExecuteResponse.FromString(self._raft.submit(entry).result(PROPOSAL_SECONDS))
        outcome, revision = decode_outcome(answer.outcomes[0])
        if isinstance(outcome, Refused):
            raise Rejected(outcome, revision)
        if outcome.document is not None:  # else there is one that this replica has not applied yet
            _log.info("first_credential_created", credential_id=self._first.credential_id, revision=revision)

    def _tell_once(self, error: QuitandaError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            _log.warning("first_credential_not_created", error=str(error))
