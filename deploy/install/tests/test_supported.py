"""Where Quitanda cannot be installed, one line says so before anything is installed, with what to do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from supported import NEWEST, OLDEST, Machine, refusal, this_machine

ROOT = Path(__file__).parents[3]


def machine(**differing):
    usual = {
        "version": (3, 13, 0),
        "implementation": "CPython",
        "free_threaded": False,
        "bits": 64,
        "system": "Linux",
        "processor": "x86_64",
        "glibc": (2, 36),
        "has_venv": True,
        "others": [],
    }
    return Machine(**(usual | differing))


@pytest.mark.parametrize(
    ("system", "processor", "oldest"), [("Linux", "x86_64", 11), ("Linux", "aarch64", 12), ("Darwin", "arm64", 12)]
)
def test_every_supported_python_is_accepted_on_every_supported_platform(system, processor, oldest):
    glibc = (2, 28) if system == "Linux" else (0, 0)
    accepted = [
        minor
        for minor in range(20)
        if not refusal(machine(version=(3, minor, 0), system=system, processor=processor, glibc=glibc))
    ]

    assert accepted == list(range(oldest, NEWEST[1] + 1))


def test_the_python_that_runs_this_is_accepted():
    assert refusal(this_machine()) == ""


@pytest.mark.parametrize(
    ("differing", "words"),
    [
        ({"version": (3, 9, 18)}, "Python 3.9.18 is too old for Quitanda here, which needs 3.11 to 3.14."),
        ({"version": (2, 7, 18)}, "give PYTHON=python3.14 to make"),
        ({"version": (3, 15, 0)}, "Python 3.15.0 is too new"),
        ({"version": (3, 11, 7), "processor": "aarch64"}, "is too old for Quitanda here, which needs 3.12 to 3.14"),
        ({"system": "Windows", "processor": "AMD64"}, "this is Windows, AMD64, 64 bits. Docker runs it here"),
        ({"system": "Darwin", "processor": "x86_64"}, "a Mac with Apple silicon; this is Darwin, x86_64, 64 bits"),
        ({"processor": "armv7l", "bits": 32}, "this is Linux, armv7l, 32 bits"),
        ({"glibc": (0, 0)}, "another C library (musl). Docker"),
        ({"glibc": (2, 17)}, "needs glibc 2.28 or newer, and this system has glibc 2.17"),
        ({"implementation": "PyPy"}, "needs the usual CPython, and this is PyPy"),
        ({"free_threaded": True}, "this is free-threaded Python"),
        ({"has_venv": False}, "apt install python3-venv"),
    ],
)
def test_whatever_cannot_work_is_told_in_one_line_with_what_to_do(differing, words):
    told = refusal(machine(**differing))

    assert words in told
    assert "\n" not in told


def test_a_python_that_would_do_and_is_here_is_named():
    told = refusal(machine(version=(3, 8, 0), others=["python3.14", "python3.12"]))
    on_arm = refusal(machine(version=(3, 8, 0), processor="aarch64", others=["python3.11"]))

    assert told.endswith("There is another one here: give PYTHON=python3.14 to make.")
    assert on_arm.endswith("Install Python 3.14, and give PYTHON=python3.14 to make.")


def test_make_refuses_a_python_that_is_too_old_before_it_installs_anything(tmp_path):
    old = tmp_path / "python-of-before"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c \'import runpy, sys; sys.version_info = (3, 8, 10, "final", 0);'
        ' sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")\' "$@"\n',
        encoding="utf-8",
    )
    old.chmod(0o755)
    ended = subprocess.run(
        ["make", "setup", f"PYTHON={old}", f"VENV={tmp_path / 'environment'}"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}},
    )

    assert ended.returncode != 0
    assert ended.stderr.splitlines()[0].startswith("Python 3.8.10 is too old for Quitanda here")
    assert "Installing" not in ended.stdout
    assert not (tmp_path / "environment").exists()


def test_every_image_is_made_from_one_python_that_x86_and_arm_machines_can_install_with():
    bases = {
        base
        for file in ROOT.glob("*/**/Dockerfile")
        for base in re.findall(r"python:\d[\w.-]+", file.read_text("utf-8"))
    }
    (base,) = bases
    version = tuple(int(part) for part in re.match(r"python:(\d+)\.(\d+)-slim-trixie$", base).groups())

    assert OLDEST["Linux", "aarch64"] <= version <= NEWEST
    assert OLDEST["Linux", "x86_64"] <= version <= NEWEST
