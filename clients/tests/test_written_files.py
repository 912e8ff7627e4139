"""Files that commands write: what has the name already, and what the file system cannot do."""

import asyncio
import os
import platform
from pathlib import Path

import pytest
from backup_parts import parts
from command_line import admin
from no_hard_links import NO_SYSTEM_CALL, without_hard_links
from program_processes import SECONDS_MAX, finished, started

pytestmark = pytest.mark.slow

FIRST_LINE = b"Quitanda backup 1\n"


@pytest.fixture(autouse=True)
def backed_up(shop):
    shop.backup_parts = parts()
    return shop


def device(path):
    """Numbers of the device with this name."""
    return os.major(Path(path).stat().st_rdev), os.minor(Path(path).stat().st_rdev)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
async def test_a_fifo_gets_the_backup_and_stays_a_fifo(portal, tmp_path, force):
    """With --force it was replaced by a plain file, and whoever read it waited for ever."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reading = asyncio.create_task(asyncio.to_thread(fifo.read_bytes))
    done = await admin(portal, "cluster", "backup", fifo, *force)

    assert done.exit_code == 0, done.stderr
    assert (await asyncio.wait_for(reading, SECONDS_MAX)).startswith(FIRST_LINE)
    assert fifo.is_fifo()
    assert names(tmp_path) == ["fifo"]


async def test_a_device_gets_the_backup_and_stays_a_device(portal):
    done = await admin(portal, "cluster", "backup", "/dev/null", "--force", "--json")
    full = await admin(portal, "cluster", "backup", "/dev/full", "--force", "--json")

    assert done.exit_code == 0, done.stderr
    assert done.result["keys"] == 6
    assert device("/dev/null") == (1, 3)
    assert (full.exit_code, full.error["error"]["reason"]) == (3, "NO_BACKUP")
    assert "No space left" in full.error["error"]["message"]
    assert device("/dev/full") == (1, 7)


async def test_of_a_symbolic_link_the_target_is_replaced(portal, tmp_path):
    target, link = tmp_path / "elsewhere" / "target", tmp_path / "link"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link.symlink_to(target)
    refused = await admin(portal, "cluster", "backup", link)
    forced = await admin(portal, "cluster", "backup", link, "--force")

    assert (refused.exit_code, forced.exit_code) == (2, 0)
    assert link.is_symlink()
    assert target.read_bytes().startswith(FIRST_LINE)
    assert (names(tmp_path), names(target.parent)) == (["elsewhere", "link"], ["target"])


async def test_a_link_to_nothing_is_written_where_it_points(portal, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    done = await admin(portal, "cluster", "backup", link)

    assert done.exit_code == 0
    assert link.is_symlink()
    assert (tmp_path / "target").read_bytes().startswith(FIRST_LINE)


async def test_a_backup_goes_through_standard_output_into_standard_input(portal, tmp_path):
    piped = tmp_path / "piped"
    with piped.open("wb") as stdout:
        async with started(portal, "cluster", "backup", "-", stdout=stdout) as process:
            written = await finished(process)
    with piped.open("rb") as stdin:
        async with started(portal, "backup", "inspect", "-", stdin=stdin) as process:
            read = await finished(process)

    assert written == (0, "", "")
    assert piped.read_bytes().startswith(FIRST_LINE)
    assert (read[0], read[2]) == (0, "")
    assert "5 customers" in read[1]


@pytest.mark.skipif(platform.machine() not in NO_SYSTEM_CALL, reason="the numbers of the system calls are not known")
async def test_where_the_file_system_has_no_hard_links_a_backup_is_written_all_the_same(portal, tmp_path):
    """It failed after the whole download."""
    file = tmp_path / "shop.backup"
    async with started(portal, "cluster", "backup", file, limited=without_hard_links) as process:
        first = await finished(process)
    async with started(portal, "cluster", "backup", file, limited=without_hard_links) as process:
        second = await finished(process)

    assert (first[0], first[2]) == (0, "")
    assert file.read_bytes().startswith(FIRST_LINE)
    assert second[0] == 2
    assert names(tmp_path) == ["shop.backup"]


@pytest.mark.skipif(platform.machine() not in NO_SYSTEM_CALL, reason="the numbers of the system calls are not known")
async def test_where_there_are_no_hard_links_a_backup_that_breaks_off_leaves_no_file(portal, shop, tmp_path):
    del shop.backup_parts[-1]
    file = tmp_path / "shop.backup"
    async with started(portal, "cluster", "backup", file, limited=without_hard_links) as process:
        code, _, _ = await finished(process)

    assert code == 3
    assert names(tmp_path) == []


async def test_a_file_that_somebody_else_writes_meanwhile_is_not_replaced(portal, shop, tmp_path):
    file = tmp_path / "shop.backup"
    reached, go_on = asyncio.Event(), asyncio.Event()
    shop.backup_halts = (reached, go_on)
    backing_up = asyncio.create_task(admin(portal, "cluster", "backup", file, "--json"))
    await asyncio.wait_for(reached.wait(), SECONDS_MAX)
    file.write_bytes(b"precious")
    go_on.set()
    done = await backing_up

    assert (done.exit_code, done.error["error"]["reason"]) == (3, "NO_BACKUP")
    assert file.read_bytes() == b"precious"
    assert names(tmp_path) == ["shop.backup"]
