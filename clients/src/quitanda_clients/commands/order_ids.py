"""Order ids as people give them: whole, or their beginning where it is the beginning of one order only."""

from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from quitanda_clients.client import ShopClient
    from quitanda_clients.commands.shop_run import ShopRun

PREFIX_LENGTH_MIN: Final = 6
WHOLE_LENGTH: Final = 36
"""Portals choose ids of this length (UUIDs); one is never looked up as a beginning."""

CANDIDATES_SHOWN_MAX: Final = 10


async def whole_order_id(run: "ShopRun", client: "ShopClient", given: str) -> str:
    """Give the id of the customer's only order whose id begins so; else what was given, for the portal to judge.

    Raises BadParameter, with the candidates, where there are several.
    """
    if not PREFIX_LENGTH_MIN <= len(given) < WHOLE_LENGTH:
        return given
    orders = [order.order_id for order in (await client.list_orders()).documents]
    candidates = [order_id for order_id in orders if order_id.startswith(given)]
    if given in candidates or not candidates:
        return given
    if len(candidates) > 1:
        shown = ", ".join(candidates[:CANDIDATES_SHOWN_MAX])
        more = f" and {len(candidates) - CANDIDATES_SHOWN_MAX} more" if len(candidates) > CANDIDATES_SHOWN_MAX else ""
        raise typer.BadParameter(
            f"{len(candidates)} orders begin with '{given}': {shown}{more}; give more characters", param_hint="OID"
        )
    (order_id,) = candidates
    run.about = f"for the order {order_id}, "
    return order_id
