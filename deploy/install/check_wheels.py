"""Verify that what is locked can be installed wherever Quitanda is supported.

`python check_wheels.py UV SOURCE_ONLY LOCK...`: uv resolves each lock file anew for each platform and Python, from
wheels alone (the packages SOURCE_ONLY, joined by commas, are published as pure source) and with the hashes that are
locked, and downloads nothing. Exit code 1 names what is missing.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from supported import GLIBC_OLDEST, NEWEST, OLDEST

UV_PLATFORMS: Final = {
    ("Linux", "x86_64"): f"x86_64-manylinux_{GLIBC_OLDEST[0]}_{GLIBC_OLDEST[1]}",
    ("Linux", "aarch64"): f"aarch64-manylinux_{GLIBC_OLDEST[0]}_{GLIBC_OLDEST[1]}",
    ("Darwin", "arm64"): "aarch64-apple-darwin",
}
"""What uv calls each platform."""
AT_A_TIME: Final = 2


def targets() -> Iterator[tuple[str, str]]:
    """Every supported platform, as uv calls it, with every Python that is supported there."""
    for machine, oldest in OLDEST.items():
        for minor in range(oldest[1], NEWEST[1] + 1):
            yield UV_PLATFORMS[machine], f"{NEWEST[0]}.{minor}"


def missing(uv: str, source_only: str, lock: str, platform: str, python: str) -> str:
    """Say what of the lock file cannot be installed there; empty where all of it can."""
    options = ["--only-binary", ":all:", "--no-deps", "--require-hashes", "--python-platform", platform]
    for name in source_only.split(","):
        options += ["--no-binary", name]
    with tempfile.TemporaryDirectory() as nowhere:
        ended = subprocess.run(
            [uv, "pip", "install", "--dry-run", "--target", nowhere, "--python-version", python, *options, "-r", lock],
            check=False,
            capture_output=True,
            text=True,
        )
    if ended.returncode == 0:
        return ""
    reasons = [
        line.strip() for line in ended.stderr.splitlines() if line.strip().startswith(("cause:", "error:", "╰─▶"))
    ]
    return f"{lock}, {platform}, Python {python}: {reasons[-1] if reasons else ended.stderr.strip()}"


def main(arguments: list[str]) -> int:
    """Verify all; give the exit code."""
    uv, source_only, *locks = arguments
    asked = [(lock, *target) for lock in locks for target in targets()]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = [told for told in pool.map(lambda one: missing(uv, source_only, *one), asked) if told]
    if found:
        sys.stderr.write("Not everything that is locked can be installed where Quitanda is supported:\n")
        sys.stderr.writelines(f"  {line}\n" for line in found)
        return 1
    sys.stdout.write(f"{len(locks)} lock files can be installed on all {len(list(targets()))} platforms and Pythons.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
