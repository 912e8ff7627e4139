"""The commands of the shopkeeper's guide, as they are printed, in the order of the guide, in Portuguese."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from printed_examples import run

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "guia-da-loja.md"
ORDER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

pytestmark = pytest.mark.processes_only(reason="the guide is for a local run")


def lines():
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.timeout(300)  # some thirty programs start, one after the other
async def test_the_commands_of_the_guide_work_as_they_are_printed(cluster, shop, tmp_path):
    names = {"caneta": shop.new_id("product"), "ana": shop.new_id("customer"), "ORDER_ID": ""}
    exported = [shlex.split(line)[1].partition("=") for line in lines() if line.startswith("export QUITANDA_")]
    settings = {name: value for name, _, value in exported if name != "QUITANDA_IDENTITY"}
    environment = cluster.callers.environment() | settings
    commands = [line for line in lines() if line.startswith("quitanda-")]

    for shown in commands:
        line = re.sub(r"\b(caneta|ana|ORDER_ID)\b", lambda name: names[name[0]], shown)
        program, _, arguments = line.partition(" ")
        code, out, err = await run(
            "sh", "-c", f"{Path(sys.executable).parent / program} {arguments}", folder=tmp_path, environment=environment
        )
        assert (line, code) == (line, 0), err
        if " order create " in line:
            names["ORDER_ID"] = ORDER_ID.search(out)[0]
        if "report today" in line:
            assert re.search(r"Vendido, sem o que foi devolvido: [0-9]+ unidades por R\$ [0-9.]+,[0-9]{2}\.", out)

    assert len(commands) > 25
