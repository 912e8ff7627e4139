"""Whoever sees everything, and says after every step whether a guarantee is broken.

The checker keeps the one true log: whatever any replica was the first to count as committed. From then on nobody
may have another entry there, no later leader may lack it, and every state must be the one that it leads to.
"""

from collections import OrderedDict
from dataclasses import dataclass
from struct import Struct
from typing import Any

from quitanda_replica.raft.journal import APPLIED_KEY, LOG_PREFIX, NO_OP, log_key, read_applied
from quitanda_replica.raft.learner import JOINED_KEY

VOTERS_ALONE = frozenset(
    {"append_entries", "request_vote", "response_vote", "timeout_now", "read_probe", "snapshot_chunk"}
)
"""Messages that only a replica may send which counts, and will after a crash, too."""
PROMISE_NOTHING = frozenset({"read_echo", "canvass_answer"})
"""Messages that only a replica may send which counts, be it in memory alone: they say what is so now."""

_NUMBER = Struct(">Q")


@dataclass(frozen=True)
class Violation:
    """A guarantee that was broken."""

    kind: str
    text: str
    time: float

    def __str__(self):
        return f"{self.kind}: {self.text} (at {self.time:.6f} s)"


@dataclass(frozen=True)
class CommittedEntry:
    """One entry of the true log."""

    command: bytes
    term: int
    committed_in: int
    """Term in which somebody first counted it as committed, or a later one."""
    last_command: int
    """Index of the last command up to here."""
    state: object
    """What the state machine's state is behind this entry, as `RequestModel.state` gives it."""
    answer: bytes = b""
    """What the submitter of the command is to be told."""


@dataclass(frozen=True)
class Mark:
    """The true log, and what came of it, up to some entry."""

    log: list[CommittedEntry]
    effects: dict[int, set[int]]
    remembered: OrderedDict[int, int]
    machine: Any


class InvariantChecker:
    """Keeps the true log and compares everything with it."""

    def __init__(self, world):
        self._world = world
        self.violations: list[Violation] = []
        self.foreign_replicas: set[str] = set()
        """Replicas that run with a disk of another past."""
        self.floor = 0
        """Every operation that begins now must see at least the entries up to here."""
        self.effects: dict[int, set[int]] = {}
        """The entries at which a request has taken effect, by request: more than one where it was forgotten between."""
        self._remembered: OrderedDict[int, int] = OrderedDict()
        """The entry at which a request has taken effect that must be remembered, the oldest first."""
        self._refused: set[tuple[int, int]] = set()
        self._committed_attempts: set[tuple[int, int]] = set()
        self._machine = world.model
        self._log = [CommittedEntry(NO_OP, 0, 0, 0, world.model.state({}))]
        self._leaders: dict[int, tuple[str, int]] = {}
        self._appended: dict[tuple[int, int], tuple[bytes, int | None]] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        """Incarnation and commit index that were looked at last, by replica."""
        self._forgotten: dict[str, int] = {}
        """Where the true log ended when a disk was lost that does not count again yet, by replica."""

    def mark(self) -> "Mark":
        """Return what must be known to begin again from here."""
        return Mark(
            list(self._log),
            {request: set(entries) for request, entries in self.effects.items()},
            OrderedDict(self._remembered),
            self._machine.copy(),
        )

    def begin_again(self, mark: "Mark") -> None:
        """Follow another cluster from now on, which begins with the state of the mark."""
        self._log, self.effects, self._remembered = list(mark.log), dict(mark.effects), OrderedDict(mark.remembered)
        self._machine = self._world.model = mark.machine.copy()
        self.floor = self._log[-1].last_command
        for known in (
            self._leaders,
            self._appended,
            self._seen,
            self._forgotten,
            self._refused,
            self._committed_attempts,
        ):
            known.clear()

    @property
    def last_index(self) -> int:
        """Index of the last entry of the true log."""
        return len(self._log)

    def accuse(self, kind: str, text: str) -> None:
        """Record a violation; the run ends behind this step."""
        violation = Violation(kind, text, self._world.schedule.now)
        self._world.trace.note("checker", str(violation))
        self.violations.append(violation)

    # --- replicas

    def lost_disk(self, name: str) -> None:
        """Note that a replica has forgotten everything."""
        self._forgotten.setdefault(name, self.last_index)

    def sent(self, disk, message, *, voting: bool) -> None:
        """Check what leaves a replica: one that may have forgotten something leads, votes and confirms nothing."""
        if disk.counts or disk.name in self.foreign_replicas:
            return
        kind = message["type"]
        lasting = kind in VOTERS_ALONE or (kind == "next_node_idx" and message["success"] and message["voting"])
        if lasting or (kind in PROMISE_NOTHING and not voting):
            self.accuse("blank", f"{disk.name} sends {kind}, though its disk has no past")

    def wrote(self, disk, batch) -> None:
        """Check what a durable batch does: who has lost a disk counts when it has everything again that was committed.

        And an index and a term mean one entry with one predecessor.
        """
        if disk.name in self.foreign_replicas:
            return
        if JOINED_KEY in batch and (needed := self._forgotten.pop(disk.name, 1)) > read_applied(
            disk.content.get(APPLIED_KEY)
        ):
            self.accuse("blank", f"{disk.name} counts again and lacks entry {needed}, which it may have confirmed")
        for key, value in batch.items():
            if value is None or not key.startswith(LOG_PREFIX):
                continue
            index = _NUMBER.unpack(key[1:])[0]
            before = disk.content.get(log_key(index - 1))
            if before is None:
                continue  # the place of a snapshot's last entry, or an entry whose predecessor is compacted by now
            entry = value[8:], _NUMBER.unpack_from(before)[0]
            if self._appended.setdefault((index, _NUMBER.unpack_from(value)[0]), entry) != entry:
                self.accuse("log matching", f"{disk.name} holds another entry {index} of the same term")

    def observe(self, name: str, incarnation: int, view) -> None:
        """Compare a replica with the true log."""
        if name in self.foreign_replicas:
            return
        if (view.leads or view.stands) and not view.counts:
            self.accuse("blank", f"{name} {'leads' if view.leads else 'stands'} in term {view.term} with a blank disk")
        if view.leads:
            self._check_leader(name, incarnation, view)
        seen = self._seen.get(name)
        commit_index = view.commit_index
        if seen != (incarnation, commit_index):
            start = seen[1] if seen is not None and seen[0] == incarnation else 1
            self._seen[name] = incarnation, commit_index
            if commit_index < start:
                self.accuse("commit index", f"{name} goes back from {start} to {commit_index}")
            self._check_committed(name, view, start, commit_index)
        if view.wrote_state and view.state_is_whole and not view.altered:
            view.wrote_state = False
            self._check_state(name, view.durable_applied, view.durable_state)

    def _check_leader(self, name, incarnation, view) -> None:
        term = view.term
        known = self._leaders.get(term)
        if known == (name, incarnation):
            return
        if known is not None:
            self.accuse("one leader", f"{name} leads term {term}, which {known[0]} led")
            return
        self._leaders[term] = name, incarnation
        self._world.trace.note(name, f"leads term {term}")
        self._world.count("elections")
        log = view.journal
        first, last = log[0][1], log[-1][1]
        for index in range(first, len(self._log) + 1):
            entry = self._log[index - 1]
            if entry.committed_in < term and (index > last or log[index - first][2] != entry.term):
                self.accuse("leader completeness", f"{name} leads term {term} without entry {index} of {entry.term}")
                return

    def _check_committed(self, name, view, start, commit_index) -> None:
        log = view.journal
        first, last = log[0][1], log[-1][1]
        if commit_index > last:
            self.accuse("commit index", f"{name} counts entry {commit_index} as committed and holds {last}")
            return
        for index in range(max(start, first), commit_index + 1):
            command, _, term = log[index - first]
            if index > len(self._log):
                if index != len(self._log) + 1:
                    self.accuse("commit index", f"{name} alone knows entry {index}")
                    return
                self._extend(name, view, command, term)
                continue
            known = self._log[index - 1]
            if known.term != term or (known.command != command and index > first):
                self.accuse("one command per index", f"{name} counts another entry {index} as committed, of {term}")
                return

    def _extend(self, name, view, command, term) -> None:
        index = len(self._log) + 1
        last_command, state, answer = self._log[-1].last_command, self._log[-1].state, b""
        if (payload := view.payload_of(command)) is not None:
            last_command = index
            answer, state = self._machine.extend(index, payload)
            attempt = self._machine.read_attempt(payload)
            self._note_effect(index, attempt[0], answer)
            self._committed_attempts.add(attempt)
            if attempt in self._refused:
                self.accuse(
                    "refused", f"write {attempt[0]} is committed at {index}, though attempt {attempt[1]} was refused"
                )
        self._log.append(CommittedEntry(bytes(command), term, view.term, last_command, state, answer))
        self._world.trace.note(name, f"commits {index} of term {term}")
        if self._world.variant.on_disks:
            self._check_majority(name, index, term)

    def _note_effect(self, index, request, answer) -> None:
        """Follow the window of remembered requests; the state machine's own copy must say the same."""
        if request not in self._remembered:
            self._remembered[request] = index
            self.effects.setdefault(request, set()).add(index)
            if self._machine.remembered is not None and len(self._remembered) > self._machine.remembered:
                self._remembered.popitem(last=False)
        if (told := self._machine.read_answer(answer)) != (effect := self._remembered[request]):
            self.accuse("once", f"write {request} at {index} is said to be at {told}, and took effect at {effect}")

    def _check_majority(self, name, index, term) -> None:
        """A disk that knows that it may have forgotten something counts for what it once held."""
        disks = self._world.disks
        holding = sum(not disk.counts or _holds(disk.content, index, term) for disk in disks)
        if holding * 2 <= len(disks):
            self.accuse("durable on a majority", f"{name} counts entry {index} as committed, {holding} disks hold it")

    def _check_state(self, name, applied, state) -> None:
        if applied > len(self._log):
            self.accuse("equal digests", f"{name} has applied entry {applied}, which is not committed")
        elif applied and self._log[applied - 1].state != state:
            self.accuse("equal digests", f"{name} has another state at entry {applied}")

    # --- clients

    def refused(self, request: int, attempt: int) -> None:
        """Note that an attempt was refused with certainty: it did not and will not happen."""
        self._refused.add((request, attempt))
        if (request, attempt) in self._committed_attempts:
            self.accuse("refused", f"write {request} is committed, though attempt {attempt} was refused")

    def acknowledged(self, request: int, answer: bytes, floor: int) -> int:
        """Check a write that is answered, and return its entry.

        It is in the true log where the answer says, behind what was known, and the answer is the true one.
        """
        index = self._machine.read_answer(answer)
        if index not in self.effects.get(request, ()):
            self.accuse("acknowledged", f"write {request} is not at entry {index} but at {self.effects.get(request)}")
        elif not self._machine.agree(answer, self._log[index - 1].answer):
            self.accuse("acknowledged", f"write {request}, at entry {index}, gets another answer than it should")
        elif index <= floor:
            self.accuse("linearizable", f"write {request} took effect at {index}, before {floor} which it followed")
        self.floor = max(self.floor, index)
        return index

    def answered(self, point: int, applied: int, state: object, floor: int) -> None:
        """Check a read that is answered: a state of the true log, and none older than what was known."""
        if applied < point:
            self.accuse("linearizable", f"a read of entry {point} is answered with the state at {applied}")
        elif not 0 < applied <= len(self._log) or self._log[applied - 1].state != state:
            self.accuse("linearizable", f"a read is answered with a state at {applied} that never was")
        else:
            last_command = self._log[applied - 1].last_command
            if last_command < floor:
                self.accuse(
                    "linearizable", f"a read that follows entry {floor} sees entry {last_command} as the last one"
                )
            self.floor = max(self.floor, last_command)


def _holds(content, index, term) -> bool:
    value = content.get(log_key(index))
    if value is not None:
        return _NUMBER.unpack_from(value)[0] == term
    return read_applied(content.get(APPLIED_KEY)) > index
