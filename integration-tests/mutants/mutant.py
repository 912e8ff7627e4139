"""One mistake in the replica's code, as a replacement of text."""

from dataclasses import dataclass

REPLICA = "services/replica/src/quitanda_replica"
RAFT = f"{REPLICA}/raft"
CORE = "core/src/quitanda"
LIBRARY = "pysyncobj"
"""Where a file's path begins with this, it is one of the installed library: its rules are relied on like our own."""

TESTS = "services/replica/tests"
RAFT_TESTS = f"{TESTS}/raft"
SIMULATION = "integration-tests/simulation/test_simulation.py"


@dataclass(frozen=True)
class Mutant:
    """A replacement that stands for a plausible mistake.

    `breaks`: what is not true any more, in one sentence. `file`: path from the repository's root. `old`: stands in it
    exactly once. `tests`: what pytest is to run first, and what should fail: files, or tests by their ids.
    """

    name: str
    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied(self, text: str) -> str:
        """Return the file's text with the mistake in it. Raises Outdated."""
        found = text.count(self.old)
        if found != 1:
            raise Outdated(
                f"{self.name}: its old text stands {found} times in {self.file}, not once; bring the mutant up to date"
            )
        return text.replace(self.old, self.new)


class Outdated(Exception):
    """The code has changed, and the mutant does not fit it any more."""
