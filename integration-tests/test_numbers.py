"""One rule for numbers: the same ones are taken and refused, with the same limit, whichever way they come."""

import json

import pytest

from quitanda.domain.commands import ItemQuantity
from quitanda.domain.limits import ITEM_QUANTITY_MAX, QUANTITY_MAX
from quitanda.errors import Rejected

pytest_plugins = ("compat.fixtures",)

TOO_LARGE = (2**63, 2**64, 10**30, 10**400)


@pytest.mark.parametrize("quantity", TOO_LARGE, ids=lambda number: f"{number:.0e}" if number < 10**300 else "1e400")
async def test_a_quantity_of_two_to_the_63_is_refused_by_field_and_limit_in_the_library_over_both_ways(
    shop, transport, quantity
):
    client, pid = await shop.customer(transport), (await shop.product()).product_id
    order = (await client.create_order()).document
    for call, field in (
        (client.create_order([ItemQuantity(pid, quantity)]), "items[0].quantity"),
        (client.set_order_item(order.order_id, pid, quantity), "quantity"),
        (
            client.set_order_items(order.order_id, [ItemQuantity(pid, 1), ItemQuantity(pid, quantity)]),
            "items[1].quantity",
        ),
    ):
        with pytest.raises(Rejected) as caught:
            await call
        assert (caught.value.refused.field, caught.value.details["problem"]) == (field, "too_large")
        assert caught.value.details["limit"] == str(ITEM_QUANTITY_MAX)


async def test_it_is_refused_so_by_the_courses_contract_too(course):
    cid, pid = await course.client(), await course.product(10)
    for written in ("9223372036854775808", '"9223372036854775808"', "1e400"):
        line = f'{{"products": [{{"PID": {json.dumps(pid)}, "quantity": {written}}}]}}'
        ordered = await course.create_order(course.new_id("order"), cid, line)
        offered = await course.update_product(pid, f'{{"quantity": {written}}}')

        assert ordered.description.startswith(f"products[0].quantity is too large; the limit is {ITEM_QUANTITY_MAX}.")
        assert offered.description.startswith(f"quantity is too large; the limit is {QUANTITY_MAX}.")
