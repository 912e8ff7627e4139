"""Imports and exports that are killed, and disks that take no more: what the documents promise for the next run."""

import json
from functools import partial

import pytest
from command_line import admin
from fake_portals import Hang
from program_processes import finished, started

from quitanda.domain.model import Product
from quitanda_testing.limited_files import with_files_up_to

pytestmark = pytest.mark.slow

ROWS = 200
LISTED = 1 + ROWS // 100
"""At most so many calls look at what there is before the first row is sent."""


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "products.csv"
    rows = (f"p{number:03};Produto {number};{number},50;3" for number in range(ROWS))
    made.write_text("\n".join(["Código;Nome;Preço;Estoque", *rows]))
    return made


async def test_an_import_that_was_killed_goes_on_where_it_was(portal, shop, file):
    portal.plans.extend([None] * (LISTED + 40) + [Hang()] * ROWS)
    async with started(portal, "product", "import", file, "--in-flight", "8") as process:
        await portal.called(LISTED + 48)
        process.kill()
        await process.wait()
    portal.plans.clear()
    carried_out = len(shop.products)
    again = await admin(portal, "product", "import", file, "--json")

    assert 0 < carried_out < ROWS
    assert again.exit_code == 0
    counts = {name: again.result[name] for name in ("created", "already_imported", "refused", "not_imported")}
    assert counts == {"created": ROWS - carried_out, "already_imported": carried_out, "refused": 0, "not_imported": 0}
    assert shop.products["p007"] == Product("p007", "Produto 7", "", 750, 3, (), shop.products["p007"].version)
    assert {product.quantity for product in shop.products.values()} == {3}


async def test_an_export_that_was_killed_leaves_no_file_and_goes_on(portal, shop, tmp_path):
    shop.products.update({f"p{n:04}": Product(f"p{n:04}", f"P{n}", "", n, 1, (), 1) for n in range(1_200)})
    file = tmp_path / "products.csv"
    portal.plans.extend([None, None, Hang()])  # the first counts
    async with started(portal, "export", "products", file) as process:
        await portal.called(3)
        process.kill()
        await process.wait()
    portal.plans.clear()
    left = sorted(path.name for path in tmp_path.iterdir())
    again = await admin(portal, "export", "products", file)

    assert left == [".products.csv.pages"]
    assert again.exit_code == 0
    assert "Going on after the 500 products" in again.stderr
    assert len(file.read_text().splitlines()) == 1_201
    assert [path.name for path in tmp_path.iterdir()] == ["products.csv"]


@pytest.mark.parametrize("name", ["products.csv", "products.jsonl"])
async def test_an_export_that_the_disk_does_not_take_says_so_and_leaves_no_file(portal, shop, tmp_path, name):
    shop.products.update({f"p{n:04}": Product(f"p{n:04}", "P" * 60, "", n, 1, (), 1) for n in range(1_200)})
    async with started(
        portal, "export", "products", tmp_path / name, "--json", limited=partial(with_files_up_to, 40_000)
    ) as process:
        code, out, err = await finished(process)

    assert (code, out, json.loads(err)["error"]["reason"]) == (3, "", "NO_EXPORT")
    assert f"{name} was not written: File too large" in json.loads(err)["error"]["message"]
    assert not (tmp_path / name).exists()


async def test_an_export_into_a_folder_that_takes_no_files_says_so(portal):
    done = await admin(portal, "export", "products", "/sys/products.csv")

    assert done.exit_code == 3
    assert "/sys/products.csv was not written" in done.stderr
    assert "Traceback" not in done.stderr


async def test_who_changes_prices_in_an_export_is_told_that_its_stock_is_set_too(portal, shop, tmp_path):
    shop.products["caneta"] = Product("caneta", "Caneta", "", 250, 40, (), 1)
    export, stock = tmp_path / "products.csv", tmp_path / "stock.csv"
    await admin(portal, "export", "products", export)
    stock.write_text("product_id,quantity\ncaneta,7\n")
    warned = await admin(portal, "product", "import", export, "--update", "--dry-run")
    of_stock_alone = await admin(portal, "product", "import", stock, "--update", "--dry-run")
    of_new_ones = await admin(portal, "product", "import", export, "--dry-run")

    assert "quantity sets the units on hand" in warned.stderr
    assert "sets the units on hand" not in of_stock_alone.stderr + of_new_ones.stderr
