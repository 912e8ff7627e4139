"""quitanda-shop order."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from quitanda.domain.model import OrderState
from quitanda_clients.cli import options
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.runs import ShopRun, shop_command
from quitanda_clients.cli.values import custom_fields, deadline, order_items, units_in_order
from quitanda_clients.i18n.speech import say
from quitanda_clients.paging import LISTED_MAX

if TYPE_CHECKING:
    from quitanda_clients.client import ShopClient

PREFIX_LENGTH_MIN: Final = 6
WHOLE_LENGTH: Final = 36
"""Portals choose ids of this length (UUIDs); the command never looks for an order whose id begins with a whole id."""

CANDIDATES_SHOWN_MAX: Final = 10

app = typer.Typer(no_args_is_help=True)

OidArgument = Annotated[
    str,
    typer.Argument(
        metavar="OID", help="The order's id, or its beginning: at least 6 characters that no other order begins with."
    ),
]


DeadlineArgument = Annotated[
    int,
    typer.Argument(
        metavar="TIME", parser=deadline, help="When it expires: 2027-01-31, or 2027-01-31T18:00, in UTC; or `never`."
    ),
]

StateOption = Annotated[
    list[OrderState] | None,
    typer.Option("--state", help="Only orders in this state; you may repeat this option. (Default: open and placed.)"),
]
AllOption = Annotated[bool, typer.Option("--all", help="Orders in every state.")]


@app.command("create")
@shop_command(Effect.WRITE)
async def create(
    run: ShopRun,
    item: Annotated[
        list[str] | None,
        typer.Option(
            "--item",
            metavar="PID=QTY",
            help="An item of the new order; you may repeat this option. The order takes all items or none.",
        ),
    ] = None,
    field: options.FieldOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the order's id.")] = False,
) -> None:
    """Create an order, empty or with items; the first line of the answer has its id."""
    items, extra = order_items(item or ()), custom_fields(field or ())
    async with run.client() as client:
        result = await client.create_order(items, extra=extra, request_id=run.request_id)
        if quiet:
            run.output.document_id(result)
        else:
            run.output.document(result, say("Created the order"))


@app.command("set", context_settings={"ignore_unknown_options": True})
@shop_command(Effect.WRITE)
async def set_item(
    run: ShopRun,
    oid: OidArgument,
    pid: Annotated[str, typer.Argument(metavar="PID", help="The product's id.")],
    quantity: Annotated[
        int,
        typer.Argument(
            metavar="QTY", parser=units_in_order, help="Units that the order shall hold; 0 removes the product."
        ),
    ],
    field: options.FieldOption = None,
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Set how many units of a product an order holds, and fields of your own."""
    extra = custom_fields(field or ())
    async with run.client() as client:
        order_id = await _whole_order_id(run, client, oid)
        result = await client.set_order_item(
            order_id, pid, quantity, extra=extra, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(result, say("Changed the order"))


@app.command("describe")
@shop_command(Effect.WRITE)
async def describe(
    run: ShopRun,
    oid: OidArgument,
    field: options.FieldOption = None,
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Set fields of your own of an order; `--field NAME:=null` removes one."""
    from quitanda.domain.outcomes import Problem, invalid  # noqa: PLC0415 - `--help` does not need them
    from quitanda.errors import Rejected  # noqa: PLC0415

    if not field:
        raise Rejected(invalid("extra", Problem.NOTHING_TO_CHANGE))
    extra = custom_fields(field)
    async with run.client() as client:
        order_id = await _whole_order_id(run, client, oid)
        result = await client.set_order_items(
            order_id, extra=extra, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(result, say("Changed the order"))


@app.command("show")
@shop_command(Effect.READ)
async def show(
    run: ShopRun,
    oid: OidArgument,
    every: Annotated[
        bool, typer.Option("--all", help="Show the order also where it is closed: no longer open or placed.")
    ] = False,
) -> None:
    """Show an order with its items and totals."""
    async with run.client() as client:
        order_id = await _whole_order_id(run, client, oid, states=tuple(OrderState) if every else ())
        result = await client.get_order(order_id, consistency=run.consistency, include_closed=every)
        run.output.document(result)


@app.command("list")
@shop_command(Effect.READ)
async def list_orders(
    run: ShopRun, state: StateOption = None, every: AllOption = False, limit: options.LimitOption = None
) -> None:
    """List the customer's open and placed orders with their totals, oldest first."""
    states = tuple(OrderState) if every else tuple(state or ())
    async with run.client() as client:
        listing = await client.list_orders(limit or LISTED_MAX, states=states)
        run.output.listing("orders", listing, "orders_with_state" if states else "")


@app.command("cancel")
@shop_command(Effect.WRITE)
async def cancel(run: ShopRun, oid: OidArgument, expected_version: options.ExpectedVersionOption = None) -> None:
    """Cancel an order: its units return to stock. Shows the order as it was."""
    async with run.client() as client:
        order_id = await _whole_order_id(run, client, oid)
        result = await client.cancel_order(order_id, expected_version=expected_version, request_id=run.request_id)
        run.output.document(result, say("Cancelled; its units are back in stock. This was the order"))


@app.command("place")
@shop_command(Effect.WRITE)
async def place(run: ShopRun, oid: OidArgument, expected_version: options.ExpectedVersionOption = None) -> None:
    """Commit yourself to an open order: only the shop changes or cancels it from then on."""
    async with run.client() as client:
        order_id = await _whole_order_id(run, client, oid)
        result = await client.place_order(order_id, expected_version=expected_version, request_id=run.request_id)
        run.output.document(result, say("Committed to the order"))


@app.command("deadline")
@shop_command(Effect.WRITE)
async def set_deadline(
    run: ShopRun, oid: OidArgument, time: DeadlineArgument, expected_version: options.ExpectedVersionOption = None
) -> None:
    """Let an open order expire at a time, if it is not placed before; its units return to stock then."""
    async with run.client() as client:
        order_id = await _whole_order_id(run, client, oid)
        result = await client.set_order_deadline(
            order_id, time, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(result, say("Changed the order"))


async def _whole_order_id(run: ShopRun, client: "ShopClient", typed: str, states: tuple[OrderState, ...] = ()) -> str:
    """Give the id of the customer's only order whose id begins with the text; else the text, for the portal to judge.

    Raises BadParameter, with the candidates, if there are several.
    """
    if not PREFIX_LENGTH_MIN <= len(typed) < WHOLE_LENGTH:
        return typed
    orders = [order.order_id for order in (await client.list_orders(states=states)).documents]
    candidates = [order_id for order_id in orders if order_id.startswith(typed)]
    if typed in candidates or not candidates:
        return typed
    if len(candidates) > 1:
        shown, rest = ", ".join(candidates[:CANDIDATES_SHOWN_MAX]), len(candidates) - CANDIDATES_SHOWN_MAX
        more = say(" and {count} more", count=rest) if rest > 0 else ""
        raise typer.BadParameter(
            say(
                "{count} orders begin with '{typed}': {shown}{more}; give more characters",
                count=len(candidates),
                typed=typed,
                shown=shown,
                more=more,
            ),
            param_hint="OID",
        )
    (order_id,) = candidates
    run.repeat_for = say("for the order {order_id}, ", order_id=order_id)
    return order_id
