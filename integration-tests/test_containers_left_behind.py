"""Nothing of a run stays in Docker: not when it ends, and not when somebody ends it at a bad moment."""

import asyncio
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
import pytest

from quitanda_local.waiting import wait_until
from quitanda_testing.cluster.kinds import make
from quitanda_testing.containers.docker_run import LABEL, OWNER_LABEL

pytestmark = pytest.mark.containers_only

SCENARIO = "test_across_portals.py"
FOLDER = Path(__file__).parent
BEGUN_SECONDS = 60.0
GONE_SECONDS = 90.0
CONTAINERS_FOR_A_MOMENT_IN_THE_MIDDLE = 3


@pytest.fixture
def engine():
    with closing(docker.from_env()) as client:
        yield client


def carrying(engine, label):
    """Everything in Docker that carries the label, by kind."""
    filters = {"label": label}
    return {
        "containers": engine.containers.list(all=True, filters=filters, ignore_removed=True),
        "networks": engine.networks.list(filters=filters),
        "volumes": engine.volumes.list(filters=filters),
    }


def names(found):
    return {kind: [thing.name for thing in things] for kind, things in found.items() if things}


def loop_devices(found):
    options = [volume.attrs.get("Options") or {} for volume in found["volumes"]]
    return [device for option in options if (device := option.get("device", "")).startswith("/dev/loop")]


async def wait_until_gone(engine, label):
    left = {}

    async def nothing_left():
        left.clear()
        left.update(names(await asyncio.to_thread(carrying, engine, label)))
        return not left

    await wait_until(nothing_left, f"everything with the label {label} to be removed", GONE_SECONDS, lambda: str(left))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
async def test_scenarios_that_are_interrupted_while_their_cluster_starts_leave_nothing_behind(engine, end):
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", FOLDER / SCENARIO),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    label = f"{OWNER_LABEL}={run.pid}"

    async def half_started():
        assert run.returncode is None, "the run ended before it was to be interrupted"
        found = await asyncio.to_thread(carrying, engine, label)
        return len(found["containers"]) >= CONTAINERS_FOR_A_MOMENT_IN_THE_MIDDLE and found

    found = await wait_until(half_started, "the run to start containers", BEGUN_SECONDS)
    run.send_signal(end)
    async with asyncio.timeout(GONE_SECONDS):
        await run.wait()

    await wait_until_gone(engine, label)
    behind = {device: backing_file(device) for device in loop_devices(found)}
    assert [device for device, file in behind.items() if file.endswith("(deleted)")] == []


def backing_file(device):
    """Name the file behind a loop device of this machine; '' where it has let go of it, or is another's machine's."""
    file = Path("/sys/block") / Path(device).name / "loop" / "backing_file"
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


async def test_a_cluster_that_was_closed_has_left_nothing_behind(engine, tmp_path):
    cluster: Any = make(tmp_path, breakable_disks=True)
    label = f"{LABEL}={cluster.run_id}"
    made = names(carrying(engine, label))
    cluster.close()

    assert set(made) == {"networks", "volumes"}
    assert names(carrying(engine, label)) == {}
