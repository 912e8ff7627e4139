"""quitanda-admin customer."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from quitanda_clients.cli import options
from quitanda_clients.cli.effect import Effect
from quitanda_clients.cli.printable import printable
from quitanda_clients.cli.values import extra_fields, one_id
from quitanda_clients.commands import import_options
from quitanda_clients.commands.admin_run import AdminRun, command
from quitanda_clients.paging import LISTED_MAX

app = typer.Typer(no_args_is_help=True)

CidArgument = Annotated[str | None, typer.Argument(metavar="CID", help="The customer's id.", show_default=False)]
CidOption = Annotated[
    str | None, typer.Option("--cid", metavar="CID", help="The customer's id, instead of the argument.")
]


@app.command("create")
@command(Effect.WRITE)
async def create(
    run: AdminRun,
    cid: Annotated[str, typer.Option("--cid", metavar="CID", help="The new customer's id.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The customer's name.")],
    field: options.FieldOption = None,
) -> None:
    """Register a customer."""
    extra = extra_fields(field or ())
    async with run.client() as client:
        answer = await client.create_customer(cid, name, extra=extra, request_id=run.request_id)
        run.output.document(answer, "Created the customer")


@app.command("get")
@command(Effect.READ)
async def get(run: AdminRun, argument: CidArgument = None, cid: CidOption = None) -> None:
    """Show a customer."""
    customer_id = one_id(argument, cid, "--cid")
    async with run.client() as client:
        run.output.document(await client.get_customer(customer_id, consistency=run.consistency))


@app.command("update")
@command(Effect.WRITE)
async def update(
    run: AdminRun,
    argument: CidArgument = None,
    cid: CidOption = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The new name.")] = None,
    field: options.FieldOption = None,
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Change what is given of a customer; `--field NAME:=null` removes a field."""
    customer_id = one_id(argument, cid, "--cid")
    extra = extra_fields(field or ())
    async with run.client() as client:
        answer = await client.update_customer(
            customer_id, name=name, extra=extra, expected_version=expected_version, request_id=run.request_id
        )
        run.output.document(answer, "Changed the customer")


def _question(given: Mapping[str, Any]) -> str:
    """Ask before a deletion, unless --yes."""
    if given["yes"]:
        return ""
    also = " and cancel all of its orders" if given["cascade"] else ""
    return f"Delete the customer {printable(str(given['argument'] or given['cid']))}{also}?"


@app.command("delete")
@command(Effect.WRITE, _question)
async def delete(
    run: AdminRun,
    argument: CidArgument = None,
    cid: CidOption = None,
    cascade: options.CascadeOption = False,
    yes: options.YesOption = False,  # noqa: ARG001 - what is asked first looks at it
    expected_version: options.ExpectedVersionOption = None,
) -> None:
    """Delete a customer; one with orders only with --cascade, which cancels them."""
    customer_id = one_id(argument, cid, "--cid")
    async with run.client() as client:
        deleted = await client.delete_customer(
            customer_id, cascade=cascade, expected_version=expected_version, request_id=run.request_id
        )
        run.output.deleted("customer", customer_id, deleted)


@app.command("list")
@command(Effect.READ)
async def list_customers(run: AdminRun, limit: options.LimitOption = None) -> None:
    """List the customers, by id."""
    async with run.client() as client:
        run.output.listing("customers", await client.list_customers(limit or LISTED_MAX))


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
    """Create customers from a CSV file with a header line.

    Columns: customer_id, name; other columns are kept as text fields. What the file has no column for is left as it
    is; an empty value removes a field of one's own.

    The whole file is checked first. An import that was interrupted can be given again: rows that are done
    are not done twice.
    """
    from quitanda_clients.commands.import_csv import FileOptions, import_file  # noqa: PLC0415 - few commands need it
    from quitanda_clients.csv_import.checked_file import Reading  # noqa: PLC0415
    from quitanda_clients.csv_import.importer import ImportOptions  # noqa: PLC0415
    from quitanda_clients.csv_import.rows import CUSTOMERS  # noqa: PLC0415

    reading = Reading(delimiter, encoding, decimal, import_options.columns(column or []), update)
    sending = ImportOptions(update=update, label=run_label, in_flight=in_flight)
    return await import_file(run, CUSTOMERS, FileOptions(file, reading, skip_invalid, sending, dry_run))
