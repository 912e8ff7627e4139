"""The examples of clients/README.md, run as they are printed."""

import asyncio
import os
import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "clients" / "README.md"
SECONDS_MAX = 60


async def run(cluster, program):
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), env=os.environ | cluster.callers.environment(), stdout=pipe, stderr=pipe
    )
    async with asyncio.timeout(SECONDS_MAX):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_examples_run_as_they_are_printed(cluster):
    script, asynchronous = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    first = await run(cluster, script)
    second = await run(cluster, asynchronous)

    assert first == (0, "OUT_OF_STOCK 38\n", "")
    assert (second[0], second[1].split()[0], second[1].split()[-1], second[2]) == (0, "Eva", "1", "")
