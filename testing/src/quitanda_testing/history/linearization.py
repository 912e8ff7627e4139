"""An order of operations, as the search finds it: lists that share their beginnings."""

from typing import Optional

from quitanda_testing.history.operations import RecordedOperation


class Placement:
    """A place in the order: an operation, and what came before.

    `index` tells answered operations apart and is negative for others. `named` is the id under which the order is
    seen from here on that an unanswered CreateOrder created (`created_at_ms` with it), and empty where the operation
    itself comes here. `answered` counts the answered operations up to here.
    """

    __slots__ = ("answered", "before", "created_at_ms", "index", "named", "operation")

    def __init__(
        self,
        operation: RecordedOperation,
        before: Optional["Placement"],
        index: int = -1,
        named: str = "",
        created_at_ms: int = 0,
    ) -> None:
        self.operation = operation
        self.before = before
        self.index = index
        self.named = named
        self.created_at_ms = created_at_ms
        self.answered: int = (before.answered if before else 0) + (index >= 0)
