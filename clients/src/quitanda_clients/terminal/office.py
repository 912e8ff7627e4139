"""quitanda-admin on the whole screen: products and stock, orders of the shop, customers, and the cluster."""

from typing import Any, ClassVar, Final, cast

from textual.binding import Binding

from quitanda.codec.document_filters import DocumentFilter
from quitanda.codec.queries import FindOrders
from quitanda.domain.commands import CancelOrderItems, FulfilOrder, ReturnOrder, SetOrderDeadline
from quitanda.domain.model import Kind, Order, OrderItem, OrderState, Product
from quitanda.domain.order_states import MOVES, Asker
from quitanda_clients.client import AdminClient
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.application import QuitandaTerminal, first_screen_keys
from quitanda_clients.terminal.cluster import ClusterView
from quitanda_clients.terminal.detail_view import DetailView
from quitanda_clients.terminal.history import HistoryView
from quitanda_clients.terminal.office_changes import DocumentChanges, OrderMoves
from quitanda_clients.terminal.orders import OrderListView, OrderView
from quitanda_clients.terminal.products import ProductListView, ProductView
from quitanda_clients.terminal.rows import RowColumn
from quitanda_clients.terminal.rows_view import PAGE_SIZE, RowsPage, RowsView
from quitanda_clients.terminal.texts import TerminalTexts, one_line
from quitanda_clients.terminal.view import TerminalView

COMMANDS: Final = {
    "fulfil": FulfilOrder,
    "cancel": CancelOrderItems,
    "take_back": ReturnOrder,
    "deadline": SetOrderDeadline,
}
"""The shop's moves of an order, by the keys' actions."""


class OfficeTerminal(QuitandaTerminal):
    """The interface of the shop's staff."""

    FIRST_SCREEN_NAMES: ClassVar = (N_("Products"), N_("Orders"), N_("Low stock"), N_("Customers"), N_("Cluster"))
    BINDINGS: ClassVar = first_screen_keys(FIRST_SCREEN_NAMES)

    def __init__(self, client: AdminClient, texts: TerminalTexts, **shown: bool) -> None:
        super().__init__(texts, **shown)
        self._client = client

    @property
    def client(self) -> AdminClient:
        """The staff's client."""
        return self._client

    def on_mount(self) -> None:
        """Begin."""
        self.begin(self._client, self.texts.gettext("Staff"))

    async def on_unmount(self) -> None:
        """Close the connections."""
        await self.end_feed()
        await self._client.close()


class OfficeView(TerminalView):
    """What the staff's screens have."""

    @property
    def office(self) -> AdminClient:
        """The staff's client."""
        return cast("OfficeTerminal", self.app).client

    @property
    def changes(self) -> DocumentChanges:
        """The changes of products and customers."""
        return DocumentChanges(self.office, self.texts)


class OfficeProductsView(OfficeView, ProductListView):
    """All products; new ones are made here."""

    FOR_STAFF: ClassVar[bool] = True
    BINDINGS: ClassVar = [Binding("n", "create", N_("New product")), Binding("s", "stock", N_("Stock"))]

    def heading(self) -> str:
        """Name the screen."""
        return self.texts.gettext("Products")

    def open_row(self, row: Product) -> None:
        """Show the product."""
        self.terminal.push_screen(OfficeProductView(row.product_id))

    def action_create(self) -> None:
        """Ask for what a new product needs."""
        self.ask(self.changes.new_product)

    def action_stock(self) -> None:
        """Ask for the change of a product's stock."""
        self.ask(lambda: self.changes.stock(self.chosen) if self.chosen is not None else None)


class LowStockView(OfficeProductsView):
    """The products of which new units should be ordered."""

    EMPTY = N_("Nothing runs low.")

    def wanted(self) -> DocumentFilter:
        """Give what is searched for."""
        return DocumentFilter(self.words, low=True)

    def heading(self) -> str:
        """Name the screen."""
        return self.texts.gettext("Low stock")


class OfficeProductView(OfficeView, ProductView):
    """One product, with what staff may do about it."""

    FOR_STAFF: ClassVar[bool] = True
    BINDINGS: ClassVar = [
        Binding("e", "edit", N_("Change")),
        Binding("s", "stock", N_("Stock")),
        Binding("d", "delete", N_("Delete")),
        Binding("h", "history", N_("History")),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer changes of what is known."""
        if action in {"edit", "stock", "delete"}:
            return self.product is not None
        return super().check_action(action, parameters)

    def action_edit(self) -> None:
        """Change the product."""
        self.ask(lambda: self.changes.edit_product(self.product) if self.product is not None else None)

    def action_stock(self) -> None:
        """Change its stock."""
        self.ask(lambda: self.changes.stock(self.product) if self.product is not None else None)

    def action_delete(self) -> None:
        """Delete it, and go back to the list."""
        self.ask(lambda: self.changes.delete(Kind.PRODUCT, self.product) if self.product else None, self.action_back)

    def action_history(self) -> None:
        """Show what was changed of it."""
        self.terminal.push_screen(HistoryView(Kind.PRODUCT, self.document_id))


class OfficeOrdersView(OfficeView, OrderListView):
    """The orders of all customers, the newest first."""

    def columns(self) -> tuple[RowColumn, ...]:
        """Also whose it is."""
        whose = RowColumn(N_("Customer"), lambda order: one_line(order.customer_id), 12, is_id=True)
        return (whose, *super().columns())

    async def fetch(self, page_token: str) -> RowsPage:
        """Fetch a page."""
        states = (self.state,) if self.state else ()
        query = FindOrders(states=states, newest_first=True, page_size=PAGE_SIZE, page_token=page_token)
        page = await self.office.found_orders_page(query)
        return RowsPage(page.documents, page.revision, page.next_page_token)

    def open_row(self, row: Any) -> None:
        """Show the order."""
        self.terminal.push_screen(OfficeOrderView(row.order_id))


class OfficeOrderView(OfficeView, OrderView):
    """One order, with the moves that its state allows to the shop."""

    BINDINGS: ClassVar = [
        Binding("f", "fulfil", N_("Fulfil")),
        Binding("x", "cancel", N_("Cancel")),
        Binding("t", "take_back", N_("Take back")),
        Binding("d", "deadline", N_("Deadline")),
        Binding("h", "history", N_("History")),
    ]

    async def find(self) -> tuple[Order | None, int]:
        """Find the order."""
        found = await self.office.get_order(self.order_id, include_closed=True)
        return found.document, found.revision

    def head(self) -> str:
        """Also whose it is."""
        whose = self.order.customer_id if self.order else ""
        label = self.texts.gettext("Customer")
        return "\n".join(filter(None, [f"{label}: {one_line(whose)}" if whose else "", super().head()]))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the moves of the order's state."""
        if command := COMMANDS.get(action):
            return self.order is not None and any(
                move.before == OrderState(self.order.state) and move.command is command and move.asker is Asker.SHOP
                for move in MOVES
            )
        return super().check_action(action, parameters)

    def action_fulfil(self) -> None:
        """Let the units leave."""
        self.ask(lambda: self._moves.fulfil(self.order) if self.order is not None else None)

    def action_cancel(self) -> None:
        """Give the units back to the stock."""
        self.ask(lambda: self._moves.cancel(self.order) if self.order is not None else None)

    def action_take_back(self) -> None:
        """Take the units back."""
        self.ask(lambda: self._moves.take_back(self.order) if self.order is not None else None)

    def action_deadline(self) -> None:
        """Set until when it is held."""
        self.ask(lambda: self._moves.deadline(self.order) if self.order is not None else None)

    def enter_text(self) -> str:
        """Name what Enter does with a line; of an order that is over, nothing."""
        return N_("Units") if self.check_action("cancel", ()) or self.check_action("take_back", ()) else ""

    def open_row(self, row: OrderItem) -> None:
        """Ask how many units of a line are cancelled, or came back; of an order that allows neither, nothing."""
        if self.enter_text():
            self.ask(lambda: self._moves.units(self.order, row.product_id) if self.order is not None else None)

    def action_history(self) -> None:
        """Show what was changed of it."""
        self.terminal.push_screen(HistoryView(Kind.ORDER, self.order_id))

    @property
    def _moves(self) -> OrderMoves:
        return OrderMoves(self.office, self.texts)


class CustomersView(OfficeView, RowsView):
    """All customers; new ones are registered here."""

    BINDINGS: ClassVar = [Binding("n", "create", N_("New customer"))]
    SEARCHES: ClassVar[bool] = True
    EMPTY = N_("No customers here.")

    def heading(self) -> str:
        """Name the screen."""
        return self.texts.gettext("Customers")

    def columns(self) -> tuple[RowColumn, ...]:
        """Id and name."""
        return (
            RowColumn(N_("Customer id"), self.identity, 18, is_id=True),
            RowColumn(N_("Name"), lambda customer: one_line(customer.name)),
        )

    def identity(self, row: Any) -> str:
        """Name a customer."""
        return str(row.customer_id)

    async def fetch(self, page_token: str) -> RowsPage:
        """Fetch a page."""
        if self.words:
            page = await self.office.found_page(Kind.CUSTOMER, DocumentFilter(self.words), PAGE_SIZE, page_token)
        else:
            page = await self.office.customers_page(PAGE_SIZE, page_token)
        return RowsPage(page.documents, page.revision, page.next_page_token)

    def open_row(self, row: Any) -> None:
        """Show the customer."""
        self.terminal.push_screen(CustomerView(row.customer_id))

    def action_create(self) -> None:
        """Ask for what a new customer needs."""
        self.ask(self.changes.new_customer)


class CustomerView(OfficeView, DetailView):
    """One customer, with what staff may do about her."""

    BINDINGS: ClassVar = [
        Binding("e", "edit", N_("Change")),
        Binding("d", "delete", N_("Delete")),
        Binding("h", "history", N_("History")),
    ]
    KIND = Kind.CUSTOMER

    def __init__(self, customer_id: str) -> None:
        super().__init__(customer_id)
        self.customer: Any = None

    async def find(self) -> int:
        """Fetch the customer."""
        found = await self.office.get_customer(self.document_id)
        self.customer = found.document
        return found.revision

    def facts(self) -> list[tuple[str, str]]:
        """Id and name."""
        if self.customer is None:
            return []
        return [
            (self.texts.label("customer_id"), self.customer.customer_id),
            (self.texts.label("name"), one_line(self.customer.name)),
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer changes of what is known."""
        if action in {"edit", "delete"}:
            return self.customer is not None
        return super().check_action(action, parameters)

    def action_edit(self) -> None:
        """Change the customer."""
        self.ask(lambda: self.changes.edit_customer(self.customer))

    def action_delete(self) -> None:
        """Delete the customer, and go back to the list."""
        self.ask(lambda: self.changes.delete(Kind.CUSTOMER, self.customer), self.action_back)

    def action_history(self) -> None:
        """Show what was changed of it."""
        self.terminal.push_screen(HistoryView(Kind.CUSTOMER, self.document_id))


OfficeTerminal.FIRST_SCREENS = (OfficeProductsView, OfficeOrdersView, LowStockView, CustomersView, ClusterView)
