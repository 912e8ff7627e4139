"""Changes that a key makes at once, such as one unit more: one after the other, and no key is lost."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from quitanda_clients.terminal.change_view import TerminalChange


@dataclass(slots=True)
class Step:
    """What a key asks for: `by` so many more of a subject, such as a product in an order.

    `prepare` looks at how it is, and gives the change that adds so many; None: there is nothing to change.
    """

    subject: tuple[str, ...]
    by: int
    prepare: Callable[[int], Awaitable[TerminalChange | None]]


class StepQueue:
    """The steps that are not begun, in the order of their keys."""

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()

    def add(self, step: Step) -> None:
        """Take a step; with the last one it becomes one change where both go the same way."""
        last = self._steps[-1] if self._steps else None
        if last is not None and last.subject == step.subject and (last.by > 0) == (step.by > 0):
            last.by += step.by
        else:
            self._steps.append(step)

    def begin(self) -> Step | None:
        """Give the first one, which is waited for no longer; None: there is none."""
        return self._steps.popleft() if self._steps else None

    def drop(self) -> bool:
        """Forget them all; tell whether there were any."""
        were_any = bool(self._steps)
        self._steps.clear()
        return were_any
