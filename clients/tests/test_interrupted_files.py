"""Ctrl-C while a file is read or written, and what an export shows and leaves behind."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from command_line import admin
from program_processes import PseudoTerminal, finished, started

from quitanda.domain.model import Product

pytestmark = pytest.mark.slow

PRODUCTS = 1_200
"""More than two pages, and more than a pipe holds."""


@pytest.fixture(autouse=True)
def stocked(shop):
    for number in range(PRODUCTS):
        product_id = f"p{number:04d}"
        shop.products[product_id] = Product(product_id, f"Product {number}", "as described" * 10, 100, 7, (), 1)
    shop.revision = 1_300
    return shop


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_ctrl_c_ends_an_export_whose_pipe_nobody_reads(portal, tmp_path, form):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    async with started(portal, "export", "products", pipe, "--format", form, "--force") as process:
        with await asyncio.to_thread(Path.open, pipe, "rb") as read:
            assert await asyncio.to_thread(read.read, 1)  # the file is being written, and soon the pipe is full
            process.send_signal(signal.SIGINT)
            code, _, said = await finished(process)

    assert code == 130
    assert f"Interrupted while {pipe} was written. Give the same command again" in said


async def test_ctrl_c_ends_an_import_that_waits_for_its_file(portal, tmp_path):
    pipe = tmp_path / "products.csv"
    os.mkfifo(pipe)
    async with started(portal, "product", "import", pipe, "--json") as process:
        with await asyncio.to_thread(Path.open, pipe, "wb"):  # which succeeds as soon as the import opens its file
            process.send_signal(signal.SIGINT)
            code, _, said = await finished(process)

    assert (code, json.loads(said)["error"]["reason"]) == (130, "INTERRUPTED")
    assert portal.calls == []


async def test_an_export_shows_how_much_is_fetched_and_then_how_much_is_written(portal, tmp_path):
    terminal = PseudoTerminal()
    streams = {"stderr": terminal.end, "env": terminal.environment}
    async with started(portal, "export", "products", tmp_path / "products.csv", **streams) as process:
        terminal.close_end()
        rest = asyncio.create_task(terminal.rest())
        code, _, _ = await finished(process)
        shown = await rest

    fetched, written = shown.rsplit("exporting", 1)[1].split("writing", 1)
    assert code == 0
    assert f" {PRODUCTS}/" in fetched.replace("\x1b[32m", " ")
    assert f"{PRODUCTS}/{PRODUCTS}" in written


async def test_an_export_that_cannot_be_written_leaves_no_pages(portal, tmp_path):
    """Nothing can go on from them, and where the disk is full they would keep it full."""
    name = "x" * 243 + ".csv"  # its pages have a name that is short enough, the file beside it has not
    failed = await admin(portal, "export", "products", tmp_path / name)

    assert failed.exit_code == 3
    assert "File name too long" in failed.stderr
    assert list(tmp_path.iterdir()) == []
