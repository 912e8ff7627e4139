"""A copy of the repository's files in which mistakes are made; the working tree is only read."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutants.mutant import LIBRARY, Mutant

ROOT = Path(__file__).resolve().parents[2]


class Tree:
    """One copy, and what a process needs in its environment so that the copy's code is what it imports."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        self.temporary = folder / "temporary"
        for name in _files_of_the_repository():
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
        shutil.copytree(_installed(LIBRARY), self.root / LIBRARY, ignore=shutil.ignore_patterns("__pycache__"))

    @property
    def environment(self) -> dict[str, str]:
        """The own environment with the copy's packages before the installed ones, for child processes too."""
        sources = [path for depth in ("*/src", "*/*/src") for path in sorted(self.root.glob(depth))]
        return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (self.root, *sources)))}

    @contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[None]:
        """Hold the mistake for a while. Raises Outdated."""
        path = self.root / mutant.file
        text = path.read_text(encoding="utf-8")
        self._write(path, mutant.applied(text))
        try:
            yield
        finally:
            self._write(path, text)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        # two texts of the same length within the same second look the same to whoever keeps compiled modules
        Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)


def text_of(mutant: Mutant) -> str:
    """Return the text of the mutant's file as it is in the working tree, or in the installed library."""
    inside = Path(mutant.file)
    path = _installed(LIBRARY).parent / inside if inside.parts[0] == LIBRARY else ROOT / inside
    return path.read_text(encoding="utf-8")


def _files_of_the_repository() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def _installed(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(package)
    return Path(found.origin).parent
