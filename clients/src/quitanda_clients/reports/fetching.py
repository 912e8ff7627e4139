"""Reads what the reports are about from the portals, each report from one snapshot."""

from collections.abc import Callable

from quitanda.codec.queries import FindOrders
from quitanda_clients.client import AdminClient
from quitanda_clients.paging import from_one_snapshot, pages
from quitanda_clients.reports.sales import Period, SalesBy, SalesTally
from quitanda_clients.reports.stock_value import StockRow, stock_row

Counted = Callable[[int], None]
"""Is called with the number of orders that were read so far; it begins anew where the list has to."""


def count_nothing(_orders: int) -> None:
    """Take no notice of how many orders were read."""


async def fetch_sales(
    client: AdminClient, by: SalesBy, period: Period, done: Counted = count_nothing
) -> tuple[SalesTally, int]:
    """Add up the orders that were made in a period; give the sums and their revision. Raises what reading raises."""
    return await from_one_snapshot(lambda: _tallied(client, by, period, done))


async def fetch_stock_value(client: AdminClient) -> tuple[list[StockRow], int]:
    """Say what the units on hand of each product are worth, by id; give the rows and their revision."""
    return await from_one_snapshot(lambda: _stock_rows(client))


async def _tallied(client: AdminClient, by: SalesBy, period: Period, done: Counted) -> tuple[SalesTally, int]:
    tally = SalesTally(by, period.zone)
    revision = count = 0
    query = FindOrders(created_from_ms=period.from_ms, created_before_ms=period.to_ms)
    async for page in pages(client.found_orders(query)):
        for order in page.documents:
            tally.add(order)
        count, revision = count + len(page.documents), page.revision
        done(count)
    return tally, revision


async def _stock_rows(client: AdminClient) -> tuple[list[StockRow], int]:
    rows: list[StockRow] = []
    revision = 0
    async for page in pages(client.products_page):
        rows += map(stock_row, page.documents)
        revision = page.revision
    return rows, revision
