"""What docs/YOUR_OWN_CLIENT.md and docs/SCHEMA.md tell those who write clients of their own, run as it is printed."""

import json
import os
import sys
from pathlib import Path

import pytest
from printed_examples import GUIDE, SCHEMA, block, needs, run

ROOT = Path(__file__).resolve().parents[1]
PORTAL, BROKER = "localhost:7003", "-h localhost -p 7883"


@pytest.fixture
def reaching(cluster):
    """Give the variables that a reader has set: our programs' folder is on PATH, as the README has it."""
    return {
        **cluster.callers.environment(),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }


@pytest.fixture
async def printed(cluster, shop, tmp_path):
    """Give a function that writes a printed text for this cluster, and for ids that no other test uses."""
    client, product = await shop.customer(), await shop.product()
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    port = cluster.address(cluster.broker).rpartition(":")[2]
    if not cluster.callers.secure:
        pytest.skip("what is printed is for clusters with identities")

    def for_here(text):
        portal = cluster.address(cluster.client_portals[0]).replace("127.0.0.1", "localhost")
        text = text.replace(PORTAL, portal).replace(BROKER, f"-h localhost -p {port}")
        return (
            text.replace('"ana"', f'"{client.customer_id}"')
            .replace("/ana/", f"/{client.customer_id}/")
            .replace("--customer ana ", f"--customer {client.customer_id} ")
            .replace("caneta", product.product_id)
        )

    return for_here


async def test_the_python_client_of_the_guide_prints_what_it_says(printed, reaching, tmp_path):
    (tmp_path / "client.py").write_text(printed(block(GUIDE, "python", "CreateOrderRequest")), encoding="utf-8")
    _, protoc = block(GUIDE, "sh", "grpc_tools.protoc").splitlines()
    generated = await run(sys.executable, *protoc.split()[1:], folder=tmp_path)
    assert generated[0] == 0, generated

    assert await run(sys.executable, "client.py", folder=tmp_path, environment=reaching) == (0, "True 2\n", "")


@pytest.mark.timeout(200)
async def test_the_node_client_of_the_guide_prints_what_it_says(printed, reaching, tmp_path):
    needs("node", "npm")
    install = block(GUIDE, "sh", "npm install").split()
    installed = await run(*install, "--no-audit", "--no-fund", folder=tmp_path)
    if installed[0]:
        pytest.skip(f"npm cannot install its packages here: {installed[2][-200:]}")
    (tmp_path / "client.js").write_text(printed(block(GUIDE, "js", "ClientPortal")), encoding="utf-8")

    assert await run("node", "client.js", folder=tmp_path, environment=reaching) == (0, "2\n", "")


async def test_the_mqtt_request_of_the_guide_is_answered(printed, reaching, tmp_path):
    needs("sh", "mosquitto_pub", "mosquitto_sub")
    script = printed(block(GUIDE, "sh", "mosquitto_sub"))
    code, out, err = await run("sh", "-c", script, folder=tmp_path, environment=reaching)

    assert (code, json.loads(out.splitlines()[-1])["result"], err) == (0, {"orders": [], "next_page_token": ""}, "")


async def test_the_mqtt_example_of_the_schema_places_an_order_and_lists_it(printed, reaching, tmp_path):
    needs("sh", "mosquitto_pub", "mosquitto_sub")
    script = printed(block(SCHEMA, "sh", "mosquitto_sub"))
    code, out, err = await run("sh", "-c", script, folder=tmp_path, environment=reaching)
    placed, listed = map(json.loads, out.splitlines()[-2:])

    assert (code, err, placed["request_id"]) == (0, "", "shell-1")
    assert [order["order_id"] for order in listed["result"]["orders"]] == [placed["result"]["order_id"]]
