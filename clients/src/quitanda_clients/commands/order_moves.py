"""quitanda-admin order: what the shop does with its customers' orders."""

from typing import Annotated

import typer

from quitanda_clients.cli import options
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.cli.values import order_items
from quitanda_clients.commands.orders import DeadlineArgument

app = typer.Typer(no_args_is_help=True)

OidArgument = Annotated[str, typer.Argument(metavar="OID", help="The order's id.")]
ItemOption = Annotated[
    list[str] | None,
    typer.Option(
        "--item",
        metavar="PID=QTY",
        help="So many units of a product; you may repeat this option. (Default: all units that are left.)",
    ),
]


@app.command("fulfil")
@admin_command(Effect.WRITE)
async def fulfil(run: AdminRun, oid: OidArgument, expected_version: options.ExpectedVersionOption = None) -> None:
    """Let the units of a placed order leave for good."""
    async with run.client() as client:
        result = await client.fulfil_order(oid, expected_version=expected_version, request_id=run.request_id)
        run.output.document(result, "Fulfilled the order")


@app.command("return")
@admin_command(Effect.WRITE)
async def take_back(
    run: AdminRun,
    oid: OidArgument,
    item: ItemOption = None,
    restock: Annotated[
        bool, typer.Option("--restock", help="The units are on hand again. (Default: they are written off.)")
    ] = False,
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Take units of a fulfilled order back."""
    items = order_items(item or ())
    async with run.client() as client:
        result = await client.return_order(
            oid, items, restock=restock, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(result, "Took units of the order back")


@app.command("cancel")
@admin_command(Effect.WRITE)
async def cancel(
    run: AdminRun,
    oid: OidArgument,
    item: ItemOption = None,
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Take units out of an open or placed order; they return to stock. Without units, the order is cancelled."""
    items = order_items(item or ())
    async with run.client() as client:
        result = await client.cancel_order_items(
            oid, items, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(result, "Cancelled units of the order; they are back in stock")


@app.command("deadline")
@admin_command(Effect.WRITE)
async def set_deadline(
    run: AdminRun, oid: OidArgument, time: DeadlineArgument, expected_version: options.ExpectedVersionOption = None
) -> None:
    """Let an open or placed order expire at a time; its units return to stock then."""
    async with run.client() as client:
        result = await client.set_order_deadline(
            oid, time, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(result, "Changed the order")
