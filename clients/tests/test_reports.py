"""Reports: every sum adds up, whatever it is grouped by; days are those of the time zone."""

from collections import Counter
from datetime import UTC, date, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from command_line import admin
from hypothesis import given
from hypothesis import strategies as st

from quitanda.domain.limits import TIMESTAMP_MS_MAX
from quitanda.domain.model import Order, OrderItem, OrderState, Product
from quitanda_clients.reports.sales import Period, SalesBy, SalesTally, day_of

DAY_MS = 86_400_000
STATES = [state.value for state in OrderState]


@st.composite
def items_of(draw, state):
    """Items as the rules leave them: only of what has left can units be given back, and of a returned order all are."""
    items = []
    for product_id in draw(st.lists(st.sampled_from(["caneta", "lapis", "regua"]), unique=True)):
        quantity = draw(st.integers(1, 1_000_000))
        given_back = {"fulfilled": st.integers(0, quantity), "returned": st.just(quantity)}.get(state, st.just(0))
        name, price = draw(st.sampled_from(["A", "B"])), draw(st.integers(0, 1_000_000_000))
        items.append(OrderItem(product_id, name, price, quantity, returned=draw(given_back)))
    return tuple(items)


@st.composite
def lists_of_orders(draw):
    orders = []
    for number in range(draw(st.integers(0, 12))):
        state = draw(st.sampled_from(STATES))
        made = draw(st.integers(0, 4 * DAY_MS))
        customer = draw(st.sampled_from(["ana", "bia"]))
        orders.append(Order(f"o{number:02d}", customer, made, draw(items_of(state)), number, state=state))
    return orders


def tallied(orders, by, zone=UTC):
    tally = SalesTally(by, zone)
    for order in orders:
        tally.add(order)
    return tally


def amounts(rows):
    """Sum up rows by state: units, prices, what was given back."""
    summed = {}
    for row in rows:
        counted = (row.units, row.total, row.returned, row.returned_total)
        summed[row.state] = tuple(map(sum, zip(summed.get(row.state, (0, 0, 0, 0)), counted, strict=True)))
    return {state: each for state, each in summed.items() if any(each)}


@given(lists_of_orders(), st.sampled_from([UTC, timezone(timedelta(hours=-3)), ZoneInfo("America/Sao_Paulo")]))
def test_the_rows_add_up_to_the_totals_and_these_to_the_orders_whatever_they_are_grouped_by(orders, zone):
    placed = [(order.state, item) for order in orders for item in order.items]
    units, totals, returned = Counter(), Counter(), Counter()
    for state, item in placed:
        units[state] += item.quantity
        totals[state] += item.quantity * item.unit_price
        returned[state] += item.returned
    for by in SalesBy:
        tally = tallied(orders, by, zone)
        assert amounts(tally.rows()) == amounts(tally.totals())
        assert {row.state: row.orders for row in tally.totals()} == Counter(order.state for order in orders)
        assert {row.state: (row.units, row.total, row.returned) for row in tally.totals()} == {
            state: (units[state], totals[state], returned[state]) for state in {order.state for order in orders}
        }
        if by is not SalesBy.PRODUCT:
            assert sum(row.orders for row in tally.rows()) == len(orders)


@given(lists_of_orders())
def test_what_was_sold_is_what_has_left_without_what_came_back(orders):
    sold = tallied(orders, SalesBy.DAY).sold
    gone = [item for order in orders if order.state == "fulfilled" for item in order.items]

    assert sold.units == sum(item.quantity - item.returned for item in gone)
    assert sold.total == sum((item.quantity - item.returned) * item.unit_price for item in gone)


@given(lists_of_orders(), st.randoms(use_true_random=False), st.sampled_from(list(SalesBy)))
def test_the_order_in_which_orders_come_makes_no_difference(orders, random, by):
    shuffled = random.sample(orders, len(orders))

    assert tallied(shuffled, by).rows() == tallied(orders, by).rows()


@given(lists_of_orders())
def test_rows_are_sorted_by_key_and_by_the_life_of_an_order(orders):
    for by in SalesBy:
        rows = [(row.key, STATES.index(row.state)) for row in tallied(orders, by).rows()]
        assert rows == sorted(set(rows))


def test_a_product_has_the_name_that_it_has_in_the_newest_of_the_orders():
    older, newer = (
        Order(f"o{number}", "ana", 0, (OrderItem("caneta", name, 100, 1),), 1)
        for number, name in enumerate(["Caneta", "Caneta azul"])
    )
    assert [row.name for row in tallied([newer, older], SalesBy.PRODUCT).rows()] == ["Caneta azul"]


ZONES = [UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12)), ZoneInfo("America/Sao_Paulo")]


@given(
    first=st.dates(date(2000, 1, 1), date(2040, 1, 1)),
    days=st.integers(0, 40),
    zone=st.sampled_from(ZONES),
    at=st.floats(0, 1),
)
def test_a_moment_is_in_a_period_exactly_if_its_day_is(first, days, zone, at):
    """Also where a day is longer or shorter, or begins at one o'clock, because the clocks were changed."""
    period = Period(first, first + timedelta(days=days), zone)
    moments = [period.from_ms - 1, period.from_ms, period.to_ms - 1, period.to_ms]
    moments.append(period.from_ms + int(at * (period.to_ms - period.from_ms - 1)))

    told = [period.first.isoformat() <= day_of(each, zone) <= period.last.isoformat() for each in moments]
    assert told == [False, True, True, False, True]


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_the_last_moment_that_there_can_be_has_a_day_in_every_time_zone(zone):
    assert day_of(TIMESTAMP_MS_MAX, zone).startswith("9999-12-31")
    assert Period(date.max, date.max, zone).to_ms == TIMESTAMP_MS_MAX
    assert Period(date.min, date.min, zone).from_ms == 0


@pytest.fixture
def stock(shop):
    shop.products["caneta"] = Product("caneta", "=Caneta", "", 250, 40, (), 1)
    shop.products["lapis"] = Product("lapis", "Lápis", "", 99, 1, (), 2)
    shop.revision = 7
    return shop


@pytest.mark.usefixtures("stock")
async def test_the_value_of_the_stock_is_units_on_hand_times_price(portal):
    table = await admin(portal, "report", "stock-value")
    as_json = await admin(portal, "report", "stock-value", "--json")
    as_csv = await admin(portal, "report", "stock-value", "-o", "csv")

    assert table.stdout.splitlines()[-1] == "On hand: 41 units, worth 100.99."
    assert as_json.result == {
        "revision": 7,
        "report": "stock-value",
        "rows": [
            {"product_id": "caneta", "name": "=Caneta", "quantity": 40, "price": 2.5, "value": 100.0},
            {"product_id": "lapis", "name": "Lápis", "quantity": 1, "price": 0.99, "value": 0.99},
        ],
        "units": 41,
        "value": 100.99,
    }
    assert as_csv.stdout == (
        "product_id,name,quantity,price,value\ncaneta,'=Caneta,40,2.50,100.00\nlapis,Lápis,1,0.99,0.99\n"
    )


async def test_without_products_the_stock_is_worth_nothing(portal):
    done = await admin(portal, "report", "stock-value")

    assert (done.exit_code, done.stdout) == (0, "On hand: 0 units, worth 0.00.\n")


@pytest.mark.usefixtures("stock")
async def test_the_value_of_a_stock_of_many_pages_is_from_one_snapshot(portal, shop):
    shop.products.update({f"p{n}": Product(f"p{n}", "P", "", 1, 1, (), 1) for n in range(1_100)})
    done = await admin(portal, "report", "stock-value", "--json")

    assert (done.result["units"], done.result["value"]) == (41 + 1_100, 100.99 + 11)
    assert [request.page_token for request in portal.requests("ListProducts")] == ["", "500", "1000"]
