"""Make the virtual environment: `PYTHON virtual_environment.py VENV SOURCE_ONLY MEMBER...`, in the repository's root.

Everything comes from the hash-locked requirements, as wheels, but for the packages SOURCE_ONLY (joined by commas),
which are published as source. What pip says goes to VENV/install.log; where it fails, one line says why and what to do.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

PIP: Final = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q", "--progress-bar=off")
TRIES_AGAIN: Final = ("--retries", "1")
"""For what is installed first: enough to find out whether there is a network. pip alone would try for 40 seconds."""

NOT_REACHED: Final = re.compile(
    r"Temporary failure in name resolution|Name or service not known|nodename nor servname provided, or not known"
    r"|No address associated with hostname|Network is unreachable|No route to host|Connection refused|Connection reset"
    r"|(?:connect|read) timed? ?out|timed out|Tunnel connection failed: [^'\")]*|Cannot connect to proxy"
    r"|CERTIFICATE_VERIFY_FAILED",
    re.IGNORECASE,
)
DISK_FULL: Final = "No space left on device"
OTHER_HASH: Final = "DO NOT MATCH THE HASHES"


class InstallationFailed(Exception):
    """The text says why, and what to do, in one line."""


def main(arguments: list[str]) -> int:
    """Make it, or say why not; give the exit code."""
    folder, source_only, *members = arguments
    try:
        install(Path(folder), source_only, members)
    except InstallationFailed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


def install(folder: Path, source_only: str, members: list[str]) -> None:
    """Make the environment in the folder. Raises InstallationFailed."""
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(folder)], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if made.returncode != 0:
        raise InstallationFailed(explain(made.stdout.decode(errors="replace"), f"`{sys.executable} -m venv {folder}`"))
    locked = ("--require-hashes", "--only-binary=:all:")
    own = [word for member in members for word in ("-e", f"./{member}")]
    with (folder / "install.log").open("wb") as log:
        for options in (
            (*TRIES_AGAIN, *locked, "-r", "requirements/build.lock"),
            ("--no-build-isolation", *locked, f"--no-binary={source_only}", "-r", "requirements/dev.lock"),
            ("--no-deps", "--no-build-isolation", "--no-index", *own),
        ):
            command = [str(folder / "bin" / "python"), *PIP, *options]
            ended = subprocess.run(command, check=False, stdout=log, stderr=subprocess.STDOUT)
            if ended.returncode != 0:
                raise InstallationFailed(explain(Path(log.name).read_text(errors="replace"), log.name))


def explain(said: str, where: str) -> str:
    """Give the true reason out of what pip said, and the next step; `where` is where all of it stands."""
    if DISK_FULL in said:
        return f"The packages cannot be installed: the disk is full. Make room, and give the command again ({where})."
    if OTHER_HASH in said:
        return f"A package is not the one that was locked, so nothing of it was installed; {where} names it."
    if reached := NOT_REACHED.search(said):
        return (
            f"The packages cannot be fetched: no way to the package index ({reached[0]}). Check the network, the proxy "
            f"(HTTPS_PROXY) and pip's own settings (pip config list), and give the command again ({where})."
        )
    errors = [line.strip() for line in said.splitlines() if "error" in line.lower()] or said.strip().splitlines()[-1:]
    return f"The packages cannot be installed: {errors[-1] if errors else 'no reason was given'} ({where})."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
