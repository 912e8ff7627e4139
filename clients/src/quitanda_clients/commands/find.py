"""product find, of both programs, and quitanda-admin customer find."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from quitanda.domain.model import Kind
from quitanda_clients.cli.command_run import Effect
from quitanda_clients.cli.options import LimitOption
from quitanda_clients.cli.runs import AdminRun, ShopRun, admin_command, shop_command
from quitanda_clients.cli.values import price
from quitanda_clients.paging import LISTED_MAX

if TYPE_CHECKING:
    from quitanda.codec.document_filters import DocumentFilter

WordsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORDS", help="Words, or beginnings of words; accents and case do not count.", show_default=False
    ),
]
PriceFromOption = Annotated[str | None, typer.Option("--price-from", metavar="PRICE", help="The lowest price.")]
PriceToOption = Annotated[str | None, typer.Option("--price-to", metavar="PRICE", help="The highest price.")]
InStockOption = Annotated[bool, typer.Option("--in-stock", help="Only products with units on hand.")]
LowOption = Annotated[
    bool, typer.Option("--low", help="Only products that have no more units on hand than their reorder level.")
]


@admin_command(Effect.READ)
async def find_customers(run: AdminRun, words: WordsArgument = None, limit: LimitOption = None) -> None:
    """Find customers by words of their ids and names, ordered by id."""
    async with run.client() as client:
        found = await client.find(Kind.CUSTOMER, _filter(words), limit or LISTED_MAX)
        run.output.listing("customers", found)


@admin_command(Effect.READ)
async def find_products(
    run: AdminRun,
    words: WordsArgument = None,
    price_from: PriceFromOption = None,
    price_to: PriceToOption = None,
    in_stock: InStockOption = False,
    low: LowOption = False,
    limit: LimitOption = None,
) -> None:
    """Find products by words of their ids, names and descriptions, by price and by stock, ordered by id."""
    wanted = _filter(words, price_from, price_to, in_stock=in_stock, low=low)
    async with run.client() as client:
        run.output.listing("products", await client.find(Kind.PRODUCT, wanted, limit or LISTED_MAX))


@shop_command(Effect.READ)
async def find_products_of_shop(
    run: ShopRun,
    words: WordsArgument = None,
    price_from: PriceFromOption = None,
    price_to: PriceToOption = None,
    in_stock: InStockOption = False,
    limit: LimitOption = None,
) -> None:
    """Find products by words of their ids, names and descriptions, by price and by stock, ordered by id."""
    wanted = _filter(words, price_from, price_to, in_stock=in_stock)
    async with run.client() as client:
        run.output.listing("products", await client.find(Kind.PRODUCT, wanted, limit or LISTED_MAX))


def _filter(
    words: Sequence[str] | None,
    price_from: str | None = None,
    price_to: str | None = None,
    *,
    in_stock: bool = False,
    low: bool = False,
) -> "DocumentFilter":
    from quitanda.codec.document_filters import DocumentFilter  # noqa: PLC0415 - only these commands need it

    return DocumentFilter(
        " ".join(words or ()),
        None if price_from is None else price(price_from, "--price-from"),
        None if price_to is None else price(price_to, "--price-to"),
        in_stock=in_stock,
        low=low,
    )
