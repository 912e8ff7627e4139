"""What a report is in a file: CSV for spreadsheets, in which no text is a formula, and JSON for programs."""

import csv
import io
from collections.abc import Sequence

from quitanda_clients.cli.document_views import csv_columns, known_values
from quitanda_clients.cli.report_views import ShopReport, report_text, sales_report, stock_report
from quitanda_clients.reports.sales import Period, SalesTally
from quitanda_clients.reports.stock_value import StockRow
from quitanda_clients.spreadsheet_formulas import as_text


def sales_file(tally: SalesTally, period: Period, revision: int, *, as_json: bool) -> str:
    """Write what the orders of a period come to."""
    return _text(sales_report(tally, period, revision), as_json=as_json)


def stock_file(rows: Sequence[StockRow], revision: int, *, as_json: bool) -> str:
    """Write what the stock is worth."""
    return _text(stock_report(rows, revision), as_json=as_json)


def report_csv(report: ShopReport) -> str:
    """Write the rows, without the totals; a text that may look like a formula has an apostrophe before it."""
    numbers = {each.csv for each in report.views if each.number}
    text = io.StringIO()
    writer = csv.DictWriter(text, csv_columns(report.views), lineterminator="\n")
    writer.writeheader()
    for row in report.rows:
        values = known_values(report.views, row).items()
        writer.writerow({name: each if name in numbers else as_text(each) for name, each in values})
    return text.getvalue()


def _text(report: ShopReport, *, as_json: bool) -> str:
    return f"{report_text(report)}\n" if as_json else report_csv(report)
