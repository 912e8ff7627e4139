"""What the runner says may find no reader; the cluster runs on all the same, and stops in order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from rich.console import Console
from quitanda_local.lasting_output import LastingOutput
console = Console(file=LastingOutput())
for number in range(5000):
    console.print(f"line {number} of many")
console.print("the last one", end="")
sys.stderr.write("went on")
"""


def run(redirect="", **streams):
    command = ["sh", "-c", f'exec "$0" -c "$1" {redirect}', sys.executable, PROGRAM]
    return subprocess.run(command, check=False, timeout=60, stderr=subprocess.PIPE, **streams)


@pytest.mark.parametrize(
    "redirect",
    [
        pytest.param(
            ">/dev/full", marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
        ),
        ">&-",
    ],
)
def test_a_full_or_closed_output_ends_nothing(redirect):
    ended = run(redirect)

    assert (ended.returncode, ended.stderr) == (0, b"went on")


@pytest.mark.parametrize("read", [False, True], ids=["blocked", "broken"])
def test_a_pipe_without_a_reader_ends_nothing_and_makes_nothing_wait(read):
    reading, writing = os.pipe()
    if read:
        os.close(reading)
    ended = run(stdout=writing)
    os.close(writing)
    if not read:
        os.close(reading)

    assert (ended.returncode, ended.stderr) == (0, b"went on")


def test_everything_that_was_said_is_there_at_the_end(tmp_path):
    with (tmp_path / "said").open("w") as said:
        run(stdout=said)

    assert (tmp_path / "said").read_text().splitlines() == [
        *(f"line {number} of many" for number in range(5000)),
        "the last one",
    ]
