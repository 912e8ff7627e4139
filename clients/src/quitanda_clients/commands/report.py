"""quitanda-admin report: what the shop's lists come to, each from one snapshot."""

from datetime import UTC, date, datetime, tzinfo
from typing import Annotated, Final

import typer

from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.runs import AdminRun, admin_command
from quitanda_clients.cli.values import day, time_zone
from quitanda_clients.i18n.speech import say
from quitanda_clients.reports.sales import Period, SalesBy

_FIRST_DAY: Final = date(1970, 1, 1)
"""Times of orders count from here, and are not negative."""

app = typer.Typer(no_args_is_help=True)

ZoneOption = Annotated[
    tzinfo | None,
    typer.Option(
        "--time-zone",
        parser=time_zone,
        metavar="ZONE",
        help="The time zone of the days: America/Sao_Paulo, or -03:00. (Default: UTC.)",
    ),
]


@app.command("sales")
@admin_command(Effect.READ)
async def sales(
    run: AdminRun,
    first: Annotated[date, typer.Option("--from", parser=day, metavar="DAY", help="The first day: 2027-01-31.")],
    last: Annotated[
        date | None, typer.Option("--to", parser=day, metavar="DAY", help="The last day. (Default: today.)")
    ] = None,
    by: Annotated[SalesBy, typer.Option("--by", help="For what each row stands, besides a state.")] = SalesBy.DAY,
    zone: ZoneOption = None,
) -> None:
    """Show what was ordered from one day to another: orders, units and money, by the state that the orders have now.

    An order belongs to the day on which it was created.
    """
    period = Period(first, last or _today(zone or UTC), zone or UTC)
    if period.first < _FIRST_DAY:
        raise typer.BadParameter(
            say("{first} is before {begin}; no order is so old", first=period.first, begin=_FIRST_DAY),
            param_hint="--from",
        )
    if period.last < period.first:
        raise typer.BadParameter(
            say("{last} is before {first}, the first day", last=period.last, first=period.first), param_hint="--to"
        )
    await _report_sales(run, by, period)


@app.command("today")
@admin_command(Effect.READ)
async def sales_of_today(run: AdminRun, zone: ZoneOption = None) -> None:
    """Show what was ordered today: orders, units and money, by the state that the orders have now."""
    today = _today(zone or UTC)
    await _report_sales(run, SalesBy.STATE, Period(today, today, zone or UTC))


@app.command("stock-value")
@admin_command(Effect.READ)
async def stock_value(run: AdminRun) -> None:
    """Show what the units on hand are worth, at the prices that their products have now.

    Units that open and placed orders hold are not on hand.
    """
    from quitanda_clients.cli.report_views import stock_report  # noqa: PLC0415 - `--help` does not need it
    from quitanda_clients.reports.fetching import fetch_stock_value  # noqa: PLC0415

    async with run.client() as client:
        rows, revision = await fetch_stock_value(client)
    run.output.report(stock_report(rows, revision))


def _today(zone: tzinfo) -> date:
    return datetime.now(zone).date()


async def _report_sales(run: AdminRun, by: SalesBy, period: Period) -> None:
    from quitanda_clients.cli.progress import shown_progress  # noqa: PLC0415
    from quitanda_clients.cli.report_views import sales_report  # noqa: PLC0415
    from quitanda_clients.reports.fetching import fetch_sales  # noqa: PLC0415

    async with run.client() as client:
        with shown_progress(None, quiet=run.as_json, doing=say("adding up"), unit="order") as done:
            tally, revision = await fetch_sales(client, by, period, done)
    run.output.report(sales_report(tally, period, revision))
