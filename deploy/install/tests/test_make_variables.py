"""A misspelt variable of make is told, and nothing is done."""

import os
import subprocess
from pathlib import Path

import pytest
from make_variables import told

ROOT = Path(__file__).parents[3]
KNOWN = ["DATA", "PORTS", "BROKER", "SEEDS", "SEED"]


def make(*words):
    clean = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    return subprocess.run(["make", *words], check=False, cwd=ROOT, capture_output=True, text=True, env=clean)


def test_the_nearest_known_name_is_told_whatever_the_case():
    assert told(["PORT"], KNOWN) == "PORT is no variable of this Makefile: did you mean PORTS?"
    assert "did you mean DATA?" in told(["data"], KNOWN)


def test_where_none_is_near_all_are_told_and_several_slips_together():
    assert told(["XYZZY", "PORT"], KNOWN) == (
        "XYZZY is no variable of this Makefile: there are BROKER, DATA, PORTS, SEED, SEEDS; "
        "PORT is no variable of this Makefile: did you mean PORTS?"
    )


def test_make_run_with_port_is_refused_instead_of_starting_on_the_usual_ports():
    ended = make("run", "PORT=8000")

    assert ended.returncode == 2
    assert "did you mean PORTS?" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stdout == ""


@pytest.mark.parametrize("given", ["ARGS=-x", "VENV=.venv-of-mine", "MAKEFLAGS=-n"])
def test_what_make_knows_may_be_given(given):
    ended = make("help", given)

    assert (ended.returncode, ended.stderr) == (0, "")
