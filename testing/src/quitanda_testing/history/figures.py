"""What a run was like, in numbers."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quitanda.domain.outcomes import Refused
from quitanda_testing.history.operations import RecordedOperation, TurnedAway, Unknown


@dataclass(frozen=True, slots=True)
class HistoryFigures:
    """Counts of operations by outcome and transport, and the longest time in which nobody got an answer to a write."""

    by_transport: dict[str, Counter[str]]
    refusals: Counter[str]
    longest_pause: float
    longest_call: float
    """Seconds that the slowest answered operation took, with all its repetitions."""

    @property
    def operations(self) -> int:
        """Count everything."""
        return sum(counts.total() for counts in self.by_transport.values())

    def lines(self) -> list[str]:
        """Write everything for people."""
        columns = ("done", "refused", "unknown", "turned away")
        rows = [f"  {'':<10}" + "".join(f"{column:>14}" for column in columns)]
        for transport, counts in sorted(self.by_transport.items()):
            rows.append(f"  {transport:<10}" + "".join(f"{counts[column]:>14,}" for column in columns))
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.refusals.most_common())
        return [
            *rows,
            f"  refused: {reasons or 'nothing'}",
            f"  longest time without an answered write: {self.longest_pause:.2f} s",
            f"  slowest answer, with all repetitions: {self.longest_call:.2f} s",
        ]


def figures(history: Sequence[RecordedOperation]) -> HistoryFigures:
    """Count a history."""
    by_transport: dict[str, Counter[str]] = {}
    for operation in history:
        by_transport.setdefault(operation.transport, Counter())[_kind(operation)] += 1
    refusals = Counter(op.outcome.reason.value for op in history if isinstance(op.outcome, Refused))
    answered = [operation for operation in history if operation.is_decided]
    return HistoryFigures(
        by_transport,
        refusals,
        longest_pause=_longest_pause(operation.answered_at for operation in answered if not operation.is_read),
        longest_call=max((operation.answered_at - operation.invoked_at for operation in answered), default=0.0),
    )


def _kind(operation: RecordedOperation) -> str:
    match operation.outcome:
        case Refused():
            return "refused"
        case Unknown():
            return "unknown"
        case TurnedAway():
            return "turned away"
        case _:
            return "done"


def _longest_pause(moments: Iterable[float]) -> float:
    return max((later - earlier for earlier, later in itertools.pairwise(sorted(moments))), default=0.0)
