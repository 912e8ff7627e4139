"""The shared package is what its README says, and no more."""

import re
from pathlib import Path

import quitanda

PACKAGE = Path(quitanda.__file__).parent
README = Path(__file__).parents[1] / "README.md"
OPEN = ("codec", "runtime")


def modules_in(folder):
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_the_readme_lists_every_shared_module_and_no_other():
    there = modules_in(PACKAGE) | {f"{name}.{module}" for name in OPEN for module in modules_in(PACKAGE / name)}
    listed = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", README.read_text(), re.MULTILINE))

    assert listed == there, "a new shared module needs a line in the README and in ADR 0009"
