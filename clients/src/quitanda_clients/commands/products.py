"""quitanda-admin product."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quitanda_clients.cli import options
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.printable import printable
from quitanda_clients.cli.settings import Format
from quitanda_clients.cli.values import extra_fields, one_id, price, whole_number
from quitanda_clients.commands import import_options
from quitanda_clients.commands.admin_run import AdminRun, command
from quitanda_clients.paging import LISTED_MAX

if TYPE_CHECKING:
    from quitanda_clients.client import AdminClient

app = typer.Typer(no_args_is_help=True)

PidArgument = Annotated[str | None, typer.Argument(metavar="PID", help="The product's id.", show_default=False)]
PidOption = Annotated[
    str | None, typer.Option("--pid", metavar="PID", help="The product's id, instead of the argument.")
]
PriceHelp = "Price of one unit, for example 2.50."


@app.command("create")
@command(Effect.WRITE)
async def create(
    run: AdminRun,
    pid: Annotated[str, typer.Option("--pid", metavar="PID", help="The new product's id.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The product's name.")],
    price_text: Annotated[str, typer.Option("--price", metavar="PRICE", help=PriceHelp)],
    quantity: Annotated[int, typer.Option("--quantity", parser=whole_number, metavar="N", help="Units on hand.")],
    description: Annotated[str, typer.Option("--description", metavar="TEXT", help="What the product is.")] = "",
    field: options.FieldOption = None,
) -> None:
    """Add a product."""
    minor_units, extra = price(price_text), extra_fields(field or ())
    async with run.client() as client:
        answer = await client.create_product(
            pid, name, minor_units, quantity, description=description, extra=extra, request_id=run.request_id
        )
        run.output.document(answer, "Created the product")


@app.command("get")
@command(Effect.READ)
async def get(run: AdminRun, argument: PidArgument = None, pid: PidOption = None) -> None:
    """Show a product."""
    product_id = one_id(argument, pid, "--pid")
    async with run.client() as client:
        run.output.document(await client.get_product(product_id, consistency=run.consistency))


@app.command("update")
@command(Effect.WRITE)
async def update(
    run: AdminRun,
    argument: PidArgument = None,
    pid: PidOption = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The new name.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="The new description.")
    ] = None,
    price_text: Annotated[str | None, typer.Option("--price", metavar="PRICE", help=PriceHelp)] = None,
    quantity: options.QuantityOption = None,
    field: options.FieldOption = None,
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Change what is given of a product; `--field NAME:=null` removes a field.

    --quantity sets the units on hand to exactly this; `adjust-stock` adds or takes.
    """
    product_id = one_id(argument, pid, "--pid")
    minor_units = None if price_text is None else price(price_text)
    extra = extra_fields(field or ())
    async with run.client() as client:
        answer = await client.update_product(
            product_id,
            name=name,
            description=description,
            price=minor_units,
            quantity=quantity,
            extra=extra,
            expected_version=expected_version,
            request_id=run.request_id,
        )
        run.output.document(answer, "Changed the product")


def _question(given: Mapping[str, Any]) -> str:
    """Ask before a deletion, unless --yes."""
    if given["yes"]:
        return ""
    also = " and take it out of every order" if given["cascade"] else ""
    return f"Delete the product {printable(str(given['argument'] or given['pid']))}{also}?"


@app.command("delete")
@command(Effect.WRITE, _question)
async def delete(
    run: AdminRun,
    argument: PidArgument = None,
    pid: PidOption = None,
    cascade: options.CascadeOption = False,
    yes: options.YesOption = False,  # noqa: ARG001 - what is asked first looks at it
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Delete a product; one in live orders only with --cascade, which takes it out of them."""
    product_id = one_id(argument, pid, "--pid")
    async with run.client() as client:
        deleted = await client.delete_product(
            product_id, cascade=cascade, expected_version=expected_version, request_id=run.request_id
        )
        run.output.deleted("product", product_id, deleted)


@app.command("adjust-stock", context_settings={"ignore_unknown_options": True})
@command(Effect.WRITE)
async def adjust_stock(
    run: AdminRun,
    pid: Annotated[str, typer.Argument(metavar="PID", help="The product's id.")],
    delta: Annotated[int, typer.Argument(metavar="DELTA", parser=whole_number, help="Units to add, or to take: -3.")],
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Add to the units on hand, or take from them; never below zero."""
    async with run.client() as client:
        answer = await client.adjust_stock(pid, delta, expected_version=expected_version, request_id=run.request_id)
        run.output.document(answer, "Adjusted the stock of the product")


@app.command("list")
@command(Effect.READ)
async def list_products(
    run: AdminRun,
    limit: options.LimitOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow prices and stock until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.1, max=3600, metavar="SECONDS", help="Time between looks with --watch.")
    ] = 1.0,
) -> None:
    """List the products, by id."""
    async with run.client() as client:
        if not watch:
            run.output.listing("products", await client.list_products(limit or LISTED_MAX))
            return
        await _watch(run, client, limit or LISTED_MAX, interval)


async def _watch(run: AdminRun, client: "AdminClient", limit: int, interval: float) -> None:
    """Show a live table on a terminal, otherwise print the changes."""
    if run.format is Format.TABLE and sys.stdout.isatty():
        from quitanda_clients.commands.live_table import show_live  # noqa: PLC0415 - rich is loaded only when it is used

        await show_live(client, limit, interval)
    else:
        from quitanda_clients.commands.watch import print_changes  # noqa: PLC0415 - few commands need it

        await print_changes(client, run.output, limit, interval, as_json=run.as_json)


@app.command("import")
@command(Effect.WRITES)
async def import_csv(
    run: AdminRun,
    file: import_options.FileArgument,
    update: import_options.UpdateOption = False,
    skip_invalid: import_options.SkipInvalidOption = False,
    dry_run: import_options.DryRunOption = False,
    column: import_options.MapOption = None,
    encoding: import_options.EncodingOption = None,
    delimiter: import_options.DelimiterOption = None,
    decimal: import_options.DecimalOption = None,
    in_flight: import_options.InFlightOption = 64,
    run_label: import_options.RunLabelOption = "",
) -> int:
    """Create products from a CSV file with a header line.

    Columns: product_id, name, description, price, quantity (quantity_change adds or takes); other columns are kept as
    text fields. New products need product_id, name and price. What the file has no column for is left as it is; an
    empty value empties a text, and leaves the stock. Exports of other shops' programs are known, and Portuguese names.

    The whole file is checked first. An import that was interrupted can be given again: rows that are done
    are not done twice.
    """
    from quitanda_clients.commands.import_csv import FileOptions, import_file  # noqa: PLC0415 - few commands need it
    from quitanda_clients.csv_import.checked_file import Reading  # noqa: PLC0415
    from quitanda_clients.csv_import.importer import ImportOptions  # noqa: PLC0415
    from quitanda_clients.csv_import.rows import PRODUCTS  # noqa: PLC0415

    reading = Reading(delimiter, encoding, decimal, import_options.columns(column or []), update)
    sending = ImportOptions(update=update, label=run_label, in_flight=in_flight)
    return await import_file(run, PRODUCTS, FileOptions(file, reading, skip_invalid, sending, dry_run))
