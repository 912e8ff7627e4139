"""Running tests on a copy, and telling what came of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mutants.tree import Tree

TEST_SECONDS_MAX = 60
"""A test that hangs because of a mistake has noticed it; those with a bound of their own keep that."""
RUN_SECONDS_MAX = 900
_FAILED = re.compile(r"^(?:FAILED|ERROR) (?P<test>.+?)(?: - .*)?$", re.MULTILINE)
_PASSED, _USAGE, _NOTHING_COLLECTED = 0, 4, 5
_IMPORT_FAILED = "while loading conftest"


class Unplayable(Exception):
    """The tests cannot be run as they are listed."""


@dataclass(frozen=True)
class Verdict:
    """What a run of tests has shown. `failed`: the first test that failed, or ''; then all have passed."""

    failed: str
    seconds: float
    output: str


class Interrupted(Exception):
    """Runs have been ended from outside, and no others begin."""


class Trials:
    """Runs of tests, several at a time; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    def run(self, tree: Tree, tests: Sequence[str], *, stop_at_first: bool = True) -> Verdict:
        """Run tests on the copy. Raises Unplayable where they are not there to be run, Interrupted."""
        shutil.rmtree(tree.temporary, ignore_errors=True)
        options = ["-q", "--no-header", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS_MAX}"]
        options += ["-x"] if stop_at_first else []
        command = [sys.executable, "-m", "pytest", *options, f"--basetemp={tree.temporary}", *tests]
        begun = time.monotonic()
        code, output = self._run_to_the_end(command, tree)
        return Verdict(_first_failure(code, output), time.monotonic() - begun, output)

    def end(self) -> None:
        """End every run, with all that it has started."""
        with self._lock:
            self._ended = True
            for process in self._running:
                os.killpg(process.pid, signal.SIGKILL)

    def _run_to_the_end(self, command: list[str], tree: Tree) -> tuple[int | None, str]:
        """Return exit code and output; None where it took too long."""
        process = self._start(command, tree)
        code: int | None
        try:
            output, _ = process.communicate(timeout=RUN_SECONDS_MAX)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            code = None
        with self._lock:
            self._running.remove(process)
            if self._ended:
                raise Interrupted
        return code, output

    def _start(self, command: list[str], tree: Tree) -> "subprocess.Popen[str]":
        with self._lock:
            if self._ended:
                raise Interrupted
            process = subprocess.Popen(
                command,
                cwd=tree.root,
                env=tree.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # so that it and what it has started can be ended together
            )
            self._running.add(process)
            return process


def _first_failure(code: int | None, output: str) -> str:
    if code == _PASSED:
        return ""
    if found := _FAILED.search(output):
        return found["test"]
    if code == _USAGE and _IMPORT_FAILED in output:
        return "the import of the code"
    if code in {_USAGE, _NOTHING_COLLECTED}:
        raise Unplayable(output.strip())
    return f"no end within {RUN_SECONDS_MAX} s" if code is None else f"the tests' process ended with code {code}"
