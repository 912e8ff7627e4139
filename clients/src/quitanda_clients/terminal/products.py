"""Products on the screen: the list that can be searched and follows the stock, and one product."""

from typing import Any, ClassVar

from quitanda.codec.document_filters import DocumentFilter, passes, searched_fields
from quitanda.codec.watches import WatchedChange
from quitanda.domain.model import Kind, Product
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.detail_view import DetailView
from quitanda_clients.terminal.rows import RowColumn
from quitanda_clients.terminal.rows_view import PAGE_SIZE, RowsPage, RowsView
from quitanda_clients.terminal.texts import TerminalTexts, one_line


def stock_text(product: Product, texts: TerminalTexts, *, for_staff: bool) -> str:
    """Say how many units there are; to staff also that a product is low."""
    number = texts.formats.number(product.quantity)
    if for_staff:
        low = texts.gettext("low")
        return f"{number} ({low})" if product.low else number
    return number if product.quantity else texts.gettext("sold out")


class ProductListView(RowsView):
    """Products by id, all or those that are searched for."""

    KINDS = frozenset({Kind.PRODUCT})
    SEARCHES: ClassVar[bool] = True
    EMPTY = N_("No products here.")
    FOR_STAFF: ClassVar[bool] = False

    def wanted(self) -> DocumentFilter:
        """Give what is searched for."""
        return DocumentFilter(self.words)

    def columns(self) -> tuple[RowColumn, ...]:
        """Name, price and stock; where there is room also the id."""
        return (
            RowColumn(N_("Product id"), self.identity, 18, is_id=True, spare=1),
            RowColumn(N_("Name"), lambda product: one_line(product.name)),
            RowColumn(N_("Price"), lambda product: self.texts.formats.money(product.price), 12, number=True),
            RowColumn(N_("Stock"), self._stock, 12, number=True),
        )

    def _stock(self, product: Product) -> str:
        return stock_text(product, self.texts, for_staff=self.FOR_STAFF)

    async def fetch(self, page_token: str) -> RowsPage:
        """Fetch a page."""
        wanted, client = self.wanted(), self.terminal.client
        if wanted == DocumentFilter():
            page = await client.page(Kind.PRODUCT, PAGE_SIZE, page_token)
        else:
            page = await client.found_page(Kind.PRODUCT, wanted, PAGE_SIZE, page_token)
        return RowsPage(page.documents, page.revision, page.next_page_token)

    def identity(self, row: Product) -> str:
        """Name a product."""
        return row.product_id

    def take(self, change: WatchedChange) -> bool:
        """Show a product's new stock and price where it stays in the list."""
        changed = change.document
        index = next((i for i, row in enumerate(self.rows) if row.product_id == change.document_id), None)
        if not isinstance(changed, Product) or index is None:
            return False
        if not passes(self.wanted())(searched_fields(changed)):
            return False
        if changed.version > self.rows[index].version:
            self.rows[index] = changed
            self.show_rows()
        return True


class ProductView(DetailView):
    """One product."""

    KIND = Kind.PRODUCT
    FOR_STAFF: ClassVar[bool] = False

    def __init__(self, product_id: str) -> None:
        super().__init__(product_id)
        self.product: Product | None = None

    async def find(self) -> int:
        """Fetch the product."""
        found = await self.terminal.client.get_product(self.document_id)
        self.product = found.document
        return found.revision

    def facts(self) -> list[tuple[str, str]]:
        """Name, price, stock and the rest."""
        product = self.product
        if product is None:
            return []
        facts: list[tuple[str, Any]] = [
            (self.texts.label("name"), one_line(product.name)),
            (self.texts.label("price"), self.texts.formats.money(product.price)),
            (self.texts.gettext("Stock"), stock_text(product, self.texts, for_staff=self.FOR_STAFF)),
            (self.texts.label("description"), product.description),
        ]
        if self.FOR_STAFF:
            facts.insert(3, (self.texts.label("reorder_level"), self.texts.formats.number(product.reorder_level)))
        return facts
