"""Another version of Quitanda, taken from the repository's history and installed beside this one.

Everything is kept in `build/versions/COMMIT`: the files of that commit, and the virtual environment that its own
`make setup` made. It is made once, and `make clean` removes it.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
VERSIONS: Final = ROOT / "build" / "versions"
SETUP_SECONDS: Final = 600
PREVIOUS_FILE: Final = Path(__file__).with_name("PREVIOUS")
EXTRACTED: Final = ".extracted"
_MAKES_OWN: Final = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "VIRTUAL_ENV", "PYTHONPATH")
"""Variables of the run that asks, which would reach into the other version's `make`."""


class VersionMissing(Exception):
    """The commit is not in this clone, or cannot be installed; the text says what to do."""


@dataclass(frozen=True, slots=True)
class InstalledVersion:
    """The files of a version, and the Python that runs them."""

    name: str
    tree: Path
    python: Path
    path: str = ""
    """PYTHONPATH of its processes, where its packages are not installed."""

    def module(self, module: str) -> tuple[str, ...]:
        """Return the command that runs a module of this version."""
        return (str(self.python), "-P", "-m", module)


def previous() -> str:
    """Return the full hash of the version before this one, which may share a cluster with it."""
    return PREVIOUS_FILE.read_text(encoding="ascii").strip()


def present() -> InstalledVersion:
    """Return the version that runs these tests."""
    return InstalledVersion("present", ROOT, Path(sys.executable))


def installed(commit: str) -> InstalledVersion:
    """Return the version of the commit; the first call makes it, which takes about a minute.

    VersionMissing where the repository's history does not have the commit, or its `make setup` fails.
    """
    version = extracted(commit)
    with _locked(version.tree):
        _set_up(version.tree)
    return version


def extracted(commit: str) -> InstalledVersion:
    """Return the version of the commit with its files alone: enough to make images of it, not to run processes.

    VersionMissing where the repository's history does not have the commit.
    """
    commit = full_hash(commit)
    folder = VERSIONS / commit
    with _locked(folder):
        if not (folder / EXTRACTED).exists():
            shutil.rmtree(folder, ignore_errors=True)
            _extract(commit, folder)
            (folder / EXTRACTED).touch()
    return InstalledVersion(commit[:7], folder, folder / ".venv" / "bin" / "python")


def full_hash(commit: str) -> str:
    """Return the full hash of a commit that is in this clone. VersionMissing where it is not."""
    found = _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if found.returncode == 0:
        return found.stdout.decode().strip()
    shallow = _git("rev-parse", "--is-shallow-repository")
    if shallow.returncode != 0:
        raise VersionMissing(f"commit {commit} is needed, and {ROOT} is not a clone with a history")
    advice = "`git fetch --unshallow`" if shallow.stdout.strip() == b"true" else "`git fetch`"
    raise VersionMissing(f"commit {commit} is not in this clone: get it with {advice}")


def _extract(commit: str, folder: Path) -> None:
    archive = _git("archive", "--format=tar", commit)
    if archive.returncode != 0:
        raise VersionMissing(f"commit {commit} cannot be read: {archive.stderr.decode(errors='replace').strip()}")
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)


def _set_up(folder: Path) -> None:
    """Let the version's own `make setup` make its virtual environment, where it is not there yet."""
    environment = {name: value for name, value in os.environ.items() if name not in _MAKES_OWN}
    made = subprocess.run(
        ["make", "setup", f"PYTHON={sys.executable}", "VENV=.venv"],
        cwd=folder,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SETUP_SECONDS,
    )
    if made.returncode != 0:
        raise VersionMissing(f"`make setup` failed in {folder}: {made.stdout.decode(errors='replace').strip()}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make a version."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True)
