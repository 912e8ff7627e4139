"""What a command says it did, what it takes for an order's id, and the formats of its answer."""

import csv
import io

import pytest
from command_line import PATIENCE, admin, run, shop_over_grpc
from fake_portals import Hang

from quitanda.domain.model import Customer, Order, OrderItem, Product
from quitanda_clients.commands.shop import app as shop_app

FIRST, SECOND = "5f3c2a1b-0000-4000-8000-000000000001", "5f3c2a77-0000-4000-8000-000000000002"
OTHERS = "5f3c2a1b-0000-4000-8000-000000000003"


@pytest.fixture(autouse=True)
def stocked(shop):
    shop.products["caneta"] = Product("caneta", "Caneta", "azul", 250, 40, (("cor", '"azul"'), ("n", "[1]")), 1)
    shop.customers["ana"] = Customer("ana", "Ana", (), 2)
    for order_id, customer_id in ((FIRST, "ana"), (SECOND, "ana"), (OTHERS, "bia")):
        item = OrderItem("caneta", "Caneta", 250, 3)
        shop.orders[order_id] = Order(order_id, customer_id, 1_700_000_000_000, (item,), 3)
    return shop


async def over(transport, portal, broker, *arguments):
    if transport == "grpc":
        return await shop_over_grpc(portal, *arguments)
    options = ("--transport", "mqtt", "--mqtt", broker.address, "--timeout", "5", "--customer", "ana")
    return await run(shop_app, *options, *arguments)


@pytest.mark.parametrize(
    ("command", "first"),
    [
        ("product create --pid p --name P --price 1 --quantity 1", "Created the product p"),
        ("product update caneta --price 3", "Changed the product caneta"),
        ("product adjust-stock caneta +5", "Adjusted the stock of the product caneta"),
        ("product delete caneta --cascade", "Deleted the product caneta. It was taken out of 3 orders."),
        ("customer create --cid bia --name Bia", "Created the customer bia"),
        ("customer update ana --name Bia", "Changed the customer ana"),
        ("customer delete ana", "Deleted the customer ana."),
    ],
)
async def test_a_command_that_changes_something_says_what_it_did(portal, command, first):
    done = await admin(portal, *command.split())

    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, first)


async def test_the_first_line_of_order_create_has_the_orders_id_and_quiet_prints_it_alone(portal, shop):
    placed = await shop_over_grpc(portal, "order", "create", "--item", "caneta=2")
    quiet = await shop_over_grpc(portal, "order", "create", "-q")
    third, fourth = list(shop.orders)[-2:]

    assert placed.stdout.splitlines()[0] == f"Created the order {third}"
    assert quiet.stdout == f"{fourth}\n"


async def test_order_cancel_says_that_it_is_cancelled_and_prints_what_order_show_prints(portal, shop):
    shown = await shop_over_grpc(portal, "order", "show", FIRST)
    cancelled = await shop_over_grpc(portal, "order", "cancel", FIRST)

    first, *others = cancelled.stdout.splitlines()
    assert first == f"Cancelled; its units are back in stock. This was the order {FIRST}"
    assert others == shown.stdout.splitlines()
    assert FIRST not in shop.orders


@pytest.mark.parametrize("transport", ["grpc", "mqtt"])
@pytest.mark.usefixtures("gateway")
async def test_an_order_is_known_by_the_beginning_of_its_id(portal, broker, shop, transport):
    shown = await over(transport, portal, broker, "order", "show", "5f3c2a7", "--json")
    changed = await over(transport, portal, broker, "order", "set", "5f3c2a1b", "caneta", "1", "--json")
    cancelled = await over(transport, portal, broker, "order", "cancel", "5f3c2a7", "--json")
    short = await over(transport, portal, broker, "order", "show", "5f3c2", "--json")
    unknown = await over(transport, portal, broker, "order", "show", "5f3c2a9", "--json")

    assert [done.result["order"]["order_id"] for done in (shown, changed, cancelled)] == [SECOND, FIRST, SECOND]
    assert FIRST in shop.orders
    for done in (short, unknown):
        assert (done.exit_code, done.error["error"]["reason"]) == (1, "ORDER_NOT_FOUND")


async def test_where_several_orders_begin_so_they_are_listed_and_nothing_is_done(portal, shop):
    for_people = await shop_over_grpc(portal, "order", "cancel", "5f3c2a")
    as_json = await shop_over_grpc(portal, "order", "cancel", "5f3c2a", "--json")

    assert (for_people.exit_code, as_json.exit_code) == (2, 2)
    assert (as_json.error["error"]["reason"], as_json.error["error"]["field"]) == ("WRONG_USE", "OID")
    assert FIRST in as_json.error["error"]["message"]
    assert SECOND in as_json.error["error"]["message"]
    assert OTHERS not in as_json.error["error"]["message"]
    assert portal.requests("CancelOrder") == []
    assert len(shop.orders) == 3


async def test_an_unknown_outcome_of_a_shortened_id_tells_the_whole_one(portal):
    """Once the order is gone its beginning finds nothing, so the repetition needs the whole id."""
    portal.plans.extend([None, *[Hang()] * 100])
    done = await shop_over_grpc(portal, "order", "cancel", "5f3c2a7", "--timeout", PATIENCE)
    portal.plans.clear()
    request_id = done.stderr.split("--request-id ")[1].strip()
    repeated = await shop_over_grpc(portal, "order", "cancel", SECOND, "--request-id", request_id)

    assert done.exit_code == 4
    assert f"for the order {SECOND}, with:" in done.stderr
    assert repeated.exit_code == 0


@pytest.mark.parametrize("text", ["+5", "-5", "+0"])
async def test_a_quantity_with_a_sign_is_refused_and_the_command_that_adds_is_named(portal, text):
    """`--quantity +5` set 5."""
    done = await admin(portal, "product", "update", "caneta", "--quantity", text)

    assert done.exit_code == 2
    assert f"product adjust-stock PID {text}" in done.message
    assert portal.calls == []


async def test_an_orders_quantity_with_a_plus_is_refused(portal):
    done = await shop_over_grpc(portal, "order", "set", FIRST, "caneta", "+3")

    assert done.exit_code == 2
    assert "does not add" in done.message
    assert portal.calls == []


def table(done):
    return list(csv.DictReader(io.StringIO(done.stdout)))


async def test_csv_of_a_list_is_what_import_reads(portal, tmp_path, shop):
    listed = await admin(portal, "product", "list", "-o", "csv")
    file = tmp_path / "products.csv"
    file.write_text(listed.stdout)
    del shop.products["caneta"]
    imported = await admin(portal, "product", "import", file)

    (row,) = table(listed)
    assert row == {
        "product_id": "caneta",
        "name": "Caneta",
        "description": "azul",
        "price": "2.50",
        "quantity": "40",
        "reorder_level": "",
        "cor": "azul",
        "n": "[1]",
    }
    assert imported.exit_code == 0, imported.stderr
    assert shop.products["caneta"].price == 250


async def test_csv_of_orders_and_of_one_order(portal):
    orders = await shop_over_grpc(portal, "order", "list", "-o", "csv")
    items = await shop_over_grpc(portal, "order", "show", FIRST, "--output", "csv")
    created = await shop_over_grpc(portal, "-o", "csv", "order", "create")
    deleted = await admin(portal, "customer", "delete", "ana", "-o", "csv")

    assert [row["order_id"] for row in table(orders)] == [FIRST, SECOND]
    assert table(orders)[0]["created"] == "2023-11-14T22:13:20.000+00:00"
    assert [(row["product_id"], row["quantity"], row["total"]) for row in table(items)] == [("caneta", "3", "7.50")]
    assert (len(table(created)), table(created)[0]["total"]) == (1, "0.00")  # an order without items has an id, too
    assert table(created)[0]["order_id"]
    assert table(deleted)[0]["customer_id"] == "ana"


async def test_two_formats_contradict_each_other(portal):
    done = await admin(portal, "product", "list", "--json", "-o", "csv")
    same = await admin(portal, "product", "list", "--json", "-o", "json")

    assert (done.exit_code, done.error["error"]["field"], same.exit_code) == (2, "--output", 0)


async def test_the_version_and_short_help(portal):
    version = await admin(portal, "--version")
    short = await admin(portal, "product", "list", "-h")

    assert (version.exit_code, version.stdout.split()[0]) == (0, "quitanda-clients")
    assert short.exit_code == 0
    assert "--watch" in short.stdout


async def test_a_file_may_be_standard_input(portal, shop, tmp_path):
    from program_processes import finished, started  # noqa: PLC0415

    file = tmp_path / "rows.csv"
    file.write_text("customer_id,name\nbia,Bia\n")
    with file.open() as stdin:
        async with started(portal, "customer", "import", "-", stdin=stdin) as process:
            code, out, _ = await finished(process)

    assert (code, out.split(", ")[:2]) == (0, ["rows: 1", "created: 1"])
    assert "bia" in shop.customers
