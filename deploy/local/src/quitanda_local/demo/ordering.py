"""Acts about customers' orders: each operation, over both transports, and what is refused; deletions with orders."""

from collections.abc import Mapping
from typing import Any

from quitanda_local.demo.stage import Stage, Step

COFFEE = "cafe-em-grao-500-g"
SUGAR = "acucar-mascavo-1-kg"
NOWHERE = "018f0000-0000-7000-8000-000000000000"


def quantities(order: Mapping[str, Any]) -> dict[str, int]:
    """Units by product of an order."""
    return {item["product_id"]: item["quantity"] for item in order["items"]}


async def place_orders(stage: Stage) -> None:
    """Ana orders over gRPC and MQTT, through both portals."""
    stage.narrator.act("Ana orders, over gRPC and over MQTT, through both portals")
    empty = await stage.play_one("Ana opens an empty order over gRPC", stage.shop(1, "ana", "order", "create"))
    order_id = empty["order_id"]
    order = await stage.play_one(
        "adds three coffees over MQTT", stage.shop("mqtt", "ana", "order", "set", order_id, COFFEE, "3")
    )
    stage.check(quantities(order) == {COFFEE: 3}, f"the order holds 3 coffees for {order['total']}", order)
    before = await stage.play_one("Ana looks at the sugar", stage.shop(2, "ana", "product", "show", SUGAR))
    order = await stage.play_one(
        "adds two sugars through the other portal", stage.shop(2, "ana", "order", "set", order_id, SUGAR, "2")
    )
    seen, after = await stage.play(
        Step("the order is shown over MQTT", stage.shop("mqtt", "ana", "order", "show", order_id)),
        Step("an administrator sees the sugar that is left", stage.admin(1, "product", "get", SUGAR)),
    )
    stage.check(seen == order, f"both ways show the same order, {order['total']} in all", seen)
    stage.check(after["quantity"] == before["quantity"] - 2, "and the stock has moved by exactly two", after)
    order = await stage.play_one(
        "Ana takes the coffee out", stage.shop(1, "ana", "order", "set", order_id, COFFEE, "0")
    )
    stage.check(quantities(order) == {SUGAR: 2}, "only the sugar is left in the order", order)
    await stage.play(
        Step("Ana's orders are listed over gRPC", stage.shop(2, "ana", "order", "list")),
        Step("and over MQTT", stage.shop("mqtt", "ana", "order", "list")),
    )
    await stage.play_one("Ana cancels the order over MQTT", stage.shop("mqtt", "ana", "order", "cancel", order_id))
    gone, back = await stage.play(
        Step("it is gone", stage.shop(1, "ana", "order", "show", order_id), "ORDER_NOT_FOUND"),
        Step("its units are back", stage.admin(2, "product", "get", SUGAR)),
    )
    stage.check(not gone and back["quantity"] == before["quantity"], "the stock is what it was before", back)
    stage.narrator.shown("orders are created, changed, shown, listed and cancelled over gRPC and over MQTT alike")


async def refuse_orders(stage: Stage) -> None:
    """Everything that a shop refuses its customers."""
    stage.narrator.act("What the shop refuses, and what it does only once")
    mine = await stage.play_one(
        "Ana orders four broas", stage.shop("mqtt", "ana", "order", "create", "--item", "broa=4")
    )
    order_id = mine["order_id"]
    other = min(stage.customer_ids - {"ana"})
    await stage.play(
        Step(
            "more than there is, over gRPC",
            stage.shop(1, "ana", "order", "create", "--item", "broa=47"),
            "OUT_OF_STOCK",
        ),
        Step("and over MQTT", stage.shop("mqtt", "ana", "order", "set", order_id, "broa", "51"), "OUT_OF_STOCK"),
        Step(
            "one item that cannot be had refuses them all",
            stage.shop(2, "ana", "order", "create", "--item", f"{COFFEE}=1", "--item", "piano=1"),
            "PRODUCT_NOT_FOUND",
        ),
        Step("strangers order nothing, over gRPC", stage.shop(2, "nobody", "order", "create"), "CUSTOMER_NOT_FOUND"),
        Step("nor over MQTT", stage.shop("mqtt", "nobody", "order", "list"), "CUSTOMER_NOT_FOUND"),
        Step("another's order is not to be seen", stage.shop(1, other, "order", "show", order_id), "ORDER_NOT_FOUND"),
        Step("nor cancelled", stage.shop("mqtt", other, "order", "cancel", order_id), "ORDER_NOT_FOUND"),
        Step("an order that never was", stage.shop(2, "ana", "order", "set", NOWHERE, "broa", "1"), "ORDER_NOT_FOUND"),
        Step(
            "a change based on an old copy",
            stage.shop(1, "ana", "order", "set", order_id, "broa", "5", "--expected-version", str(mine["version"] + 1)),
            "VERSION_MISMATCH",
        ),
        Step("fewer units than none", stage.shop(1, "ana", "order", "set", order_id, "broa", "-1"), "INVALID_ARGUMENT"),
    )
    again = ("order", "create", "--item", "broa=1", "--request-id", "breakfast-1")
    first, second = await stage.play(
        Step("Ana orders breakfast with a request id of her own", stage.shop(1, "ana", *again)),
        Step(
            "and, having seen no answer, sends the same once more by the other way", stage.shop("mqtt", "ana", *again)
        ),
    )
    stage.check(first == second, "there is one breakfast, not two", second)
    await stage.play(
        Step(
            "the same id for another order is refused",
            stage.shop(2, "ana", "order", "create", "--item", "broa=2", "--request-id", "breakfast-1"),
            "REQUEST_ID_REUSED",
        )
    )
    stage.narrator.shown("refusals are named, change nothing, and a repeated request takes effect once")


async def delete_with_orders(stage: Stage) -> None:
    """Delete what orders stand in the way of: refused first, then cascading."""
    stage.narrator.act("What is in use is deleted only when an administrator insists")
    await stage.play(
        Step(
            "Ana has orders and cannot be deleted", stage.admin(1, "customer", "delete", "ana"), "CUSTOMER_HAS_ORDERS"
        ),
        Step("a product in orders cannot be deleted", stage.admin(2, "product", "delete", "broa"), "PRODUCT_IN_USE"),
    )
    await stage.play_one("Ana goes, with all her orders", stage.admin(2, "customer", "delete", "ana", "--cascade"))
    stage.customer_ids.discard("ana")
    broa = await stage.play_one("the broas are counted again", stage.admin(1, "product", "get", "broa"))
    stage.check(broa["quantity"] == 50, "all units of Ana's orders are back", broa)
    await stage.play(
        Step("Ana cannot order any more", stage.shop("mqtt", "ana", "order", "list"), "CUSTOMER_NOT_FOUND"),
        Step("now the product can go", stage.admin(1, "product", "delete", "broa")),
    )
    stage.ledger.forget("broa")
    await stage.play(Step("and is gone everywhere", stage.admin(2, "product", "get", "broa"), "PRODUCT_NOT_FOUND"))
    stage.narrator.shown("deletions respect orders, or take them along in one step with --cascade")
