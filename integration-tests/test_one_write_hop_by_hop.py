"""The table "One write, hop by hop" of docs/ARCHITECTURE.md, held against the calls of one command."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from quitanda_clients.connecting import Transport

ROOT = Path(__file__).resolve().parents[1]
TRACER = Path(__file__).parent / "traced_calls"
ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"
SECONDS_MAX = 60
_HOP = re.compile(
    r"^\| \d+ \| (?P<process>[a-z ]+) \| \[`[^`]+`\]\(\.\./(?P<file>[^)]+)\) \| `(?P<function>[^`]+)` \|", re.MULTILINE
)

pytestmark = pytest.mark.processes_only(reason="the processes are started with a tracer")


def hops():
    """Give the rows of the table: which process, which file, which function."""
    return [(row["process"], row["file"], row["function"]) for row in _HOP.finditer(ARCHITECTURE.read_text("utf-8"))]


def called_by(folder, *names):
    """Give what the processes of these names called, each of them."""
    lists = [path for path in folder.glob("*.json") if path.name.split(".")[0] in names]
    assert lists, f"no list of {names} in {sorted(path.name for path in folder.iterdir())}"
    return [set(json.loads(path.read_text(encoding="utf-8"))) for path in lists]


async def set_an_item(client, order_id, product_id, environment):
    """Run the command as people do, with the tracer."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quitanda_clients.shop", "--customer", client.customer_id, "order", "set"),
        *(order_id, product_id, "3"),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS_MAX):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


async def test_each_hop_of_the_table_is_called_by_the_process_that_it_names(new_cluster, shops, tmp_path):
    traced = {"PYTHONPATH": str(TRACER), "TRACED_CALLS": str(tmp_path), "TRACED_ROOT": f"{ROOT}/"}
    async with new_cluster(**traced) as cluster:
        await cluster.start()
        async with shops(cluster) as shop:
            client, product = await shop.customer(Transport.GRPC), await shop.product()
            order_id = (await client.create_order()).document.order_id
            reaching = cluster.callers.environment(client.customer_id)
            leader = await cluster.leader()
            await set_an_item(client, order_id, product.product_id, traced | reaching)
            assert await cluster.leader() == leader

    followers = [name for name in cluster.replicas if name != leader]
    called = {
        "client": called_by(tmp_path, "client"),
        "client portal": [set.union(*called_by(tmp_path, *cluster.client_portals))],
        "every portal": called_by(tmp_path, *cluster.client_portals, *cluster.admin_portals),
        "leader": called_by(tmp_path, leader),
        "followers": called_by(tmp_path, *followers),
        "every replica": called_by(tmp_path, *cluster.replicas),
    }
    missing = [hop for hop in hops() for calls in called[hop[0]] if f"{hop[1]}:{hop[2]}" not in calls]
    assert len(hops()) >= 20
    assert missing == []
