"""What `make lock` verifies of the lock files."""

import re
import sys
from pathlib import Path

import check_wheels
import pytest
from packaging.markers import Marker
from supported import NEWEST, OLDEST

ROOT = Path(__file__).parents[3]
NOT_EVERYWHERE = """
import sys
there = sys.argv[sys.argv.index("--python-platform") + 1], sys.argv[sys.argv.index("--python-version") + 1]
if there == ("aarch64-apple-darwin", "3.14"):
    sys.exit("error: No solution found\\n  cause: Because thing==1 has no usable wheels\\n\\nhint: none")
"""


def uv(folder, text):
    program = folder / "uv"
    program.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    program.chmod(0o755)
    return str(program)


def test_every_python_is_asked_for_on_every_platform():
    assert len(set(check_wheels.targets())) == sum(NEWEST[1] - oldest[1] + 1 for oldest in OLDEST.values())


def test_what_is_published_everywhere_passes(tmp_path, capsys):
    assert check_wheels.main([uv(tmp_path, ""), "pysyncobj", "dev.lock"]) == 0
    assert "can be installed on all" in capsys.readouterr().out


def test_a_package_without_a_wheel_somewhere_is_named_with_the_place(tmp_path, capsys):
    assert check_wheels.main([uv(tmp_path, NOT_EVERYWHERE), "pysyncobj", "dev.lock"]) == 1
    told = capsys.readouterr().err.splitlines()

    assert told[1:] == [
        "  dev.lock, aarch64-apple-darwin, Python 3.14: cause: Because thing==1 has no usable wheels",
    ]


@pytest.mark.parametrize("lock", ["dev", "replica"])
def test_one_way_to_leveldb_is_locked_for_every_supported_place(lock):
    pins = re.findall(
        r"^(plyvel[-a-z]*)==\S+ ; (.*) \\$", (ROOT / "requirements" / f"{lock}.lock").read_text(), re.MULTILINE
    )
    found = {}
    for (system, processor), oldest in OLDEST.items():
        for minor in range(oldest[1], NEWEST[1] + 1):
            place = {
                "python_version": f"3.{minor}",
                "python_full_version": f"3.{minor}.0",
                "sys_platform": system.lower(),
                "platform_machine": processor,
            }
            found[system, processor, minor] = [name for name, rule in pins if Marker(rule).evaluate(place)]

    of_intel = {minor: found.pop(("Linux", "x86_64", minor)) for minor in range(11, NEWEST[1] + 1)}
    assert all(names == ["plyvel-next"] for names in found.values())
    both = ["plyvel", "plyvel-next"] if lock == "dev" else ["plyvel"]  # the tests compare the two
    assert of_intel == {11: ["plyvel"], 12: both, 13: ["plyvel-next"], 14: ["plyvel-next"]}
