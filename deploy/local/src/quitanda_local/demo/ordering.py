"""Acts about customers' orders: each operation, over both transports, and what is refused; deletions with orders."""

from collections.abc import Mapping
from typing import Any

from quitanda_local.demo.context import DemoContext, DemoStep

COFFEE = "cafe-em-grao-500-g"
SUGAR = "acucar-mascavo-1-kg"
NOWHERE = "018f0000-0000-7000-8000-000000000000"


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
