"""What docs/YOUR_OWN_CLIENT.md and docs/SCHEMA.md tell those who write clients of their own, run as it is printed."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDE, SCHEMA = ROOT / "docs" / "YOUR_OWN_CLIENT.md", ROOT / "docs" / "SCHEMA.md"
PORTAL, BROKER = "127.0.0.1:7003", "-h 127.0.0.1 -p 7883"
SECONDS_MAX = 90


def block(page, language, sign):
    """Give the one block of this language that holds a sign."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = [text for text in blocks if sign in text]
    return found


async def run(*command, folder):
    """Run a program to its end; give its exit code and what it printed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=os.environ, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(SECONDS_MAX):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def printed(cluster, shop, tmp_path):
    """Give a function that writes a printed text for this cluster, and for ids that no other test uses."""
    client, product = await shop.customer(), await shop.product()
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    host, _, port = cluster.address(cluster.broker).rpartition(":")

    def for_here(text):
        text = text.replace(PORTAL, cluster.address(cluster.client_portals[0])).replace(BROKER, f"-h {host} -p {port}")
        return (
            text.replace('"ana"', f'"{client.customer_id}"')
            .replace("/ana/", f"/{client.customer_id}/")
            .replace("caneta", product.product_id)
        )

    return for_here


def needs(*tools):
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


async def test_the_python_client_of_the_guide_prints_what_it_says(printed, tmp_path):
    (tmp_path / "client.py").write_text(printed(block(GUIDE, "python", "ClientPortalStub")), encoding="utf-8")
    _, protoc = block(GUIDE, "sh", "grpc_tools.protoc").splitlines()
    generated = await run(sys.executable, *protoc.split()[1:], folder=tmp_path)
    assert generated[0] == 0, generated

    assert await run(sys.executable, "client.py", folder=tmp_path) == (0, "True 2\n", "")


@pytest.mark.timeout(200)
async def test_the_node_client_of_the_guide_prints_what_it_says(printed, tmp_path):
    needs("node", "npm")
    install = block(GUIDE, "sh", "npm install").split()
    installed = await run(*install, "--no-audit", "--no-fund", folder=tmp_path)
    if installed[0]:
        pytest.skip(f"npm cannot install its packages here: {installed[2][-200:]}")
    (tmp_path / "client.js").write_text(printed(block(GUIDE, "js", "ClientPortal")), encoding="utf-8")

    assert await run("node", "client.js", folder=tmp_path) == (0, "2\n", "")


async def test_the_mqtt_request_of_the_guide_is_answered(printed, tmp_path):
    needs("sh", "mosquitto_rr")
    code, out, err = await run("sh", "-c", printed(block(GUIDE, "sh", "mosquitto_rr")), folder=tmp_path)

    assert (code, json.loads(out)["result"], err) == (0, {"orders": [], "next_page_token": ""}, "")


async def test_the_mqtt_example_of_the_schema_places_an_order_and_lists_it(printed, tmp_path):
    needs("sh", "mosquitto_pub", "mosquitto_sub", "mosquitto_rr")
    code, out, err = await run("sh", "-c", printed(block(SCHEMA, "sh", "mosquitto_sub")), folder=tmp_path)
    placed, listed = map(json.loads, out.splitlines())

    assert (code, err, placed["request_id"]) == (0, "", "shell-1")
    assert [order["order_id"] for order in listed["result"]["orders"]] == [placed["result"]["order_id"]]
