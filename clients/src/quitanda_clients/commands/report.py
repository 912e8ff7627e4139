"""quitanda-admin report: what the shop's lists come to, each from one snapshot."""

from typing import TYPE_CHECKING

import typer

from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.paging import from_one_snapshot, pages

if TYPE_CHECKING:
    from quitanda_clients.client import AdminClient
    from quitanda_clients.reports.stock_value import StockRow

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _reports() -> None:
    """Add up what the shop has and what it sold."""


@app.command("stock-value")
@admin_command(Effect.READ)
async def stock_value(run: AdminRun) -> None:
    """Show what the units on hand are worth, at the prices that their products have now.

    Units that open and placed orders hold are not on hand.
    """
    from quitanda_clients.cli.report_views import stock_report  # noqa: PLC0415 - `--help` does not need it

    async with run.client() as client:
        rows, revision = await from_one_snapshot(lambda: _stock_rows(client))
    run.output.report(stock_report(rows, revision))


async def _stock_rows(client: "AdminClient") -> tuple[list["StockRow"], int]:
    from quitanda_clients.reports.stock_value import stock_row  # noqa: PLC0415

    rows: list[StockRow] = []
    revision = 0
    async for page in pages(client.products_page):
        rows += map(stock_row, page.documents)
        revision = page.revision
    return rows, revision
