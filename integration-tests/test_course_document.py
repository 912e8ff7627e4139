"""docs/COURSE.md tells the truth: its table is the code's, and its example does what it says."""

import asyncio
import re
import sys
from pathlib import Path

from course.documented import NUMBERS, example

from quitanda.course.errors import ERROR_NUMBERS
from quitanda_local.cluster import Door

CONTRACT = Path(__file__).parents[1] / "proto" / "quitanda" / "course"
DOORS = {"127.0.0.1:7101": "admin_portals", "127.0.0.1:7103": "client_portals"}


def test_the_documented_numbers_are_those_of_the_code():
    assert {str(reason): number for reason, number in ERROR_NUMBERS.items()} == NUMBERS


async def test_the_documented_example_prints_what_it_says(cluster, tmp_path):
    program = example()
    for documented, portals in DOORS.items():
        assert documented in program
        program = program.replace(documented, cluster.address(getattr(cluster, portals)[0], Door.COURSE))
    (tmp_path / "example.py").write_text(program)
    await run(
        *("-m", "grpc_tools.protoc", "-I", str(CONTRACT)),
        *("--python_out=.", "--grpc_python_out=.", "contract.proto"),
        cwd=tmp_path,
    )

    printed = await run("example.py", cwd=tmp_path)

    assert printed.splitlines() == re.findall(r"^ *print\(.*\)  # (.*)$", program, re.MULTILINE)


async def run(*arguments, cwd):
    """Run Python as a program of its own that knows nothing of ours; give what it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments), cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    stdout, stderr = await process.communicate()
    assert process.returncode == 0, stderr.decode()
    return stdout.decode()
