"""Reports for staff: what was sold, what today brought, what the stock is worth; as chart, table, CSV and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from quitanda.domain.model import OrderState
from quitanda_clients.i18n import labels
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.reports.fetching import fetch_sales, fetch_stock_value
from quitanda_clients.reports.report_files import sales_file, stock_file
from quitanda_clients.reports.sales import Period, SalesBy, SalesRow
from quitanda_web.charts import Chart, ChartValue, columns, largest, lying_bars
from quitanda_web.downloads import download
from quitanda_web.problems import ShownProblem
from quitanda_web.site import WebPage, Who
from quitanda_web.visit import Visit

DAYS_DEFAULT: Final = 30
DAYS_MAX: Final = 366
ROWS_SHOWN_MAX: Final = 1_000
"""Of more rows the page shows the first ones; the files have all."""

_FILE_KINDS: Final = {"csv": "text/csv", "json": "application/json"}

BY: Final[Mapping[SalesBy, str]] = {
    SalesBy.DAY: N_("Day"),
    SalesBy.PRODUCT: N_("Product"),
    SalesBy.CUSTOMER: N_("Customer"),
}
"""What a report of sales may have rows for, besides states."""

_SEE_TABLE: Final = N_("The table below has the numbers.")
_WITHOUT_EFFECT: Final = frozenset({OrderState.CANCELLED.value, OrderState.EXPIRED.value})
_FIRST_DAY: Final = date(1970, 1, 1)
_NOT_A_DAY: Final = N_("{field} is not a day. Write it like {example}.")
_BACKWARDS: Final = N_("The last day is before the first one. Exchange them.")
_TOO_LONG: Final = N_("The report has more than {limit} days. Choose days that are nearer to each other.")
_TOO_EARLY: Final = N_("No order is so old. Choose a first day from {example} on.")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address asks for; with a `problem` the period is the usual one."""

    by: SalesBy
    period: Period
    problem: ShownProblem | None = None


async def show_sales(visit: Visit) -> Response:
    """Show what was ordered from one day to another, by day, product or customer."""
    asked = _read(visit)
    visit.problem = asked.problem
    period = asked.period
    tally, _ = await fetch_sales(visit.office, asked.by, period)
    rows = tally.rows()
    return visit.render(
        "office_sales.html",
        rows=rows[:ROWS_SHOWN_MAX],
        left_out=max(0, len(rows) - ROWS_SHOWN_MAX),
        totals=tally.totals(),
        sold=tally.sold,
        by=asked.by.value,
        kinds=BY,
        chart=_sales_chart(visit, asked.by, period, rows),
        first=period.first.isoformat(),
        last=period.last.isoformat(),
    )


async def show_today(visit: Visit) -> Response:
    """Show what was ordered today, by the state that the orders have now."""
    tally, _ = await fetch_sales(visit.office, SalesBy.STATE, _today(visit))
    values = [ChartValue(visit.state(row.state), row.total, visit.formats.money(row.total)) for row in tally.totals()]
    chart = lying_bars(visit.gettext(N_("Orders of today, by state")), visit.gettext(_SEE_TABLE), values)
    return visit.render("office_today.html", totals=tally.totals(), sold=tally.sold, chart=chart)


async def show_stock_value(visit: Visit) -> Response:
    """Show what the units on hand are worth; the products that are worth most first."""
    rows, _ = await fetch_stock_value(visit.office)
    rows.sort(key=lambda row: (-row.value, row.product_id))
    values = [ChartValue(row.name, row.value, visit.formats.money(row.value)) for row in rows]
    return visit.render(
        "office_stock_value.html",
        rows=rows[:ROWS_SHOWN_MAX],
        left_out=max(0, len(rows) - ROWS_SHOWN_MAX),
        units=sum(row.quantity for row in rows),
        value=sum(row.value for row in rows),
        chart=lying_bars(
            visit.gettext(N_("The products whose stock is worth most")), visit.gettext(_SEE_TABLE), largest(values)
        ),
    )


async def give_file(visit: Visit) -> Response:
    """Give a report as a file, which has all its rows."""
    report, kind = visit.parameter("report"), visit.parameter("kind")
    if kind not in _FILE_KINDS:
        raise HTTPException(404)
    as_json = kind == "json"
    match report:
        case "sales":
            asked = _read(visit)
            if asked.problem is not None:
                visit.problem = asked.problem
                return visit.render("error.html")
            period, by = asked.period, asked.by
        case "today":
            period, by = _today(visit), SalesBy.STATE
        case "stock-value":
            stock, revision = await fetch_stock_value(visit.office)
            return _file(f"{report}.{kind}", stock_file(stock, revision, as_json=as_json))
        case _:
            raise HTTPException(404)
    tally, revision = await fetch_sales(visit.office, by, period)
    name = f"{report}_{period.first.isoformat()}_{period.last.isoformat()}.{kind}"
    return _file(name, sales_file(tally, period, revision, as_json=as_json))


def _file(name: str, text: str) -> Response:
    return download(name, _FILE_KINDS[name.rpartition(".")[2]], text)


def _sales_chart(visit: Visit, by: SalesBy, period: Period, rows: Sequence[SalesRow]) -> Chart | None:
    """Draw what was ordered and has neither been cancelled nor expired."""
    totals: dict[str, int] = {}
    names: dict[str, str] = {}
    for row in rows:
        if row.state not in _WITHOUT_EFFECT:
            totals[row.key] = totals.get(row.key, 0) + row.total
            names[row.key] = row.name or row.key
    title = visit.gettext(N_("What was ordered and neither cancelled nor expired"))
    description = visit.gettext(_SEE_TABLE)
    money = visit.formats.money
    if by is SalesBy.DAY:
        days = [(period.first + timedelta(days=n)).isoformat() for n in range((period.last - period.first).days + 1)]
        values = [ChartValue(visit.formats.day(day), totals.get(day, 0), money(totals.get(day, 0))) for day in days]
        return columns(title, description, values)
    values = [ChartValue(names[key], total, money(total)) for key, total in totals.items()]
    return lying_bars(title, description, largest(values))


def _read(visit: Visit) -> _Asked:
    """Read the period and the kind of the rows from the address; without any, it is the last days, by day."""
    last = _today(visit).last
    usual = _Asked(SalesBy.DAY, Period(_usual_first(last), last, visit.formats.zone))
    by = next((kind for kind in BY if kind.value == visit.asked("by")), SalesBy.DAY)
    days = {"from": usual.period.first, "to": usual.period.last}
    for name in days:
        if text := visit.asked(name).strip():
            try:
                days[name] = date.fromisoformat(text)
            except ValueError:
                return _Asked(by, usual.period, _wrong(visit, name, _NOT_A_DAY, example=last.isoformat()))
    if visit.asked("to").strip() and not visit.asked("from").strip():
        days["from"] = _usual_first(days["to"])
    period = Period(days["from"], days["to"], visit.formats.zone)
    if period.first < _FIRST_DAY:
        return _Asked(by, usual.period, _wrong(visit, "from", _TOO_EARLY, example=_FIRST_DAY.isoformat()))
    if period.last < period.first:
        return _Asked(by, usual.period, _wrong(visit, "to", _BACKWARDS))
    if (period.last - period.first).days >= DAYS_MAX:
        return _Asked(by, usual.period, _wrong(visit, "from", _TOO_LONG, limit=str(DAYS_MAX)))
    return _Asked(by, period)


def _usual_first(last: date) -> date:
    """Give the first day where only the last one is asked for."""
    return max(_FIRST_DAY, last - timedelta(days=DAYS_DEFAULT - 1)) if last > _FIRST_DAY else _FIRST_DAY


def _wrong(visit: Visit, field: str, text: str, **facts: str) -> ShownProblem:
    label = visit.gettext(labels.field_label(field))
    return ShownProblem(visit.gettext(text).format(field=label, **facts), field, 422, "INVALID_ARGUMENT")


def _today(visit: Visit) -> Period:
    today = datetime.now(UTC).astimezone(visit.formats.zone).date()
    return Period(today, today, visit.formats.zone)


PAGES: Final = (
    WebPage("office_sales", "/office/reports/sales", Who.STAFF, show_sales),
    WebPage("office_today", "/office/reports/today", Who.STAFF, show_today),
    WebPage("office_stock_value", "/office/reports/stock-value", Who.STAFF, show_stock_value),
    WebPage("office_report_file", "/office/reports/{report}.{kind}", Who.STAFF, give_file),
)
