"""The levels of this version let the next change hurt nobody: a next version, at level 5, is mixed with this one."""

import asyncio
import json
import os
import re
from contextlib import asynccontextmanager

import pytest

from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.limits import QUANTITY_MAX
from versions import next_version
from versions.clients_at_work import clients_at_work
from versions.contract_calls import ContractCalls
from versions.installed_version import ROOT
from versions.mixed_cluster import (
    MixedCluster,
    change,
    ends_by_itself,
    lead,
    raise_level,
    raise_level_once_all_answer,
    swap_portals,
    verify,
    wait_for_level,
)
from versions.next_version import COMMAND, FIELD, LEVEL, NEXT_LEVEL, RULE

ADMIN_MODULE = "quitanda_clients.admin"

pytestmark = [
    pytest.mark.processes_only(reason="the next version is a copy of the code, of which no images are made"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def following(tmp_path_factory):
    """Make the next version."""
    return next_version.make(tmp_path_factory.mktemp("next"))


@pytest.fixture
def cluster(now, tmp_path):
    cluster = MixedCluster(tmp_path / "data", now)
    yield cluster
    cluster.close()


class NextShop:
    """Requests that only the next version knows, through one portal."""

    def __init__(self, calls):
        self.calls = calls

    def create(self, name):
        return self.calls.call(
            "AdminPortal.CreateProduct",
            {
                "request_id": f"create-{name}",
                "product_id": name,
                "name": "Tinta",
                "price_minor_units": 100,
                "quantity": 3,
                "shelf": "A3",
            },
        )

    def move(self, name):
        return self.calls.call(
            "AdminPortal.UpdateProduct", {"request_id": f"move-{name}", "product_id": name, "shelf": "B1"}
        )

    def count(self, name):
        return self.calls.call(
            "AdminPortal.CountStock", {"request_id": f"count-{name}", "product_id": name, "counted": 7}
        )

    def fill(self, name):
        return self.calls.call(
            "AdminPortal.AdjustStock", {"request_id": f"fill-{name}", "product_id": name, "delta": QUANTITY_MAX}
        )

    def plain(self, name):
        return self.calls.call(
            "AdminPortal.CreateProduct",
            {"request_id": f"plain-{name}", "product_id": name, "name": "Giz", "price_minor_units": 5, "quantity": 3},
        )

    def keep_in_custom_field(self, name):
        return self.calls.call(
            "AdminPortal.UpdateProduct",
            {"request_id": f"keep-{name}", "product_id": name, "extra": {"shelf": '"C2"'}},
        )

    def read(self, name):
        return self.calls.call("AdminPortal.GetProduct", {"product_id": name})


@asynccontextmanager
async def shop_at(cluster, portal, following):
    """Open the shop of the next version at a portal."""
    contract = next_version.services(following)
    async with ContractCalls({"AdminPortal": cluster.address(portal)}, contract) as calls:
        yield NextShop(calls)


def done(exchange):
    """Return the product that the answer shows."""
    assert exchange.refusal is None
    return exchange.answer["product"]


def reason(exchange):
    return exchange.refusal["reason"], exchange.refusal["facts"].get("field", "")


async def quitanda_admin(following, portal, *arguments):
    """Give a command of the next version's `quitanda-admin`; return the product that it shows."""
    environment = {**os.environ, "PYTHONPATH": following.path}
    command = (*following.module(ADMIN_MODULE), "--json", "--portal", portal, "product", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(output)["product"]


def files_of(edits):
    return {edit.file for edit in edits}


def listed(heading):
    """Return the files that CONTRIBUTING.md lists, as they are for an administrators' operation on products."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    files = re.findall(r"^\d+\. `([^`]+)`", section, re.MULTILINE)
    others = {"orders": "products", "order_states": "permissions"}
    for name, other in others.items():
        files = [file.replace(f"domain/{name}.py", f"domain/{other}.py") for file in files]
    return {file.replace("client_portal", "admin_portal") for file in files}


def test_a_field_and_an_operation_touch_the_files_that_are_listed_and_no_others():
    operation = {file.replace("commands/documents.py", "commands/orders.py") for file in files_of(COMMAND)}

    assert files_of(FIELD) == listed("How a field is added")
    assert operation == listed("How an operation is added")
    assert files_of(LEVEL) == {"core/src/quitanda/domain/levels.py"}
    assert len(files_of(RULE)) == 1


def test_every_edit_fits_the_present_code():
    for edit in (*LEVEL, *FIELD, *COMMAND, *RULE):
        assert edit.new in edit.applied((ROOT / edit.file).read_text(encoding="utf-8"))


async def test_below_its_level_what_is_new_is_refused_by_name_and_after_the_raise_it_works(cluster, now, following):
    await cluster.start()
    old_portal, new_portal = cluster.admin_portals
    await wait_for_level(cluster, SUPPORTED_LEVEL)  # a new cluster is raised by its leader, before it holds anything
    async with clients_at_work(cluster, seed=31) as clients:
        await change(cluster, following, "replica1")
        await swap_portals(cluster, now, following)
        async with shop_at(cluster, new_portal, following) as shop:
            assert (await shop.plain("giz")).answer is not None
            assert (await shop.keep_in_custom_field("giz")).refusal is None  # the name is free below its level
            await lead(cluster, "replica1")
            assert reason(await raise_level(cluster)) == ("LEVEL_NOT_SUPPORTED", "")
            for leader in ("replica1", "replica2"):
                await lead(cluster, leader)
                assert reason(await shop.create("tinta")) == ("LEVEL_TOO_LOW", "shelf")
                assert reason(await shop.move("giz")) == ("LEVEL_TOO_LOW", "shelf")
                assert reason(await shop.count("giz")) == ("LEVEL_TOO_LOW", "")
                assert reason(await shop.fill("giz")) == ("STOCK_BOUND", "delta")
                assert reason(await shop.read("tinta")) == ("PRODUCT_NOT_FOUND", "product_id")
                await clients.go_on()
                await verify(cluster)

            await change(cluster, now, "replica1")
            await clients.go_on()
            await verify(cluster)

            for name in cluster.replicas:
                await change(cluster, following, name)
            raised = await raise_level_once_all_answer(cluster)
            assert raised.answer == {"level": NEXT_LEVEL}
            await wait_for_level(cluster, NEXT_LEVEL)

            created = done(await shop.create("tinta"))
            assert created["shelf"] == "A3"
            assert done(await shop.move("giz"))["shelf"] == "B1"
            assert done(await shop.count("giz"))["quantity"] == "7"
            assert reason(await shop.fill("giz")) == ("STOCK_BOUND", "delta")
            assert done(await shop.fill("tinta"))["quantity"] == str(QUANTITY_MAX)
            assert done(await shop.read("tinta"))["shelf"] == "A3"
            await clients.go_on()

        address = cluster.address(new_portal)
        new = ("--pid", "cola", "--name", "Cola", "--price", "1", "--quantity", "2", "--shelf", "C4")
        assert (await quitanda_admin(following, address, "create", *new))["shelf"] == "C4"
        assert (await quitanda_admin(following, address, "count-stock", "cola", "9"))["quantity"] == 9
        async with shop_at(cluster, old_portal, following) as shop:
            shown = done(await shop.read("tinta"))
            assert (shown["quantity"], shown["extra"]) == (str(QUANTITY_MAX), {"shelf": '"A3"'})

        await cluster.restart_as(now, "replica3", wait=False)
        assert f"level {NEXT_LEVEL}" in await ends_by_itself(cluster, "replica3")
        await clients.go_on()
        await cluster.restart_as(following, "replica3")
        await clients.go_on()
        await verify(cluster)
    assert await cluster.stop() == ()
