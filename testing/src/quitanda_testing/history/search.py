"""The search for an order of all operations of one part that the rules allow: is this part linearizable?

In the manner of Wing and Gong, with Lowe's memory of what was tried: go on with any operation that may come next
and that the rules answer as it was answered; go back where none is; never continue twice from the same state after
the same operations. Three things keep it short:

- A read, a refusal and a repeated request are placed as soon as they fit: that forbids nothing that comes later.
- What is more likely is tried first: operations in the order of the revisions and versions in their answers. This
  decides about time only, never about the verdict.
- An operation without an answer is placed only directly before an operation with one: earlier, nobody could tell.
  First one is tried before each, then two, and at last any number of them. Before that, some quick looks: one that
  takes the writes in the order of their revisions, and some in different orders: an early wrong guess is sooner
  found by beginning anew than by going back step by step.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from quitanda.domain.outcomes import Done
from quitanda_testing.history.linearization import Placement
from quitanda_testing.history.model import UndoableState
from quitanda_testing.history.operations import RecordedOperation
from quitanda_testing.history.parts import Names, named
from quitanda_testing.history.pending_ops import Level, PendingOps, PendingStep
from quitanda_testing.history.rules import Rules, repeated_requests
from quitanda_testing.history.window import Window

CLOCK_EVERY: Final = 256
"""Between two looks at the clock the search tries so many operations."""


class SearchResult(StrEnum):
    """What a search comes to."""

    LINEARIZABLE = "linearizable"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


@dataclass(slots=True)
class Budget:
    """How much all searches together may do: operations tried, and seconds of this thread's processor time.

    By the clock a busy machine would leave a right history undecided. A run of 300 s takes 80 to 110 s.
    """

    tries: int = 20_000_000
    seconds: float = 240.0
    spent: int = 0
    _end: float | None = None

    def spend(self) -> None:
        """Count one try. Raises Exhausted."""
        self.spent += 1
        if self._end is None:
            self._end = time.thread_time() + self.seconds
        if self.spent > self.tries or (self.spent % CLOCK_EVERY == 0 and time.thread_time() > self._end):
            raise Exhausted


class Exhausted(Exception):
    """The budget is used up."""


@dataclass(frozen=True, slots=True)
class _Frame:
    mark: int
    path: Placement | None
    unseen: int
    branches: Iterator[bool]


class Search:
    """Searches one part; `furthest` is the longest order that was found."""

    def __init__(self, part: Sequence[RecordedOperation], budget: Budget) -> None:
        self.furthest: Placement | None = None
        self._answered = [operation for operation in part if operation.is_decided]
        self._budget = budget
        self._rules = Rules(UndoableState(), repeated_requests(part))
        self._window = Window(self._answered)
        self._unseen = PendingOps(part, self._rules, budget.spend)
        self._names = [named(operation) for operation in self._answered]
        self._hints = [_likely(operation) for operation in self._answered]
        self._by_revision = sorted(
            (index for index, operation in enumerate(self._answered) if _is_write_with_revision(operation)),
            key=self._hints.__getitem__,
        )
        self._has_revision = frozenset(self._by_revision)
        self._path: Placement | None = None
        self._tried: set[tuple[int, int, tuple[int, int]]] = set()

    def run(self) -> SearchResult:
        """Search as long as the budget lasts."""
        try:
            found = any(self._search(level) for level in self._unseen.levels())
        except Exhausted:
            return SearchResult.UNDECIDED
        return SearchResult.LINEARIZABLE if found else SearchResult.VIOLATED

    def _search(self, level: Level) -> bool:
        """Look for an order of everything, until there is none or the level's tries are used up."""
        until = float("inf") if level.tries is None else self._budget.spent + level.tries
        dice = Random(level.shuffle)
        self._tried.clear()
        frames: list[_Frame] = []
        self._back_to(0, None, 0)
        while True:
            fitting = self._settle()
            if self._window.is_empty:
                return True
            key = (self._window.taken, self._unseen.taken, self._rules.model.key)
            if key not in self._tried:
                self._tried.add(key)
                mark, path, unseen = self._rules.model.mark, self._path, self._unseen.taken
                frames.append(_Frame(mark, path, unseen, self._branches(fitting, level, dice)))
            if self._budget.spent > until or not self._branch_off(frames):
                return False

    def _branch_off(self, frames: list[_Frame]) -> bool:
        """Take the next way that there is from the last place that has one; False where none has."""
        while frames:
            frame = frames[-1]
            self._back_to(frame.mark, frame.path, frame.unseen)
            if next(frame.branches, False):
                return True
            frames.pop()
        return False

    def _settle(self) -> list[int]:
        """Place everything that fits and never changes anything; return what else fits now, by itself."""
        fitting: dict[int, bool] = {}
        while fresh := [index for index in self._window.candidates()[0] if index not in fitting]:
            for index in fresh:
                mark = self._rules.model.mark
                fits = self._try(index)
                if fits and self._rules.model.mark == mark and self._rules.never_changes(self._answered[index]):
                    self._come(index)
                else:
                    self._rules.model.back_to(mark)
                    fitting[index] = fits
        return [index for index, fits in fitting.items() if fits]

    def _branches(self, fitting: list[int], level: Level, dice: Random) -> Iterator[bool]:
        """Go one step further in every way there is; who asks for the next way has taken the last one back."""
        for index in sorted(self._allowed(fitting, level), key=self._hints.__getitem__):
            self._try(index)
            self._come(index)
            yield True
        if not self._unseen:
            return
        candidates, deadline = self._window.candidates()
        waiting = self._allowed(candidates, level)
        for effects in range(level.at_once + 1):
            for index in sorted(waiting, key=self._hints.__getitem__):
                names = self._names[index] if level.related else None
                # All ways are looked at before the first is gone, since going one loses the place in the others.
                ways = list(self._ways(index, effects, names, deadline))
                if level.shuffle:
                    dice.shuffle(ways)
                for way in ways:
                    for step in way:
                        self._unseen.take(step)
                        self._path = self._unseen.placed(step, self._path)
                    self._try(index)
                    self._come(index)
                    yield True

    def _allowed(self, indices: list[int], level: Level) -> list[int]:
        """Leave out, where the level goes by revisions, the writes that come after one that has not come yet."""
        if not level.in_order:
            return indices
        taken = self._window.taken
        first = next((index for index in self._by_revision if not taken >> index & 1), None)
        return [index for index in indices if index == first or index not in self._has_revision]

    def _ways(
        self, index: int, effects: int, names: Names | None, deadline: float
    ) -> Iterator[tuple[PendingStep, ...]]:
        """Yield the ways for so many operations without an answer to come first, so that this one fits then."""
        model = self._rules.model
        for way in self._unseen.ways(effects, names, deadline):
            mark = model.mark
            fits = bool(way) and self._try(index)
            model.back_to(mark)
            if fits:
                yield way

    def _try(self, index: int) -> bool:
        self._budget.spend()
        return self._rules.happen(self._answered[index])

    def _come(self, index: int) -> None:
        self._window.take(index)
        self._path = Placement(self._answered[index], self._path, index)
        if self.furthest is None or self._path.answered > self.furthest.answered:
            self.furthest = self._path

    def _back_to(self, mark: int, path: Placement | None, unseen: int) -> None:
        self._rules.model.back_to(mark)
        while self._path is not path:
            placed = self._path
            assert placed is not None
            if placed.index >= 0:
                self._window.put_back(placed.index)
            self._path = placed.before
        self._unseen.taken = unseen


def _is_write_with_revision(operation: RecordedOperation) -> bool:
    return not operation.is_read and operation.revision > 0 and isinstance(operation.outcome, Done)


def _likely(operation: RecordedOperation) -> tuple[int, int, float]:
    """Sort operations by the order in which they probably took effect."""
    match operation.outcome:
        case Done(document) if document is not None:
            return operation.revision, document.version, operation.answered_at
        case _:
            return operation.revision, 0, operation.answered_at
