"""quitanda-admin order: what the shop sees of its customers' orders, and does with them."""

from typing import Annotated, Any, Final

import typer

from quitanda.domain.model import Kind, OrderState
from quitanda_clients.cli import options
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.cli.values import moment, order_items
from quitanda_clients.commands import import_options
from quitanda_clients.commands.made_parameters import with_parameters
from quitanda_clients.commands.orders import DeadlineArgument
from quitanda_clients.i18n.speech import say

LINES_DEFAULT: Final = 100
"""Orders that a list shows where nobody says how many: all orders that a shop has ever had are too many."""

app = typer.Typer(no_args_is_help=True)

StateOption = Annotated[
    list[OrderState] | None,
    typer.Option("--state", help="Only orders in this state; you may repeat this option. (Default: every state.)"),
]
FromOption = Annotated[
    int | None,
    typer.Option(
        "--from",
        metavar="TIME",
        parser=moment,
        show_default=False,
        help="Only orders made at this time or later: 2027-01-31, or 2027-01-31T18:00, in UTC.",
    ),
]
BeforeOption = Annotated[
    int | None,
    typer.Option(
        "--before", metavar="TIME", parser=moment, show_default=False, help="Only orders made before this time."
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Show at most N of them.")]
OidArgument = Annotated[str, typer.Argument(metavar="OID", help="The order's id.")]
ItemOption = Annotated[
    list[str] | None,
    typer.Option(
        "--item",
        metavar="PID=QTY",
        help="So many units of a product; you may repeat this option. (Default: all units that are left.)",
    ),
]


@app.command("list")
@admin_command(Effect.READ)
async def list_orders(
    run: AdminRun,
    state: StateOption = None,
    customer: Annotated[
        str, typer.Option("--customer", metavar="CID", help="Only orders of this customer, who may be deleted.")
    ] = "",
    product: Annotated[
        str, typer.Option("--product", metavar="PID", help="Only orders with this product, which may be deleted.")
    ] = "",
    made_from: FromOption = None,
    made_before: BeforeOption = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Begin with the oldest order.")] = False,
    limit: LimitOption = LINES_DEFAULT,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then follow the orders until Ctrl-C: one line for each change.")
    ] = False,
) -> None:
    """List orders of all customers with their totals, the newest first.

    Without options these are the newest orders in every state. An order must meet all options that are given. With
    --watch the newest order comes last, and each change of an order that meets the options then is a line below it.
    """
    from quitanda.codec.queries import FindOrders  # noqa: PLC0415 - `--help` does not need it

    states = tuple(each.value for each in state or ())
    query = FindOrders(states, customer, product, made_from or 0, made_before or 0, newest_first=not oldest_first)
    if watch and oldest_first:
        raise typer.BadParameter(say("with --watch the newest order comes last"), param_hint="--oldest-first")
    async with run.client() as client:
        if watch:
            from quitanda_clients.commands.watch_orders import print_order_changes  # noqa: PLC0415 - few need it

            await print_order_changes(client, run.output, query, limit, as_json=run.as_json)
            return
        run.output.listing("orders", await client.find_orders(query, limit), "orders_of_shop")


@app.command("show")
@admin_command(Effect.READ)
async def show(run: AdminRun, oid: OidArgument) -> None:
    """Show an order of any customer with its items and totals, also where it is closed."""
    async with run.client() as client:
        run.output.document(await client.get_order(oid, include_closed=True))


@app.command("fulfil")
@admin_command(Effect.WRITE)
async def fulfil(run: AdminRun, oid: OidArgument, expected_version: options.ExpectedVersionOption = None) -> None:
    """Let the units of a placed order leave for good."""
    async with run.client() as client:
        result = await client.fulfil_order(oid, expected_version=expected_version, request_id=run.request_id)
        run.output.document(result, say("Fulfilled the order"))


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
        run.output.document(result, say("Took units of the order back"))


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
        run.output.document(result, say("Cancelled units of the order; they are back in stock"))


async def _import(run: AdminRun, /, **typed: Any) -> int:
    """Bring orders that the shop had elsewhere, live and closed ones, from a CSV file or from JSON Lines.

    The file is as `export orders` writes it: CSV has a row for each item, with the columns order_id, customer_id,
    state, created, state_since, placed, expires, product_id, name, unit_price, quantity, returned and restocked; times
    are in UTC unless they say otherwise. Columns order.NAME and item.NAME become fields of your own, as text. JSON
    Lines keep every detail; only they may be cut into parts anywhere.

    Customers, and the products of open and placed orders, must exist. Open and placed orders bring their units with
    them: the units on hand stay as they are. An order that exists is never changed.

    The command checks the whole file first. You can give an interrupted import again: nothing is done twice.
    """
    from quitanda_clients.commands.import_csv import import_file  # noqa: PLC0415 - few commands need it
    from quitanda_clients.csv_import.rows import SCHEMAS  # noqa: PLC0415

    return await import_file(run, SCHEMAS[Kind.ORDER], import_options.read(**typed))


app.command("import")(
    admin_command(Effect.WRITES)(with_parameters(_import, AdminRun, import_options.parameters(Kind.ORDER)))
)


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
        run.output.document(result, say("Changed the order"))
