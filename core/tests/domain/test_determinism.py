"""The same log leads to the same state in every process, and the rules can do nothing that might differ."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import quitanda.domain

LOG = Path(__file__).parents[1] / "replayed_log.py"
MODULES = sorted(Path(quitanda.domain.__file__).parent.glob("*.py"))
# what the rules take from `compiled`, which alone may compile, and decides nothing
COMPILED = {"changer", "difference_adder", "fast_init", "presence_adder"}
DECIDING = [module for module in MODULES if module.stem not in {"invariants", "compiled"}]
ALLOWED_IMPORTS = {"bisect", "collections.abc", "dataclasses", "enum", "hashlib", "itertools", "re", "typing"}
BANNED_CALLS = {"eval", "exec", "float", "frozenset", "hash", "id", "input", "open", "print", "round", "set"}


def replay(hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, LOG], env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_a_log_leads_to_the_same_state_under_every_hash_seed():
    digests = {replay(seed) for seed in ("0", "1", "2", "4294967295")}

    assert len(digests) == 1
    assert len(digests.pop()) == 32


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_rules_import_only_data_types_of_the_standard_library(module):
    imported = []
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.append(node.module)

    foreign = [name for name in imported if name not in ALLOWED_IMPORTS and not name.startswith("quitanda.domain")]
    assert foreign == []


@pytest.mark.parametrize("module", DECIDING, ids=lambda module: module.stem)
def test_what_decides_uses_no_set_no_float_and_nothing_outside_itself(module):
    suspicious = []
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Set() | ast.SetComp() | ast.Div() | ast.Constant(value=float() | complex()) | ast.Global():
                suspicious.append(ast.dump(node))
            case ast.Call(func=ast.Name(id=name)) if name in BANNED_CALLS:
                suspicious.append(name)
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                suspicious.append(ast.dump(node))

    assert suspicious == []


@pytest.mark.parametrize("module", DECIDING, ids=lambda module: module.stem)
def test_what_decides_compiles_records_at_import_and_never_while_it_decides(module):
    tree = ast.parse(module.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    taken = [node for node in imports if node.module == "quitanda.domain.compiled"]
    names = {alias.name for node in taken for alias in node.names}
    bodies = [each for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for each in node.body]
    used = {node.id for body in bodies for node in ast.walk(body) if isinstance(node, ast.Name)}

    assert names <= COMPILED
    assert not used & COMPILED
