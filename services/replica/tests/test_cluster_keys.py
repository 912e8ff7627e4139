"""Keys that come from the cluster's secret: slow to guess from, each for one use only."""

import ast
import hashlib
import hmac
from itertools import combinations
from pathlib import Path

import pytest

import quitanda_replica
from quitanda_replica import cluster_keys
from quitanda_replica.cluster_keys import KEY_BYTES, KeyLabel, derive_key

SECRET = "a secret of the tests"
SOURCES = Path(quitanda_replica.__file__).parent


@pytest.mark.parametrize("label", KeyLabel)
def test_a_key_is_expanded_from_the_slow_master_under_its_label(label):
    master = hashlib.scrypt(SECRET.encode(), salt=b"quitanda raft", n=16384, r=8, p=1, dklen=32)
    expanded = hmac.digest(master, label.value + b"\x01", "sha256")  # RFC 5869, section 2.3, one block

    assert derive_key(SECRET, label) == expanded
    assert len(expanded) == KEY_BYTES


@pytest.mark.parametrize(("one", "another"), list(combinations(KeyLabel, 2)))
def test_no_two_uses_share_a_key(one, another):
    assert derive_key(SECRET, one) != derive_key(SECRET, another)


def test_another_secret_gives_other_keys():
    assert derive_key(SECRET, KeyLabel.PAGE_TOKENS) != derive_key(SECRET + "!", KeyLabel.PAGE_TOKENS)


def test_the_master_is_derived_once_for_all_uses():
    cluster_keys._master_key.cache_clear()
    for label in KeyLabel:
        derive_key(SECRET, label)

    assert cluster_keys._master_key.cache_info().misses == 1


def turns_a_secret_into_bytes(call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(attr="encode", value=value):
            return "secret" in ast.unparse(value).lower()
    return False


def test_only_this_module_turns_the_secret_into_bytes():
    """So nothing else can hash it, seal with it, or send it."""
    turning = {
        path.name
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and turns_a_secret_into_bytes(node)
    }

    assert turning == {"cluster_keys.py"}
