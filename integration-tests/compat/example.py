"""The example of docs/COURSE.md, run as a program that knows the contract's file and nothing else of ours."""

import asyncio
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from compat.documented import example

CONTRACT = Path(__file__).parents[2] / "proto" / "quitanda" / "course"
PRINTED = re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE)
ADMIN_PORTAL = "127.0.0.1:7101"
ORDER_PORTAL = "127.0.0.1:7103"


async def run_example(folder: Path, addresses: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Make the stubs and run the program in a folder, with other addresses than the documented ones.

    Returns the lines that it printed, and those that it says it prints.
    """
    program = example()
    for documented, address in addresses.items():
        assert documented in program
        program = program.replace(documented, address)
    (folder / "example.py").write_text(program, encoding="utf-8")
    stubs = ("--python_out=.", "--grpc_python_out=.", "contract.proto")
    await _python("-m", "grpc_tools.protoc", "-I", str(CONTRACT), *stubs, folder=folder)
    printed = await _python("example.py", folder=folder)
    return printed.splitlines(), PRINTED.findall(program)


async def _python(*arguments: str, folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments), cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return stdout.decode()
