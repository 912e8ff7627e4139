"""The verdict about a whole history."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from quitanda_testing.history.explanation import explain
from quitanda_testing.history.operations import RecordedOperation, as_checked
from quitanda_testing.history.parts import parts
from quitanda_testing.history.search import Budget, Search, SearchResult


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a history is linearizable; what it took to decide that; and why it is not, in words."""

    answer: SearchResult
    operations: int
    parts: int
    largest_part: int
    tries: int
    seconds: float
    explanations: tuple[str, ...] = ()

    def __str__(self) -> str:
        effort = (
            f"{self.operations:,} operations in {self.parts} parts (the largest has {self.largest_part:,}), "
            f"{self.tries:,} tries, {self.seconds:.1f} s"
        )
        return f"{self.answer}: {effort}"


def check(
    history: Iterable[RecordedOperation],
    budget: Budget | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> CheckResult:
    """Decide whether there is one order of all operations, each between its beginning and its answer, by the rules.

    A history is right if each of its parts is. A part that is wrong decides, also where others are undecided. The
    budget is for all parts together. `progress` is told how many parts of how many are decided.
    """
    begun = time.monotonic()
    budget = budget or Budget()
    checked = as_checked(history)
    found = parts(checked)
    answers, explanations = set(), []
    for number, part in enumerate(found):
        progress(number, len(found))
        search = Search(part, budget)
        answer = search.run()
        answers.add(answer)
        if answer is not SearchResult.LINEARIZABLE:
            explanations.append(explain(part, search.furthest, decided=answer is SearchResult.VIOLATED))
    progress(len(found), len(found))
    return CheckResult(
        answer=next(
            (a for a in (SearchResult.VIOLATED, SearchResult.UNDECIDED) if a in answers), SearchResult.LINEARIZABLE
        ),
        operations=len(checked),
        parts=len(found),
        largest_part=max(map(len, found), default=0),
        tries=budget.spent,
        seconds=time.monotonic() - begun,
        explanations=tuple(explanations),
    )
