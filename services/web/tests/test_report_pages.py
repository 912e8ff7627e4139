"""Reports, histories and the stock card, as staff see them."""

import csv
import io
import json

import pytest

from quitanda.domain.commands import (
    AdjustStock,
    CreateOrder,
    CreateProduct,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    PlaceOrder,
    UpdateProduct,
)
from quitanda.portal.ids import uuid7

DAY_MS = 1_700_000_000_000
"""In the afternoon of 2023-11-14, by UTC."""
PERIOD = "from=2023-11-01&to=2023-11-30"


def order_at(at_ms):
    """An order's id, which names its time."""
    return uuid7(at_ms * 1_000_000, bytes(8))


@pytest.fixture
def sold(shop):
    """A shop with a fulfilled order of two pens, and an open one of a pencil a day later."""
    for product, at_ms, units in (("caneta", DAY_MS, 2), ("lapis", DAY_MS + 86_400_000, 1)):
        order_id = order_at(at_ms)
        shop.cluster.does(CreateOrder("ana", order_id, at_ms, (ItemQuantity(product, units),)), "ana")
        if product == "caneta":
            shop.cluster.does(PlaceOrder("ana", order_id), "ana")
            shop.cluster.does(FulfilOrder(order_id))
    return shop


async def test_sales_are_shown_by_day_as_chart_and_as_table(sold):
    page = await (await sold.staff()).open(f"/office/reports/sales?{PERIOD}&by=day")

    assert page.status == 200
    assert b'<svg class="chart" role="img" aria-labelledby="chart-title chart-description"' in page.body
    assert page.body.count(b"<rect") == 30
    assert "Nov 14, 2023 fulfilled 1 2 R$5.00" in page.text
    assert "Nov 15, 2023 open 1 1 R$11.20" in page.text
    assert "Units sold, without what was given back: 2, for R$5.00." in page.text


@pytest.mark.parametrize(
    ("by", "row"), [("product", "Caneta fulfilled 1 2 R$5.00"), ("customer", "ana open 1 1 R$11.20")]
)
async def test_sales_are_shown_by_product_and_by_customer(sold, by, row):
    page = await (await sold.staff()).open(f"/office/reports/sales?{PERIOD}&by={by}")

    assert row in page.text


async def test_the_files_of_a_report_have_its_rows(sold):
    staff = await sold.staff()

    table = await staff.get(f"/office/reports/sales.csv?{PERIOD}&by=product")
    rows = list(csv.DictReader(io.StringIO(table.body.decode("utf-8-sig"))))
    told = json.loads((await staff.get(f"/office/reports/sales.json?{PERIOD}&by=product")).body)

    assert table.header("content-type") == "text/csv; charset=utf-8"
    assert table.header("content-disposition") == 'attachment; filename="sales_2023-11-01_2023-11-30.csv"'
    assert [(row["product_id"], row["total"]) for row in rows] == [("caneta", "5.00"), ("lapis", "11.20")]
    assert told["sold_total"] == 5.0
    assert told["from"] == "2023-11-01"


async def test_a_product_whose_name_is_a_formula_is_a_text_in_the_file(shop):
    shop.cluster.does(CreateProduct("p1", '=HYPERLINK("http://evil")', price=100, quantity=1))

    answer = await (await shop.staff()).get("/office/reports/stock-value.csv")

    rows = {row["product_id"]: row for row in csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig")))}
    assert rows["p1"]["name"] == '\'=HYPERLINK("http://evil")'


async def test_a_name_that_is_a_script_is_only_text_in_page_and_chart(shop):
    shop.cluster.does(CreateProduct("p1", "<script>alert(1)</script>", price=100, quantity=1))

    page = await (await shop.staff()).open("/office/reports/stock-value")

    assert b"<script>alert" not in page.body
    assert page.body.count(b"&lt;script&gt;alert(1)") == 2


async def test_the_value_of_the_stock_begins_with_what_is_worth_most(shop):
    page = await (await shop.staff()).open("/office/reports/stock-value")

    assert "Units on hand: 15, worth R$81.00" in page.text
    assert page.text.rindex("Lápis") < page.text.rindex("Caneta")


async def test_today_without_orders_says_so(shop):
    page = await (await shop.staff()).open("/office/reports/today")

    assert "Nothing was ordered today yet." in page.text
    assert b"<svg" not in page.body


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("from=yesterday", "From is not a day."),
        ("from=2023-11-02&to=2023-11-01", "The last day is before the first one."),
        ("from=1969-12-31&to=1970-01-02", "No order is so old."),
        ("from=2020-01-01&to=2023-01-01", "The report has more than 366 days."),
        ("to=9999-12-31&from=9999-99-99", "From is not a day."),
        ("from=%3Cscript%3E", "From is not a day."),
    ],
)
async def test_days_that_cannot_be_are_refused_with_a_reason(shop, query, told):
    staff = await shop.staff()

    page = await staff.get(f"/office/reports/sales?{query}")
    file = await staff.get(f"/office/reports/sales.csv?{query}")

    assert page.status == file.status == 422
    assert told in page.text
    assert told in file.text


@pytest.mark.parametrize("query", ["to=9999-12-31&from=9999-12-01", "to=0001-01-01", "to=1970-01-01", "by=everything"])
async def test_days_at_the_end_of_all_times_take_nothing_down(shop, query):
    page = await (await shop.staff()).get(f"/office/reports/sales?{query}")

    assert page.status in {200, 422}


@pytest.mark.parametrize("name", ["sales.exe", "nothing.csv", "..%2Fsales.csv", "sales.csv.json"])
async def test_there_are_no_other_files(shop, name):
    assert (await (await shop.staff()).get(f"/office/reports/{name}")).status == 404


async def test_a_customer_sees_no_report(shop):
    customer = await shop.customer()

    for path in ("/office/reports/sales", "/office/reports/sales.csv", "/office/history/product/caneta"):
        assert (await customer.get(path)).location == "/"


async def test_the_history_says_when_who_and_what_was_changed(secure_shop):
    staff = await secure_shop.staff()
    product = await staff.open("/office/products/caneta")
    await staff.send(product, "/office/products/caneta/update_product", price="3.00", name="Caneta azul")

    page = await staff.open("/office/history/product/caneta")

    assert "product changed" in page.text
    assert "Price: R$2.50 → R$3.00" in page.text
    assert "Name: Caneta → Caneta azul" in page.text
    label = next(each.label for each in secure_shop.cluster.state.credentials() if each.role == "admin")
    assert label in page.text


async def test_the_history_of_what_is_deleted_is_still_there_and_of_what_never_was_is_empty(shop):
    shop.cluster.does(UpdateProduct("lapis", price=300))
    shop.cluster.does(DeleteProduct("lapis"))
    staff = await shop.staff()

    assert "deleted" in (await staff.open("/office/history/product/lapis")).text
    assert "Nothing is kept of changes of it." in (await staff.open("/office/history/product/nothing")).text
    assert (await staff.get("/office/history/secrets/lapis")).status == 404


async def test_a_long_history_is_shown_page_by_page(shop):
    for price in range(100, 160):
        shop.cluster.does(UpdateProduct("lapis", price=price))
    staff = await shop.staff()

    first = await staff.open("/office/history/product/lapis")
    more = next(link for link in first.page.links if "page_token" in link)
    second = await staff.open(more)

    assert "R$1.59" in first.text
    assert "R$1.01" not in first.text
    assert "R$1.01" in second.text


async def test_the_stock_card_has_each_movement_with_its_order(sold):
    sold.cluster.does(AdjustStock("caneta", 7))

    page = await (await sold.staff()).open("/office/stock-card/caneta")

    assert "stock adjusted" in page.text
    assert "+7 15" in page.text
    assert "-2 8" in page.text
    assert f"/office/orders/{order_at(DAY_MS)}" in page.page.links
    assert b"<svg" in page.body


async def test_the_pages_of_documents_lead_to_their_histories(sold):
    staff = await sold.staff()

    product = await staff.open("/office/products/caneta")
    customer = await staff.open("/office/customers/ana")

    assert {"/office/stock-card/caneta", "/office/history/product/caneta"} <= set(product.page.links)
    assert "/office/history/customer/ana" in customer.page.links
