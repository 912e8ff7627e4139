"""Acts about customers' orders: each operation, over both transports, and what is refused; deletions with orders."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from quitanda.domain.model import OrderState
from quitanda_clients.connecting import Transport
from quitanda_local.demo.context import DemoContext, DemoStep

COFFEE = "cafe-em-grao-500-g"
SUGAR = "acucar-mascavo-1-kg"
NOWHERE = "018f0000-0000-7000-8000-000000000000"
HOLD_SECONDS: Final = 15
"""How long an order is held in the story: a program starts before, which may take seconds."""
LATE_SECONDS_MAX: Final = 15.0
"""An order usually expires within two seconds after its deadline; a busy machine takes longer."""
POLL_SECONDS: Final = 0.2


def quantities(order: Mapping[str, Any]) -> dict[str, int]:
    """Units by product of an order."""
    return {item["product_id"]: item["quantity"] for item in order["items"]}


async def place_orders(context: DemoContext) -> None:
    """Ana orders over gRPC and MQTT, through both portals."""
    context.reporter.act("Ana orders, over gRPC and over MQTT, through both portals")
    empty = await context.play_one("Ana opens an empty order over gRPC", context.shop(1, "ana", "order", "create"))
    order_id = empty["order_id"]
    order = await context.play_one(
        "adds three coffees over MQTT", context.shop("mqtt", "ana", "order", "set", order_id, COFFEE, "3")
    )
    context.check(quantities(order) == {COFFEE: 3}, f"the order holds 3 coffees for {order['total']}", order)
    before = await context.play_one("Ana looks at the sugar", context.shop(2, "ana", "product", "show", SUGAR))
    order = await context.play_one(
        "adds two sugars through the other portal", context.shop(2, "ana", "order", "set", order_id, SUGAR, "2")
    )
    seen, after = await context.play(
        DemoStep("the order is shown over MQTT", context.shop("mqtt", "ana", "order", "show", order_id)),
        DemoStep("an administrator sees the sugar that is left", context.admin(1, "product", "get", SUGAR)),
    )
    context.check(seen == order, f"both ways show the same order, {order['total']} in all", seen)
    context.check(after["quantity"] == before["quantity"] - 2, "and the stock has moved by exactly two", after)
    order = await context.play_one(
        "Ana takes the coffee out", context.shop(1, "ana", "order", "set", order_id, COFFEE, "0")
    )
    context.check(quantities(order) == {SUGAR: 2}, "only the sugar is left in the order", order)
    await context.play(
        DemoStep("Ana's orders are listed over gRPC", context.shop(2, "ana", "order", "list")),
        DemoStep("and over MQTT", context.shop("mqtt", "ana", "order", "list")),
    )
    await context.play_one("Ana cancels the order over MQTT", context.shop("mqtt", "ana", "order", "cancel", order_id))
    gone, back = await context.play(
        DemoStep("it is gone", context.shop(1, "ana", "order", "show", order_id), "ORDER_NOT_FOUND"),
        DemoStep("its units are back", context.admin(2, "product", "get", SUGAR)),
    )
    context.check(not gone and back["quantity"] == before["quantity"], "the stock is what it was before", back)
    context.reporter.shown("orders are created, changed, shown, listed and cancelled over gRPC and over MQTT alike")


async def refuse_orders(context: DemoContext) -> None:
    """Everything that a shop refuses its customers."""
    context.reporter.act("What the shop refuses, and what it does only once")
    mine = await context.play_one(
        "Ana orders four broas", context.shop("mqtt", "ana", "order", "create", "--item", "broa=4")
    )
    order_id = mine["order_id"]
    other = min(context.customer_ids - {"ana"})
    await context.play(
        DemoStep(
            "more than there is, over gRPC",
            context.shop(1, "ana", "order", "create", "--item", "broa=47"),
            "OUT_OF_STOCK",
        ),
        DemoStep("and over MQTT", context.shop("mqtt", "ana", "order", "set", order_id, "broa", "51"), "OUT_OF_STOCK"),
        DemoStep(
            "one item that cannot be had refuses them all",
            context.shop(2, "ana", "order", "create", "--item", f"{COFFEE}=1", "--item", "piano=1"),
            "PRODUCT_NOT_FOUND",
        ),
        DemoStep(
            "an unknown customer orders nothing, over gRPC",
            context.shop(2, "nobody", "order", "create"),
            "CUSTOMER_NOT_FOUND",
        ),
        DemoStep("nor over MQTT", context.shop("mqtt", "nobody", "order", "list"), "CUSTOMER_NOT_FOUND"),
        DemoStep(
            "another's order is not to be seen", context.shop(1, other, "order", "show", order_id), "ORDER_NOT_FOUND"
        ),
        DemoStep("nor cancelled", context.shop("mqtt", other, "order", "cancel", order_id), "ORDER_NOT_FOUND"),
        DemoStep(
            "an order that never was", context.shop(2, "ana", "order", "set", NOWHERE, "broa", "1"), "ORDER_NOT_FOUND"
        ),
        DemoStep(
            "a change based on an old copy",
            context.shop(
                1, "ana", "order", "set", order_id, "broa", "5", "--expected-version", str(mine["version"] + 1)
            ),
            "VERSION_MISMATCH",
        ),
        DemoStep(
            "fewer units than none", context.shop(1, "ana", "order", "set", order_id, "broa", "-1"), "INVALID_ARGUMENT"
        ),
    )
    again = ("order", "create", "--item", "broa=1", "--request-id", "breakfast-1")
    first, second = await context.play(
        DemoStep("Ana orders breakfast with a request id of her own", context.shop(1, "ana", *again)),
        DemoStep(
            "and, having seen no answer, sends the same once more by the other way", context.shop("mqtt", "ana", *again)
        ),
    )
    context.check(first == second, "there is one breakfast, not two", second)
    await context.play(
        DemoStep(
            "the same id for another order is refused",
            context.shop(2, "ana", "order", "create", "--item", "broa=2", "--request-id", "breakfast-1"),
            "REQUEST_ID_REUSED",
        )
    )
    context.reporter.shown("refusals are named, change nothing, and a repeated request takes effect once")


async def close_orders(context: DemoContext) -> None:
    """Let one order be placed, fulfilled and given back in part, and another one expire, as nobody places it."""
    context.reporter.act("An order is placed, fulfilled and given back in part; one that nobody places expires")
    before = await context.play_one("the coffee is counted", context.admin(1, "product", "get", COFFEE))
    kept, held = await context.play(
        DemoStep("Ana orders three coffees", context.shop(1, "ana", "order", "create", "--item", f"{COFFEE}=3")),
        DemoStep("and two more over MQTT", context.shop("mqtt", "ana", "order", "create", "--item", f"{COFFEE}=2")),
    )
    order_id = kept["order_id"]
    deadline = (datetime.now(UTC) + timedelta(seconds=HOLD_SECONDS)).isoformat(timespec="seconds")
    await context.play_one(
        f"these two are held for {HOLD_SECONDS} s",
        context.shop(2, "ana", "order", "deadline", held["order_id"], deadline),
    )
    await context.play_one("Ana places the first order", context.shop("mqtt", "ana", "order", "place", order_id))
    await context.play(
        DemoStep("and cannot change it", context.shop(1, "ana", "order", "set", order_id, COFFEE, "4"), "ORDER_STATE")
    )
    await context.play_one("the shop fulfils it: its units have left", context.admin(1, "order", "fulfil", order_id))
    back = await context.play_one(
        "one coffee comes back", context.admin(2, "order", "return", order_id, "--item", f"{COFFEE}=1", "--restock")
    )
    context.check(back["items"][0]["returned"] == 1, "the order says that one of three was given back", back)
    states = await _states_when_expired(context, held["order_id"])
    context.check(
        (states[order_id], states[held["order_id"]]) == ("fulfilled", "expired"),
        "Ana's list of all orders shows one as fulfilled, and the other as expired",
        states,
    )
    after = await context.play_one("the coffee is counted again", context.admin(2, "product", "get", COFFEE))
    context.check(after["quantity"] == before["quantity"] - 2, "two coffees have left, and all others are back", after)
    context.audit.put(COFFEE, -2)
    context.reporter.shown("orders are placed, fulfilled, returned and kept; what nobody places expires by itself")


async def add_up_sales(context: DemoContext) -> None:
    """Let the shop report what was ordered and sold, and compare it with what happened."""
    context.reporter.act("The shop adds up its day")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()  # the story may have begun before midnight
    report = await context.play_one(
        "units and money by product and state",
        context.admin(1, "report", "sales", "--from", yesterday, "--by", "product"),
    )
    rows, totals = report["rows"], report["totals"]
    context.check(
        all(
            sum(row[name] for row in rows if row["state"] == total["state"]) == total[name]
            for total in totals
            for name in ("units", "total", "returned", "returned_total")
        ),
        "the rows of the report add up to its totals",
        report,
    )
    coffee = {row["state"]: (row["units"], row["returned"]) for row in rows if row["product_id"] == COFFEE}
    context.check(
        (coffee["fulfilled"], coffee["expired"], report["sold"]) == ((3, 1), (2, 0), 2),
        "three coffees left and one came back, so two were sold; two more are in the order that expired",
        report,
    )
    context.reporter.shown("the day's report adds up, and tells what became of each order")


async def _states_when_expired(context: DemoContext, order_id: str) -> dict[str, str]:
    """Give the states of all of Ana's orders, as soon as one has expired or should have long ago."""
    deadline = time.monotonic() + HOLD_SECONDS + LATE_SECONDS_MAX
    async with context.shop_client("ana", Transport.GRPC) as client:
        while True:
            orders = (await client.list_orders(states=tuple(OrderState))).documents
            states = {each.order_id: each.state for each in orders}
            if states[order_id] == OrderState.EXPIRED or time.monotonic() > deadline:
                return states
            await asyncio.sleep(POLL_SECONDS)


async def delete_with_orders(context: DemoContext) -> None:
    """Delete what orders stand in the way of: refused first, then cascading."""
    context.reporter.act("What is in use is deleted only when an administrator insists")
    await context.play(
        DemoStep(
            "Ana has orders and cannot be deleted", context.admin(1, "customer", "delete", "ana"), "CUSTOMER_HAS_ORDERS"
        ),
        DemoStep(
            "a product in orders cannot be deleted", context.admin(2, "product", "delete", "broa"), "PRODUCT_IN_USE"
        ),
    )
    await context.play_one("Ana goes, with all her orders", context.admin(2, "customer", "delete", "ana", "--cascade"))
    context.customer_ids.discard("ana")
    broa = await context.play_one("the broas are counted again", context.admin(1, "product", "get", "broa"))
    context.check(broa["quantity"] == 50, "all units of Ana's orders are back", broa)
    await context.play(
        DemoStep(
            "Ana cannot order any more",
            context.shop("mqtt", "ana", "order", "list"),
            # her token went with her
            "UNAUTHENTICATED" if context.callers else "CUSTOMER_NOT_FOUND",
        ),
        DemoStep("now the product can go", context.admin(1, "product", "delete", "broa")),
    )
    context.audit.forget("broa")
    await context.play(
        DemoStep("and is gone everywhere", context.admin(2, "product", "get", "broa"), "PRODUCT_NOT_FOUND")
    )
    context.reporter.shown("deletions respect orders, or take them along in one step with --cascade")
