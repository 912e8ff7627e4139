"""Many mutants, two side by side: which test catches each, and which are caught by none."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from mutants.mutant import LIBRARY, RAFT_TESTS, REPLICA, SIMULATION, TESTS, Mutant
from mutants.tree import Tree, text_of
from mutants.trial import Trials, Verdict

SIDE_BY_SIDE = 2
WIDER: tuple[tuple[str, ...], ...] = (
    (RAFT_TESTS,),
    (TESTS, f"--ignore={RAFT_TESTS}"),
    (SIMULATION, "integration-tests/test_power_loss.py"),
)
"""Played one after the other for a mutant that its own tests let through."""
_QUICK = (f"{RAFT_TESTS}/test_transport.py", f"{RAFT_TESTS}/test_codec.py")
PROOFS = tuple(
    Mutant(
        f"import of {package}",
        "the code cannot be imported, so whoever passes runs other code than the copy's",
        file,
        old,
        f'raise ImportError("the copy")\n{old}',
        _QUICK,
    )
    for package, file, old in (
        ("the replica", f"{REPLICA}/raft/options.py", "import logging\n"),
        ("the library", f"{LIBRARY}/node.py", "class Node("),
    )
)
"""Must be caught before anything else is believed."""


class Unsound(Exception):
    """The campaign would prove nothing."""


@dataclass(frozen=True)
class Result:
    """What became of a mutant. `caught_by`: the first test that failed, or ''; `wider`: none of its own did."""

    mutant: Mutant
    caught_by: str
    wider: bool
    seconds: float


class Campaign:
    """Plays mutants. `tell` is given a line now and then."""

    def __init__(
        self,
        mutants: Sequence[Mutant],
        tell: Callable[[str], None],
        wider: Sequence[Sequence[str]] = WIDER,
    ) -> None:
        self._mutants = mutants
        self._tell = tell
        self._wider = wider
        self._trials = Trials()

    def play(self) -> list[Result]:
        """Return the results in the mutants' order.

        Raises Outdated where a mutant does not fit the code, Unplayable, and Unsound where the tests fail without any
        mistake or do not run the copy's code.
        """
        for mutant in self._mutants:
            mutant.applied(text_of(mutant))
        with _copies() as copies, ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
            try:
                self._check_the_baseline(copies, threads)
                self._check_that_the_copies_run(copies, threads)
                results = []
                for result in threads.map(lambda mutant: self._play_one(copies, mutant, self._wider), self._mutants):
                    results.append(result)
                    self._tell(line_of(result))
            except BaseException:
                self._trials.end()
                raise
            return results

    def _check_that_the_copies_run(self, copies: "SimpleQueue[Tree]", threads: ThreadPoolExecutor) -> None:
        for result in threads.map(lambda mutant: self._play_one(copies, mutant, ()), PROOFS):
            if not result.caught_by:
                raise Unsound(f"the tests do not run the copy's code: {result.mutant.name} is not noticed")

    def _check_the_baseline(self, copies: "SimpleQueue[Tree]", threads: ThreadPoolExecutor) -> None:
        tests = list(dict.fromkeys(test for mutant in self._mutants for test in mutant.tests))
        begun = time.monotonic()

        def passes(part: Sequence[str]) -> Verdict:
            with _one_of(copies) as tree:
                return self._trials.run(tree, part, stop_at_first=False)

        for verdict in threads.map(passes, filter(None, (tests[k::SIDE_BY_SIDE] for k in range(SIDE_BY_SIDE)))):
            if verdict.failed:
                raise Unsound(f"without any mistake, {verdict.failed} fails:\n{verdict.output}")
        self._tell(f"without any mistake the tests pass ({time.monotonic() - begun:.0f} s)")

    def _play_one(self, copies: "SimpleQueue[Tree]", mutant: Mutant, wider: Sequence[Sequence[str]]) -> Result:
        begun = time.monotonic()
        with _one_of(copies) as tree, tree.mutated(mutant):
            for number, tests in enumerate((mutant.tests, *wider)):
                if failed := self._trials.run(tree, tests).failed:
                    return Result(mutant, failed, number > 0, time.monotonic() - begun)
        return Result(mutant, "", wider=True, seconds=time.monotonic() - begun)


def exit_code(results: Sequence[Result]) -> int:
    """Return 0 if every mutant was caught, else 1."""
    return int(any(not result.caught_by for result in results))


def line_of(result: Result) -> str:
    """Return a row of the table."""
    by = result.caught_by or f"NOT CAUGHT: {result.mutant.breaks}"
    by += " (none of the tests listed for it)" if result.wider and result.caught_by else ""
    return f"  {result.mutant.name:<44}{result.seconds:>7.1f} s  {by}"


@contextmanager
def _copies() -> "Iterator[SimpleQueue[Tree]]":
    copies: SimpleQueue[Tree] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="quitanda-mutants-") as folder:
        for number in range(SIDE_BY_SIDE):
            copies.put(Tree(Path(folder) / str(number)))
        yield copies


@contextmanager
def _one_of(copies: "SimpleQueue[Tree]") -> Iterator[Tree]:
    """Hold a copy that nobody else has."""
    tree = copies.get()
    try:
        yield tree
    finally:
        copies.put(tree)
