"""Which operations may come next: those that began before any other that has not come yet was answered."""

from collections.abc import Sequence

from quitanda_testing.history.operations import RecordedOperation


class Window:
    """The answered operations of a part that have not come yet, in the order of their beginnings.

    A doubly linked list in two arrays, so that taking an operation out and putting it back is cheap.
    """

    def __init__(self, answered: Sequence[RecordedOperation]) -> None:
        self._operations = answered
        self._end = len(answered)
        self._next = [*range(1, self._end + 1), 0]
        self._previous = [self._end, *range(self._end)]
        self.taken = 0
        """One bit for each operation that has come."""

    @property
    def is_empty(self) -> bool:
        """True when all have come."""
        return self._next[self._end] == self._end

    def take(self, index: int) -> None:
        """Let an operation come."""
        before, after = self._previous[index], self._next[index]
        self._next[before], self._previous[after] = after, before
        self.taken ^= 1 << index

    def put_back(self, index: int) -> None:
        """Undo the last `take` that was not undone."""
        before, after = self._previous[index], self._next[index]
        self._next[before] = self._previous[after] = index
        self.taken ^= 1 << index

    def candidates(self) -> tuple[list[int], float]:
        """Give the operations that may come next, and the moment by which one of them must have come."""
        found = []
        deadline = float("inf")
        index = self._next[self._end]
        while index != self._end and self._operations[index].invoked_at <= deadline:
            found.append(index)
            deadline = min(deadline, self._operations[index].answered_at)
            index = self._next[index]
        return found, deadline
