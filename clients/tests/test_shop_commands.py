import pytest
from command_line import PATIENCE, run, shop_over_grpc
from fake_gateway import Loss
from fake_portals import Hang

from quitanda.domain.model import Order, OrderItem, Product
from quitanda_clients.commands.shop import app as shop_app

PEN = OrderItem("caneta", "Caneta", 250, 3)


@pytest.fixture(autouse=True)
def stocked(shop):
    shop.products["caneta"] = Product("caneta", "Caneta", "azul", 250, 40, (), 1)
    shop.products["caderno"] = Product("caderno", "Caderno", "", 1_290, 7, (), 2)
    shop.orders["o0"] = Order("o0", "ana", 1_700_000_000_000, (PEN,), 3)
    shop.revision = 3
    return shop


async def shop_over_mqtt(broker, *arguments):
    options = ("--transport", "mqtt", "--mqtt", broker.address, "--timeout", "5", "--customer", "ana")
    return await run(shop_app, *options, *arguments)


async def test_an_order_is_changed_with_the_documented_command(portal, shop):
    done = await shop_over_grpc(portal, *["order", "set", "o0", "caneta", "5"])

    assert done.exit_code == 0, done.stderr
    assert [(item.product_id, item.quantity) for item in shop.orders["o0"].items] == [("caneta", 5)]


async def test_an_order_is_shown_with_prices_and_totals(portal):
    done = await shop_over_grpc(portal, "order", "show", "o0")
    rows = [line.split() for line in done.stdout.splitlines()]

    assert ["caneta", "Caneta", "2.50", "3", "7.50"] in rows
    assert ["total", "7.50"] in rows
    assert ["created", "2023-11-14", "22:13:20", "UTC"] in rows


async def test_one_order_for_programs_has_exact_prices_and_totals(portal):
    done = await shop_over_grpc(portal, "order", "show", "o0", "--json", "--consistency", "cached")

    assert done.stdout == (
        '{"revision":3,"order":{"order_id":"o0","customer_id":"ana","created_at_ms":1700000000000,'
        '"items":[{"product_id":"caneta","name":"Caneta","unit_price":2.50,"quantity":3,"total":7.50}],'
        '"total":7.50,"version":3}}\n'
    )


async def test_fields_of_ones_own_are_given_to_orders_and_to_items_and_are_shown(portal):
    created = ["order", "create", "--item", "caneta=2", "--item", "caderno=1", "--field", "nota=sem pressa"]
    placed = await shop_over_grpc(portal, *created, "--json")
    order_id = placed.result["order"]["order_id"]
    await shop_over_grpc(portal, "order", "set", order_id, "caneta", "2", "--field", "gravura=Zé", "--field", "n:=[1]")
    told = await shop_over_grpc(portal, *["order", "describe", order_id, "--field", "urgente:=true"])
    removed = await shop_over_grpc(portal, "order", "describe", order_id, "--field", "nota:=null", "--json")
    nothing = await shop_over_grpc(portal, "order", "describe", "o9", "--field", "a=1")
    rows = [line.split() for line in told.stdout.splitlines()]

    assert placed.result["order"]["nota"] == "sem pressa"
    assert ["nota", '"sem', 'pressa"'] in rows
    assert ["caneta", "Caneta", "2.50", "2", "5.00", 'gravura="Zé",', "n=[1]"] in rows
    assert (removed.result["order"]["urgente"], "nota" in removed.result["order"]) == (True, False)
    assert removed.result["order"]["items"][0]["gravura"] == "Zé"
    assert nothing.exit_code == 1


async def test_describing_an_order_without_a_field_says_what_to_give(portal):
    """It was told that `items` is missing, which nobody can give here."""
    for_people = await shop_over_grpc(portal, "order", "describe", "o1")
    as_json = await shop_over_grpc(portal, "order", "describe", "o1", "--json")

    assert (for_people.exit_code, as_json.exit_code, portal.calls) == (1, 1, [])
    assert "Nothing to change. Give --field NAME=TEXT" in for_people.message
    assert as_json.error["error"]["details"] == {"problem": "nothing_to_change"}


async def test_orders_are_placed_with_items_listed_and_cancelled(portal, shop):
    placed = await shop_over_grpc(portal, *["order", "create", "--item", "caneta=2", "--item", "caderno=1", "--json"])
    order_id = placed.result["order"]["order_id"]
    listed = await shop_over_grpc(portal, "order", "list", "--json")
    for_people = await shop_over_grpc(portal, "order", "list")
    cancelled = await shop_over_grpc(portal, "order", "cancel", order_id, "--json")

    assert [item["quantity"] for item in placed.result["order"]["items"]] == [2, 1]
    assert [order["order_id"] for order in listed.result["orders"]] == ["o0", order_id]
    assert "17.90" in for_people.stdout
    assert cancelled.result["order"]["order_id"] == order_id
    assert list(shop.orders) == ["o0"]


@pytest.fixture
def closed(shop):
    """Have an order of ana's that is closed, beside the open one."""
    item = OrderItem("caneta", "Caneta", 250, 2, returned=1)
    fulfilled = Order(
        "o1-fulfilled", "ana", 1_700_000_000_000, (item,), 7, (), "fulfilled", 1_700_000_090_000, 1_700_000_060_000
    )
    shop.closed_orders[fulfilled.order_id] = fulfilled
    return fulfilled


async def test_a_closed_order_is_shown_with_all_and_not_without(portal, closed):
    refused = await shop_over_grpc(portal, "order", "show", closed.order_id)
    shown = await shop_over_grpc(portal, "order", "show", closed.order_id, "--all")
    begun = await shop_over_grpc(portal, "order", "show", "o1-ful", "--all", "--json")
    rows = [line.split() for line in shown.stdout.splitlines()]

    assert (refused.exit_code, shown.exit_code) == (1, 0)
    assert ["state", "fulfilled"] in rows
    assert ["since", "2023-11-14", "22:14:50", "UTC"] in rows
    assert (begun.result["order"]["order_id"], begun.result["order"]["state"]) == (closed.order_id, "fulfilled")


async def test_an_open_order_is_shown_without_a_state_also_with_all(portal):
    without = await shop_over_grpc(portal, "order", "show", "o0")
    every = await shop_over_grpc(portal, "order", "show", "o0", "--all")

    assert without.stdout == every.stdout
    assert "state" not in every.stdout


@pytest.mark.usefixtures("closed")
async def test_orders_are_listed_by_state_with_their_states_and_times(portal):
    live = await shop_over_grpc(portal, "order", "list", "--json")
    every = await shop_over_grpc(portal, "order", "list", "--all", "--json")
    fulfilled = await shop_over_grpc(portal, *["order", "list", "--state", "fulfilled", "--state", "expired"])
    as_csv = await shop_over_grpc(portal, *["order", "list", "--state", "fulfilled", "--output", "csv"])

    assert [order["order_id"] for order in live.result["orders"]] == ["o0"]
    assert [order.get("state") for order in every.result["orders"]] == [None, "fulfilled"]
    assert "o0" not in fulfilled.stdout
    assert "fulfilled" in fulfilled.stdout
    header, row = as_csv.stdout.splitlines()
    assert header == "order_id,created,state,state_since,expires,products,total,version"
    assert row.split(",")[2:5] == ["fulfilled", "2023-11-14T22:14:50.000+00:00", ""]


async def test_a_state_that_there_is_not_is_wrong_use(portal):
    done = await shop_over_grpc(portal, "order", "list", "--state", "sold")

    assert (done.exit_code, portal.calls) == (2, [])
    assert "'fulfilled'" in done.message


async def test_products_are_shown_and_listed(portal):
    shown = await shop_over_grpc(portal, "product", "show", "caneta", "--json")
    listed = await shop_over_grpc(portal, "product", "list", "--json", "--limit", "1")

    assert shown.result["product"]["price"] == 2.5
    assert [product["product_id"] for product in listed.result["products"]] == ["caderno"]
    assert listed.result["truncated"] is True


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("order set o0 caneta -5", 1),
        ("order set o9 caneta 1", 1),
        ("order show o9", 1),
        ("order set o0 caneta", 2),
        ("order set o0 caneta many", 2),
        ("order set o0 caneta 1.5", 2),
        ("order create --item caneta", 2),
        ("order create --item caneta=many", 2),
        ("order show", 2),
        ("order list --transport pigeon", 2),
        ("order list --mqtt nowhere", 2),
        ("order list --customer", 2),
    ],
)
async def test_exit_codes(portal, command, exit_code):
    done = await shop_over_grpc(portal, *command.split())

    assert done.exit_code == exit_code, done
    assert done.stderr


async def test_nobody_orders_without_saying_who(portal):
    nobody = await run(shop_app, "--portal", portal.address, "order", "list")
    somebody = await run(shop_app, "--portal", portal.address, "order", "list", env={"QUITANDA_CUSTOMER": "ana"})

    assert (nobody.exit_code, somebody.exit_code) == (2, 0)
    assert "--customer" in nobody.message


async def test_an_unknown_outcome_says_how_to_repeat(portal, shop):
    portal.plans.extend([Hang()] * 100)
    unknown = await shop_over_grpc(portal, *["order", "create", "--timeout", PATIENCE])
    portal.plans.clear()
    request_id = unknown.stderr.split("--request-id ")[1].strip()
    repeated = await shop_over_grpc(portal, "order", "create", "--request-id", request_id)

    assert (unknown.exit_code, repeated.exit_code) == (4, 0)
    assert len(shop.orders) == 2


@pytest.mark.usefixtures("gateway")
async def test_the_commands_work_over_mqtt(broker):
    placed = await shop_over_mqtt(broker, "order", "create", "--item", "caneta=2", "--json")
    changed = await shop_over_mqtt(broker, "order", "set", placed.result["order"]["order_id"], "caneta", "0", "--json")
    refused = await shop_over_mqtt(broker, "order", "show", "o9")
    listed = await shop_over_mqtt(broker, "order", "list")
    products = await shop_over_mqtt(broker, "product", "list", "--json")

    assert placed.result["order"]["total"] == 5.0
    assert changed.result["order"]["items"] == []
    assert (refused.exit_code, listed.exit_code) == (1, 0)
    assert [product["product_id"] for product in products.result["products"]] == ["caderno", "caneta"]


async def test_over_mqtt_an_unknown_outcome_says_how_to_repeat(broker, gateway):
    gateway.plans.extend([Loss()] * 100)
    done = await shop_over_mqtt(broker, "order", "create", "--timeout", PATIENCE)

    assert done.exit_code == 4
    assert "--request-id" in done.stderr


async def test_without_a_broker_the_command_is_not_available():
    options = ["--transport", "mqtt", "--mqtt", "127.0.0.1:1", "--customer", "ana", "--timeout", "0.3"]
    done = await run(shop_app, *options, "order", "create", "--json")

    assert done.exit_code == 3
    assert done.error["error"]["reason"] == "UNAVAILABLE"


async def test_a_misspelt_variable_is_refused_with_the_name_that_was_meant_and_others_do_no_harm(portal):
    options = ("--portal", portal.address, "--customer", "ana", "order", "list")
    misspelt = await run(shop_app, *options, env={"QUITANDA_CUSTMER": "ana"})
    as_json = await run(shop_app, *options, "--json", env={"QUITANDA_CUSTMER": "ana"})
    several = await run(shop_app, *options, env={"QUITANDA_CUSTMER": "ana", "QUITANDA_MQTTT": "x:1"})
    unrelated = await run(shop_app, *options, env={"QUITANDA_OWNER": "ana", "QUITANDA_LOG_LEVL": "debug"})

    assert misspelt.exit_code == as_json.exit_code == 2
    assert "QUITANDA_CUSTMER: nothing reads it; did you mean QUITANDA_CUSTOMER?" in misspelt.message
    assert "QUITANDA_MQTTT: nothing reads it; did you mean QUITANDA_MQTT?" in several.message
    assert "QUITANDA_CUSTMER: nothing reads it; did you mean QUITANDA_CUSTOMER?" in several.message
    assert (as_json.error["error"]["reason"], as_json.error["error"]["field"]) == ("WRONG_USE", "QUITANDA_CUSTMER")
    assert unrelated.exit_code == 0


@pytest.mark.usefixtures("gateway")
async def test_products_are_found_over_grpc_and_over_mqtt(portal, broker):
    asked = ["product", "find", "CANÊTA", "--price-from", "2.00", "--price-to", "3", "--in-stock", "--json"]
    results = [await shop_over_grpc(portal, *asked), await shop_over_mqtt(broker, *asked)]

    assert [done.stderr for done in results] == ["", ""]
    assert [[each["product_id"] for each in done.result["products"]] for done in results] == [["caneta"]] * 2
