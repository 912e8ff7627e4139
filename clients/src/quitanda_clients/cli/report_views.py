"""How people and programs see reports: the columns of each, and what stands below its rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from quitanda.codec.money import format_price
from quitanda_clients.cli.document_views import FieldView, known_values
from quitanda_clients.cli.wording import counted
from quitanda_clients.i18n.speech import say, say_money
from quitanda_clients.reports.sales import Period, SalesBy, SalesRow, SalesTally
from quitanda_clients.reports.stock_value import StockRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopReport:
    """A report as it is at a revision.

    `totals` are rows that sum up all rows of one state. `facts` say what was asked for. `result` has the numbers of
    which the `sentence` tells people, as JSON.
    """

    name: str
    revision: int
    views: tuple[FieldView, ...]
    rows: Sequence[Any]
    result: Mapping[str, str]
    sentence: str
    totals: Sequence[SalesRow] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def _number(name: str, *, label: str = "", spare: int = 0) -> FieldView:
    return FieldView(name=name, label=label or name, csv=name, number=True, spare=spare)


def _money(name: str, *, label: str = "", spare: int = 0) -> FieldView:
    return replace(_number(name, label=label, spare=spare), money=True, text=say_money, csv_value=format_price)


_AMOUNTS: Final = (
    FieldView(name="state", label="state", csv="state", text=say),
    _number("orders", spare=3),
    _number("units"),
    _money("total"),
    _number("returned", spare=1),
    _money("returned_total", label="price of these", spare=2),
)

SALES: Final[Mapping[SalesBy, tuple[FieldView, ...]]] = {
    SalesBy.DAY: (FieldView(name="key", label="day", csv="day"), *_AMOUNTS),
    SalesBy.CUSTOMER: (FieldView(name="key", label="customer", csv="customer_id"), *_AMOUNTS),
    SalesBy.PRODUCT: (
        FieldView(name="key", label="product", csv="product_id"),
        FieldView(name="name", label="name", folds=True, spare=4, csv="name"),
        *_AMOUNTS,
    ),
    SalesBy.STATE: _AMOUNTS,
}

STOCK: Final = (
    FieldView(name="product_id", label="product", csv="product_id"),
    FieldView(name="name", label="name", folds=True, spare=1, csv="name"),
    _number("quantity", label="on hand"),
    _money("price", spare=2),
    _money("value"),
)


def sales_report(tally: SalesTally, period: Period, revision: int) -> ShopReport:
    """Make the report of the orders of a period; by state, its rows are the totals."""
    sold, price = tally.sold.units, format_price(tally.sold.total)
    return ShopReport(
        name="sales",
        revision=revision,
        views=SALES[tally.by],
        rows=tally.rows(),
        totals=[] if tally.by is SalesBy.STATE else tally.totals(),
        result={"sold": str(sold), "sold_total": price},
        sentence=say(
            "Sold, without what was returned: {units} for {price}.",
            units=counted(sold, "unit"),
            price=say_money(tally.sold.total),
        ),
        facts={
            "from": period.first.isoformat(),
            "to": period.last.isoformat(),
            "time_zone": str(period.zone),
            "by": tally.by.value,
        },
    )


def stock_report(rows: Sequence[StockRow], revision: int) -> ShopReport:
    """Make the report of what the stock is worth."""
    units, worth = sum(row.quantity for row in rows), sum(row.value for row in rows)
    return ShopReport(
        name="stock-value",
        revision=revision,
        views=STOCK,
        rows=rows,
        result={"units": str(units), "value": format_price(worth)},
        sentence=say("On hand: {units}, worth {value}.", units=counted(units, "unit"), value=say_money(worth)),
    )


def report_text(report: ShopReport) -> str:
    """Write a report as JSON; prices as decimal numbers with all their digits."""
    asked = {"revision": report.revision, "report": report.name, **report.facts}
    members = [json.dumps(asked, ensure_ascii=False)[1:-1]]
    members.append(f'"rows": {_rows_text(report.views, report.rows)}')
    if report.totals:
        members.append(f'"totals": {_rows_text(_AMOUNTS, report.totals)}')
    members += [f'"{name}": {number}' for name, number in report.result.items()]
    return f"{{{', '.join(members)}}}"


def _rows_text(views: tuple[FieldView, ...], rows: Iterable[Any]) -> str:
    return f"[{', '.join(_row_text(views, row) for row in rows)}]"


def _row_text(views: tuple[FieldView, ...], row: Any) -> str:
    numbers = {each.csv for each in views if each.number}
    values = known_values(views, row).items()
    members = (
        f'"{name}": {value if name in numbers else json.dumps(value, ensure_ascii=False)}' for name, value in values
    )
    return f"{{{', '.join(members)}}}"
