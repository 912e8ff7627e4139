"""quitanda-shop order."""

from typing import Annotated

import typer

from quitanda_clients.cli import options
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.values import extra_fields, order_items, units_to_hold
from quitanda_clients.commands.order_ids import whole_order_id
from quitanda_clients.commands.shop_run import ShopRun, command
from quitanda_clients.paging import LISTED_MAX

app = typer.Typer(no_args_is_help=True)

OidArgument = Annotated[
    str,
    typer.Argument(metavar="OID", help="The order's id, or its beginning: at least 6 characters that no other has."),
]


@app.command("create")
@command(Effect.WRITE)
async def create(
    run: ShopRun,
    item: Annotated[
        list[str] | None,
        typer.Option("--item", metavar="PID=QTY", help="A first item; may be repeated. All or nothing."),
    ] = None,
    field: options.FieldOption = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the order's id alone.")] = False,
) -> None:
    """Place an order, empty or with first items; the first line of the answer has its id."""
    items, extra = order_items(item or ()), extra_fields(field or ())
    async with run.client() as client:
        answer = await client.create_order(items, extra=extra, request_id=run.request_id)
        if quiet:
            run.output.document_id(answer)
        else:
            run.output.document(answer, "Placed the order")


@app.command("set", context_settings={"ignore_unknown_options": True})
@command(Effect.WRITE)
async def set_item(
    run: ShopRun,
    oid: OidArgument,
    pid: Annotated[str, typer.Argument(metavar="PID", help="The product's id.")],
    quantity: Annotated[
        int, typer.Argument(metavar="QTY", parser=units_to_hold, help="Units that the order shall hold; 0 removes.")
    ],
    field: options.FieldOption = None,
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Set the units, and fields of your own, of one product in an order."""
    extra = extra_fields(field or ())
    async with run.client() as client:
        order_id = await whole_order_id(run, client, oid)
        answer = await client.set_order_item(
            order_id, pid, quantity, extra=extra, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(answer, "Changed the order")


@app.command("describe")
@command(Effect.WRITE)
async def describe(
    run: ShopRun,
    oid: OidArgument,
    field: options.FieldOption = None,
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Set fields of your own of an order; `--field NAME:=null` removes one."""
    extra = extra_fields(field or ())
    async with run.client() as client:
        order_id = await whole_order_id(run, client, oid)
        answer = await client.set_order_items(
            order_id, extra=extra, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(answer, "Changed the order")


@app.command("show")
@command(Effect.READ)
async def show(run: ShopRun, oid: OidArgument) -> None:
    """Show an order with its items and totals."""
    async with run.client() as client:
        order_id = await whole_order_id(run, client, oid)
        run.output.document(await client.get_order(order_id, consistency=run.consistency))


@app.command("list")
@command(Effect.READ)
async def list_orders(run: ShopRun, limit: options.LimitOption = None) -> None:
    """List the customer's orders with their totals, oldest first."""
    async with run.client() as client:
        run.output.listing("orders", await client.list_orders(limit or LISTED_MAX))


@app.command("cancel")
@command(Effect.WRITE)
async def cancel(run: ShopRun, oid: OidArgument, expected_version: options.ExpectedVersionOption = None) -> None:
    """Cancel an order: its units return to stock. Shows the order as it was."""
    async with run.client() as client:
        order_id = await whole_order_id(run, client, oid)
        answer = await client.cancel_order(order_id, expected_version=expected_version, request_id=run.request_id)
        run.output.document(answer, "Cancelled; its units are back in stock. This was the order")
