"""The commands that the READMEs give for a local run, as they are printed, in both languages."""

import re
import sys
from pathlib import Path

import pytest
from printed_examples import run

from quitanda_local.data_directory import IDENTITIES
from quitanda_local.identities import Identities

ROOT = Path(__file__).resolve().parents[1]
ORDER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
READMES = ("README.md", "README.pt-BR.md")

pytestmark = pytest.mark.processes_only(reason="test_compose.py runs what they give for containers")


def commands(readme):
    """Give the lines of the block for another terminal, without their comments."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(export PATH=.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line.partition("  #")[0].strip() for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("readme", READMES)
def test_the_folder_that_it_exports_is_where_the_run_makes_it(readme):
    exported = next(line for line in commands(readme) if "QUITANDA_IDENTITY" in line)

    made = Identities(Path("data") / IDENTITIES).of_clients
    assert exported == f'export QUITANDA_IDENTITY="$PWD/{made}"'


def test_both_languages_give_the_same_commands():
    assert commands(READMES[0]) == commands(READMES[1])


async def test_the_commands_work_as_they_are_printed(cluster, shop):
    names = {"caneta": shop.new_id("product"), "ana": shop.new_id("customer"), "ORDER_ID": ""}
    environment = cluster.callers.environment()
    printed = []
    for shown in commands(READMES[0]):
        if shown.startswith("export") or "--watch" in shown:
            continue
        line = re.sub(r"\b(caneta|ana|ORDER_ID)\b", lambda name: names[name[0]], shown)
        program, _, arguments = line.partition(" ")
        code, out, err = await run(
            "sh", "-c", f"{Path(sys.executable).parent / program} {arguments}", folder=ROOT, environment=environment
        )
        assert (line, code) == (line, 0), err
        if line.endswith("order create"):
            names["ORDER_ID"] = ORDER_ID.search(out)[0]
        printed.append(out)

    assert sum(names["ORDER_ID"] in out for out in printed) == 4, "created, changed, listed over gRPC and over MQTT"
