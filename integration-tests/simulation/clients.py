"""Clients: they write and read, repeat what is refused or unknown with the same request id, and never give up."""

import itertools
from dataclasses import dataclass, field
from random import Random

from quitanda.errors import NotLeader, OutcomeUnknown, QuitandaError

PATIENCE_SECONDS = 1.5
"""How long a client waits for one replica."""
PAUSE_SECONDS = 0.1
BURST_MAX = 12


@dataclass(eq=False)
class ClientOperation:
    """One write or read, through all its attempts."""

    request: int
    write: bool
    floor: int
    padding: int
    target: str | None = None
    attempt: int = 0
    pending: object = field(default=None, repr=False)
    done: bool = False


class Clients:
    """All clients of a run."""

    def __init__(self, world, chance: Random):
        self._world = world
        self._chance = chance
        self._requests = itertools.count(1)
        self._open: set[int] = set()
        self._generating = True

    def begin(self) -> None:
        """Begin to send operations."""
        self._world.schedule.after(0.5, self._next)

    def stop(self) -> None:
        """Begin nothing new; what is under way goes on until it is answered."""
        self._generating = False

    def resume(self) -> None:
        """Begin new operations again."""
        self._generating = True
        self._next()

    @property
    def waiting(self) -> int:
        """How many operations are not answered yet."""
        return len(self._open)

    def write(self, target: str | None = None) -> ClientOperation:
        """Send one write, to any replica or first to `target`."""
        return self._invoke(write=True, target=target)

    def read(self, target: str | None = None) -> ClientOperation:
        """Send one read, to any replica or first to `target`."""
        return self._invoke(write=False, target=target)

    def _next(self) -> None:
        if not self._generating:
            return
        config = self._world.config
        burst = self._chance.randint(2, BURST_MAX) if self._chance.random() < 0.1 else 1
        for _ in range(burst):
            if len(self._open) < config.clients_max:
                self._invoke(write=self._chance.random() >= config.reads_share, target=None)
        self._world.schedule.after(self._chance.expovariate(config.operations_per_second), self._next)

    def _invoke(self, *, write, target):
        request = next(self._requests)
        operation = ClientOperation(request, write, self._world.checker.floor, self._padding(), target)
        self._open.add(request)
        self._send(operation)
        return operation

    def _padding(self):
        """Draw how much a write carries: little most of the time, sometimes much, sometimes too much."""
        return self._chance.randint(0, 24) if self._chance.random() < 0.9 else self._chance.randint(25, 160)

    def _send(self, operation):
        if operation.done:
            return
        operation.attempt += 1
        attempt = operation.attempt
        names = sorted(self._world.replicas)
        replica = self._world.replicas[operation.target or self._chance.choice(names)]
        operation.target = None
        schedule = self._world.schedule
        schedule.after(self._world.fabric.delay(), lambda: self._arrive(operation, attempt, replica))
        schedule.after(PATIENCE_SECONDS, lambda: self._give_up(operation, attempt))

    def _arrive(self, operation, attempt, replica):
        if attempt != operation.attempt or not replica.up or replica.paused_since is not None:
            return
        try:
            operation.pending = self._submit(operation, attempt, replica) if operation.write else replica.ask()
        except QuitandaError as error:
            self._refused(operation, attempt, error)
            return
        except ValueError:
            self._world.count("answer too long")
            self._end(operation)
            return
        replica.follow(operation.pending, lambda outcome, error: self._settled(operation, attempt, outcome, error))

    def _submit(self, operation, attempt, replica):
        return replica.submit(self._world.model.command(operation.request, attempt, operation.padding))

    def _settled(self, operation, attempt, outcome, error):
        """The answer travels; a client that has turned elsewhere takes it all the same."""
        delay = self._world.fabric.delay()
        if error is not None:
            self._world.schedule.after(delay, lambda: self._refused(operation, attempt, error))
        else:
            self._world.schedule.after(delay, lambda: self._answered(operation, outcome))

    def _refused(self, operation, attempt, error):
        self._note_certainty(operation, attempt, error)
        if attempt != operation.attempt or operation.done:
            return
        self._world.count(f"answer {type(error).__name__}")
        operation.attempt += 1
        if isinstance(error, NotLeader) and error.leader in self._world.replicas:
            operation.target = error.leader
        self._world.schedule.after(PAUSE_SECONDS * self._chance.random() * 2, lambda: self._send(operation))

    def _give_up(self, operation, attempt):
        """Turn to another replica; a command that was not begun is withdrawn."""
        if attempt != operation.attempt or operation.done:
            return
        operation.attempt += 1
        if operation.pending is not None and not operation.pending.done():
            try:
                operation.pending.result(0)
            except QuitandaError as error:
                self._world.count(f"answer {type(error).__name__}")
                self._note_certainty(operation, attempt, error)
        operation.pending = None
        self._send(operation)

    def _end(self, operation):
        operation.done = True
        self._open.discard(operation.request)

    def _note_certainty(self, operation, attempt, error):
        if operation.write and not isinstance(error, OutcomeUnknown):
            self._world.checker.refused(operation.request, attempt)

    def _answered(self, operation, outcome):
        if operation.done:
            return
        self._end(operation)
        checker = self._world.checker
        if operation.write:
            index = checker.acknowledged(operation.request, outcome, operation.floor)
            self._world.trace.note("client", f"write {operation.request} is acknowledged at entry {index}")
            self._world.count("acknowledged writes")
        else:
            point, applied, state = outcome
            self._world.trace.note("client", f"read {operation.request} is answered with the state at {applied}")
            self._world.count("answered reads")
            checker.answered(point, applied, state, operation.floor)
