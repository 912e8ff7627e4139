"""Run a command that must not outlive its parent: `python -I -S guard.py PARENT_PID COMMAND …`.

A script of its own, and not a function run between fork and exec: code that runs there may hang in a
process with threads. It imports only what starts at once, and becomes the command, under the same
process id. The signal comes when the *thread* that started the process ends, so the starter keeps one
thread for that. Systems without prctl run the command unguarded.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Ask to be killed with the parent, and become the command."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the request above
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command is the starter's own


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
