"""The examples that the documentation prints, and how tests run them."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
GUIDE, SCHEMA = DOCS / "YOUR_OWN_CLIENT.md", DOCS / "SCHEMA.md"
SECONDS_MAX = 90


def block(page, language, sign):
    """Give the one block of this language that holds a sign."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = [text for text in blocks if sign in text]
    return found


async def run(*command, folder, environment=None):
    """Run a program to its end, with more variables; give its exit code and what it printed."""
    pipe = asyncio.subprocess.PIPE
    variables = os.environ | (environment or {})
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=variables, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(SECONDS_MAX):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def needs(*tools):
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
