"""What must never be seen, whatever the clocks do: pure, from what replicas say of themselves and from their logs."""

import json
from dataclasses import dataclass

from rounds_command import PromiseBroken

from quitanda.v1.admin_portal_pb2 import REPLICA_ROLE_FOLLOWER, REPLICA_ROLE_LEADER, ReplicaRole

LEARNER_BEGINS = "replica_is_learner"
LEARNER_ENDS = "learner_became_voter"
LEADS = "leader_elected"


@dataclass(frozen=True)
class ReportedStatus:
    """What one replica said of itself. asked_after: how many such answers had been heard when it was asked."""

    name: str
    role: int
    term: int
    blank: bool
    asked_after: int

    def __str__(self):
        role = ReplicaRole.Name(self.role).removeprefix("REPLICA_ROLE_").lower()
        return f"{self.name} is {role} in term {self.term}, {'blank' if self.blank else 'a voter'}"


class ElectionInvariants:
    """Hears everything that replicas say. Raises PromiseBroken."""

    def __init__(self):
        self.heard = 0
        self._leaders = {}
        """term -> the replica that led it"""
        self._lines = {}
        """name -> how many lines of its log are read"""
        self._blank = set()
        self._nobody_willing = None
        """(the blank replica, the highest term) while nobody whom a candidate could ask would be willing"""
        self._began = None

    @property
    def highest_term(self):
        """The last that had a leader."""
        return max(self._leaders, default=0)

    def nobody_is_willing(self, blank, term):
        """From now on the two with a past do not hear each other, nor a leader, and the third is blank.

        So no term may begin, until `blank` counts, which takes both others, or `somebody_may_be_willing`.
        """
        self._nobody_willing, self._began = (blank, term), None

    def somebody_may_be_willing(self):
        self._nobody_willing = self._began = None

    def hear(self, told):
        self.heard += 1
        if told.blank and told.role != REPLICA_ROLE_FOLLOWER:
            raise PromiseBroken(f"a replica without a past stands or leads: {told}")
        if told.role == REPLICA_ROLE_LEADER:
            self._leads(told.name, told.term)
        if self._nobody_willing is None:
            return
        blank, term = self._nobody_willing
        if told.name == blank and not told.blank:
            self.somebody_may_be_willing()
        elif told.term > term and self._began is None:
            self._began = self.heard, told
        elif told.name == blank and self._began is not None and told.asked_after >= self._began[0]:
            raise PromiseBroken(
                f"nobody was willing after term {term}, and a term began all the same: {self._began[1]}"
            )

    def read_log(self, name, lines):
        """`lines`: the replica's log so far, of all its lives. It shows what was too short to be seen, too."""
        for line in lines[self._lines.get(name, 0) :]:
            fields = _fields(line)
            event = fields.get("event")
            if event == LEARNER_BEGINS:
                self._blank.add(name)
            elif event == LEARNER_ENDS:
                self._blank.discard(name)
            elif event == LEADS:
                term = int(fields["term"])
                if name in self._blank:
                    raise PromiseBroken(f"a replica without a past led term {term}: {name}")
                self._leads(name, term)
        self._lines[name] = len(lines)

    def _leads(self, name, term):
        other = self._leaders.setdefault(term, name)
        if other != name:
            raise PromiseBroken(f"two replicas led term {term}: {other} and {name}")


def compare_logs(logs, upto):
    """`logs`: name -> {index: (term, command)}. What all hold up to `upto`, which all have applied, must be equal."""
    common = {index for index in set.intersection(*(set(log) for log in logs.values())) if index <= upto}
    for index in sorted(common):
        held = {name: log[index] for name, log in logs.items()}
        if len(set(held.values())) != 1:
            raise PromiseBroken(f"the logs differ at entry {index}: {held}")


def _fields(line):
    try:
        fields = json.loads(line)
    except ValueError:
        return {}  # gRPC writes some lines of its own
    return fields if isinstance(fields, dict) else {}
