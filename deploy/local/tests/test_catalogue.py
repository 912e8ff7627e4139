"""The sample data: plausible, valid, and what the generator makes."""

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from quitanda.domain.limits import DESCRIPTION_LENGTH_MAX, ID_LENGTH_MAX, ID_PATTERN, NAME_LENGTH_MAX
from quitanda_local.catalogue import customers, products, slug, words, write

DATA = Path(__file__).parents[1] / "data"
PRODUCTS = products(words(DATA / "goods.txt"))
CUSTOMERS = customers(words(DATA / "names.txt"))


def test_the_committed_files_are_those_that_the_generator_makes(tmp_path):
    for name in ("goods.txt", "names.txt"):
        shutil.copy(DATA / name, tmp_path)
    write(tmp_path)

    for name in ("products.csv", "customers.csv"):
        assert (DATA / name).read_bytes() == (tmp_path / name).read_bytes()


def test_there_are_over_a_thousand_products_and_two_hundred_customers():
    assert len(PRODUCTS) >= 1_000
    assert len(CUSTOMERS) == 200


@pytest.mark.parametrize(("rows", "key"), [(PRODUCTS, "product_id"), (CUSTOMERS, "customer_id")])
def test_ids_are_unique_and_within_the_rules(rows, key):
    ids = [row[key] for row in rows]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(ID_PATTERN, one) and len(one) <= ID_LENGTH_MAX for one in ids)


def test_products_are_within_the_rules():
    for row in PRODUCTS:
        assert re.fullmatch(r"[0-9]+\.[0-9]{2}", row["price"])
        assert Decimal("0.30") <= Decimal(row["price"]) <= 100
        assert 20 <= int(row["quantity"]) <= 400
        assert len(row["name"]) <= NAME_LENGTH_MAX
        assert 0 < len(row["description"]) <= DESCRIPTION_LENGTH_MAX


def test_nobody_can_be_written_to():
    assert all(row["email"].endswith("@example.com") for row in CUSTOMERS)


def test_a_slug_is_readable_without_accents():
    assert slug("Pão de queijo, 1,5 kg") == "pao-de-queijo-1-5-kg"
