"""Stands where Raft stands: leads or not as the test says."""

from quitanda.errors import NotLeader
from quitanda_replica.raft.state_machine import RaftStatus, Role


class FakeLeadership:
    def __init__(self, role=Role.LEADER, term=3, leader="replica1"):
        self.role = role
        self.term = term
        self.leader = leader
        self.error = None
        self.asked = 0
        self.applied_index = 1
        self.voting = True
        self.meanwhile = lambda: None
        """What happens while the leadership is being proven."""

    def status(self):
        return RaftStatus(
            role=self.role,
            term=self.term,
            leader=self.leader,
            commit_index=self.applied_index,
            applied_index=self.applied_index,
            last_log_index=self.applied_index,
            first_log_index=1,
            peers=("replica2",),
            voting=self.voting,
        )

    def read_point(self, timeout):  # noqa: ARG002 - the face has it
        self.asked += 1
        self.meanwhile()
        if self.error is not None:
            raise self.error
        if self.role is not Role.LEADER:
            raise NotLeader(self.leader)
        return self.applied_index


class Applied:
    """An entry that was applied at once."""

    def __init__(self, answer):
        self._answer = answer

    def result(self, timeout):
        assert timeout >= 0
        return self._answer


class OneReplicaRaft(FakeLeadership):
    """Leads, or not, as the test says; applies what is submitted to a real state."""

    def __init__(self, state):
        super().__init__()
        self.state = state
        self.submitted = 0
        self.failing = None
        """What `submit` raises, if anything."""

    def submit(self, payload):
        if self.failing is not None:
            raise self.failing
        self.submitted += 1
        self.state.index += 1
        answer = self.state.applier.apply(self.state.index, payload)
        self.state.store.commit()
        return Applied(answer)
