"""The stores for searches have what the searches are called after, and each report is made of a whole store."""

import re

import pytest

from bench.growth import found_orders, shop_searches
from quitanda_replica.reads.found_documents import SearchMemory
from quitanda_replica.state.store import Store

NUMBER = 2_000


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products") / "filled"
    shop_searches.fill(folder, NUMBER, NUMBER)
    return folder


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("orders") / "filled"
    found_orders.fill(folder, NUMBER)
    return folder


def test_each_search_finds_what_it_is_called_after(products):
    store, memory = Store.open(products), SearchMemory()
    try:
        searches = [shop_searches.measure_search(store, memory, name) for name in shop_searches.SEARCHES]
    finally:
        store.close()

    found = {each.name: each.found for each in searches}
    assert found["products: low, one in a hundred"] == NUMBER // 100
    assert found["products: in stock"] == NUMBER - NUMBER // 50
    assert found["products: a word that one in a thousand has"] == NUMBER // 1_000
    assert found["customers: a word that all have"] == NUMBER
    assert {name for name, number in found.items() if not number} == {
        "products: words that none has",
        "products: low, and a word that none has",
        "products: a price that few have",
        "customers: words that none has",
    }
    assert len(re.findall(r"\n\| ", shop_searches.search_table(searches))) == len(searches)


@pytest.mark.parametrize("name", shop_searches.REPORTS)
def test_each_report_is_made_of_all_documents(products, orders, name):
    measured = shop_searches.measure_report(name, orders, products)

    assert measured.documents == NUMBER
    assert name in shop_searches.report_table([measured])
