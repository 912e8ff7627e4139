"""The rules of the house that no linter knows; each failure says what to do."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
"""`make check` runs these in any case."""


ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
BANNED_NAMES = {"utils", "helpers", "common", "manager", "misc", "util", "helper"}
ABSOLUTE_PATH_OF_A_MACHINE = re.compile(r"(?<![\w.~/-])/(work|root|farm|home)/\w")


def tracked(*patterns: str) -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


def product_modules() -> list[Path]:
    return [path for path in tracked("*.py") if "_pb2" not in path.name and "tests" not in path.parts]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_product_module_is_small_enough_to_be_one_idea():
    long = {relative(p): n for p in product_modules() if (n := len(p.read_text().splitlines())) > MODULE_LINES_MAX}

    assert long == {}, f"cut these along their ideas; at most {MODULE_LINES_MAX} lines"


def test_every_function_fits_a_screen():
    long = {}
    for path in product_modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long[f"{relative(path)}:{node.lineno} {node.name}"] = lines

    assert long == {}, f"at most {FUNCTION_LINES_MAX} lines: keep the control flow, move the leaves out"


def test_no_module_is_named_after_nothing():
    nameless = [relative(p) for p in tracked("*.py") if p.stem in BANNED_NAMES or p.parent.name in BANNED_NAMES]

    assert nameless == [], "name it after what it is, or move it to its only user"


def test_nothing_is_left_for_later():
    marker = re.compile("TO" + "DO|FIX" + r"ME|\bXX" + "X\\b|NotImplementedError")
    here = Path(__file__)
    left = [
        relative(p)
        for p in tracked("*.py", "Makefile", "*.proto")
        if p != here and "_pb2" not in p.name and marker.search(p.read_text())
    ]

    assert left == [], "finish it, or take it out"


def test_no_test_sleeps_instead_of_waiting():
    bare = re.compile(r"time\.sleep\(\s*[1-9]|asyncio\.sleep\(\s*[1-9]")
    here = Path(__file__)
    sleeping = [
        relative(p)
        for p in tracked("*/tests/*.py", "integration-tests/*.py")
        if p != here and bare.search(p.read_text())
    ]

    assert sleeping == [], "wait for a condition with a deadline"


LOG_METHODS = {"debug", "info", "warning", "error", "exception"}
SNAKE_CASE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


def events_of(path):
    """Give the texts with which a module logs."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOG_METHODS:
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if name in {"log", "_log"} and node.args:
                yield from (
                    each.value
                    for each in ast.walk(node.args[0])
                    if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )


def test_every_event_of_a_log_is_one_word_in_snake_case():
    modules = tracked("core/src/*.py", "services/admin-portal/src/*.py", "services/client-portal/src/*.py")
    events = {(relative(path), event) for path in modules for event in events_of(path)}

    assert len(events) > 20
    assert [each for each in events if not SNAKE_CASE.fullmatch(each[1])] == []


def test_no_file_names_a_path_of_one_machine():
    here = Path(__file__)
    named = [
        relative(p)
        for p in tracked("*.py", "*.toml", "*.md", "*.in", "*.lock", "*.yml", "Makefile", "*.sh", ".ci/*")
        if p != here and ABSOLUTE_PATH_OF_A_MACHINE.search(p.read_text())
    ]

    assert named == []


@pytest.mark.parametrize("lock", sorted(relative(p) for p in tracked("*.lock")))
def test_locks_hold_hashes_and_no_addresses(lock):
    text = (ROOT / lock).read_text()
    pins = [line for line in text.splitlines() if re.match(r"^[a-z0-9]", line)]

    assert "://" not in text
    assert pins
    assert all(line.rstrip().endswith("\\") for line in pins), "every pin is followed by its hashes"


def test_every_member_has_the_version_of_the_newest_release():
    released = re.search(r"^## (\d+\.\d+\.\d+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    versions = {
        relative(path): project["version"]
        for path in tracked("*pyproject.toml")
        if (project := tomllib.loads(path.read_text()).get("project"))
    }

    assert released
    assert len(versions) >= 6
    assert set(versions.values()) == {released[1]}, versions


def test_no_name_of_a_class_means_two_things():
    """Private classes, and those of test files, have their module beside them and do not count."""
    defined = {}
    for path in tracked("core/src/*.py", "services/*/src/*.py", "clients/src/*.py", "deploy/*.py", "testing/src/*.py"):
        if "_pb2" in path.name or "tests" in path.parts:
            continue
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined.setdefault(node.name, []).append(relative(path))

    assert len(defined) > 200
    assert {name: paths for name, paths in defined.items() if len(paths) > 1} == {}, "give one of them another name"
