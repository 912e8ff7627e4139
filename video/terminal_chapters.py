"""The chapters of the terminal: each is a program that is run and recorded."""

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Final

from video.cast import Cast
from video.chapters import ChapterFailed
from video.stage import COLUMNS, ROWS
from video.terminal_session import TerminalSession

ROOT: Final = Path(__file__).parents[1]
DEMONSTRATION_SECONDS_MAX: Final = 1_200
TESTS_SECONDS_MAX: Final = 1_200
READING_SECONDS: Final = 2
"""A pause in which what was printed can be read."""
OPERATIONS: Final = "grep -ho 'rpc [A-Za-z]*' proto/quitanda/v1/*_portal.proto | pr -4 -t -w 116"
"""The calls of both portals, in four columns."""
SCHEMA: Final = ("sed", "-n", r"/^| in the course/,/^\*\*Order\*\*, as stored/p", "docs/SCHEMA.md")
TESTS_SHOWN: Final = (
    "python -m pytest -v --no-header services/admin-portal/tests/test_operations.py "
    "services/client-portal/tests/test_operations.py"
)
_PATHS: Final = re.compile(r"/tmp/\S*")  # noqa: S108 - what no recording may name


def play_demonstration() -> Cast:
    """Record `make demo`. Raises ChapterFailed where it did not end well."""
    return _record("Quitanda: make demo", "echo '$ make demo'; make demo", DEMONSTRATION_SECONDS_MAX)


def play_tests() -> Cast:
    """Record a look at the operations, the schema and the portals' tests. Raises ChapterFailed where a test fails."""
    script = f"; sleep {READING_SECONDS}; echo; ".join(map(_shown, (OPERATIONS, shlex.join(SCHEMA), TESTS_SHOWN)))
    return _record("Quitanda: the tests", script, TESTS_SECONDS_MAX)


def _shown(command: str) -> str:
    """Let the shell show a command, and what it writes."""
    return f"echo {shlex.quote(f'$ {command}')}; {command}"


def _record(title: str, script: str, seconds_max: float) -> Cast:
    """Record a script of the shell, and the exit code that it ends with."""
    shell = ("bash", "-c", f'{script}; code=$?; echo "exit code $code"; exit $code')
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with TerminalSession(shell, title, COLUMNS, ROWS, {"PATH": path}, ROOT) as session:
        code = session.finish(seconds_max)
        cast = session.cast
    if code:
        raise ChapterFailed(f"{title} ended with {code}:\n{cast.text[-2000:]}")
    require_no_paths(cast)
    return cast


def require_no_paths(cast: Cast) -> None:
    """Raise ChapterFailed where a recording names a path of this machine."""
    for path in (str(ROOT), str(Path.home())):
        if path in cast.text:
            raise ChapterFailed(f"{cast.title}: the recording names {path}, a path of this machine")
    if found := _PATHS.search(cast.text):
        raise ChapterFailed(f"{cast.title}: the recording names {found[0]}, a path of this machine")
