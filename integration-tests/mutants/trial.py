"""Running tests on a copy, and telling what came of it."""

import os
import re
import shutil
import signal
import subprocess
import sys
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


def run(tree: Tree, tests: Sequence[str], *, stop_at_first: bool = True) -> Verdict:
    """Run tests on the copy. Raises Unplayable where they are not there to be run."""
    shutil.rmtree(tree.temporary, ignore_errors=True)
    options = ["-q", "--no-header", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS_MAX}"]
    options += ["-x"] if stop_at_first else []
    command = [sys.executable, "-m", "pytest", *options, f"--basetemp={tree.temporary}", *tests]
    begun = time.monotonic()
    code, output = _run_to_the_end(command, tree)
    return Verdict(_first_failure(code, output), time.monotonic() - begun, output)


def _run_to_the_end(command: list[str], tree: Tree) -> tuple[int | None, str]:
    """Return exit code and output; None where it had to be ended."""
    with subprocess.Popen(
        command,
        cwd=tree.root,
        env=tree.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that it and what it has started can be ended together
    ) as process:
        try:
            output, _ = process.communicate(timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return None, output
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, output


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
