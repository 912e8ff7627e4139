"""What is filled for the shop's lists of orders has every state, and the lists find what they are called."""

import re

from bench.growth import found_orders
from quitanda.domain.model import OrderState

ORDERS = 2_000


def test_each_list_of_a_filled_store_has_its_first_page(tmp_path):
    found_orders.fill(tmp_path / "filled", ORDERS)

    pages = list(found_orders.measure(tmp_path / "filled", ORDERS))

    assert {found_orders.shop_order(number).state for number in range(ORDERS)} == set(OrderState)
    by_name = {(each.name, each.newest_first): each.orders for each in pages}
    assert len(by_name) == 2 * len(found_orders.lists(ORDERS))
    assert by_name["all orders", True] == found_orders.PAGE_SIZE
    assert by_name["open", False] == ORDERS // 200
    assert by_name["of a customer with ten orders", True] == by_name["of a customer with ten orders", False] >= 9
    assert {name for (name, _), orders in by_name.items() if not orders} <= {
        "of a customer who is not known",
        "of that customer, with such a product, where no order has both",
    }
    assert len(re.findall(r"\n\| ", found_orders.table(pages))) == len(pages)
