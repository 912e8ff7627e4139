"""Small libraries in C that tests preload into processes of their own (LD_PRELOAD)."""

import os
import shutil
import subprocess
from pathlib import Path


def compiler() -> str | None:
    """Path of a C compiler, or None where the machine has none."""
    return shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")


def build(source: Path, folder: Path) -> Path:
    """Compile the C source, which may include `preloaded_clock.h`, into the folder; return the library."""
    library = folder / source.with_suffix(".so").name
    command: list[str | Path] = [
        compiler() or "cc",
        "-shared",
        "-fPIC",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        f"-I{Path(__file__).parent}",
        "-o",
        library,
        source,
    ]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return library
