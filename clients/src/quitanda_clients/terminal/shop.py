"""quitanda-shop on the whole screen: products, the order that is being filled, and the customer's orders."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, cast

from textual import on
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input, Static

from quitanda.codec.document_filters import DocumentFilter
from quitanda.domain.limits import ID_LENGTH_MAX
from quitanda.domain.model import Order, OrderItem, OrderState, Product
from quitanda.domain.value_checks import check_id
from quitanda.errors import Rejected
from quitanda_clients.cli import exit_codes
from quitanda_clients.client import ShopClient
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.application import QuitandaTerminal, first_screen_keys
from quitanda_clients.terminal.change_view import TerminalChange
from quitanda_clients.terminal.orders import STATES, OrderListView, OrderView
from quitanda_clients.terminal.products import ProductListView, ProductView
from quitanda_clients.terminal.rows_view import RowsPage
from quitanda_clients.terminal.shop_changes import ShopChanges, open_order
from quitanda_clients.terminal.steps import Step
from quitanda_clients.terminal.text_line import TextLine
from quitanda_clients.terminal.texts import TerminalTexts, one_line
from quitanda_clients.terminal.view import TerminalView
from quitanda_clients.tokens import NoTokenError

MakeShopClient = Callable[[str], ShopClient]
"""Makes the client of the customer with this id."""


class ShopTerminal(QuitandaTerminal):
    """A customer's interface. Without a customer's id it asks for one first."""

    FIRST_SCREEN_NAMES: ClassVar = (N_("Products"), N_("My order"), N_("My orders"))
    BINDINGS: ClassVar = first_screen_keys(FIRST_SCREEN_NAMES)

    def __init__(self, make_client: MakeShopClient, customer_id: str, texts: TerminalTexts, **shown: bool) -> None:
        super().__init__(texts, **shown)
        self._make_client = make_client
        self._customer_id = customer_id
        self._client: ShopClient | None = None

    @property
    def client(self) -> ShopClient:
        """The customer's client."""
        if self._client is None:
            raise LookupError("nobody has said who orders")
        return self._client

    def on_mount(self) -> None:
        """Begin, or ask who orders."""
        if self._customer_id:
            self.enter(self._customer_id)
        else:
            self.push_screen(EntranceView(), self.enter)

    def enter(self, customer_id: str | None) -> None:
        """Begin for a customer."""
        if customer_id:
            try:
                self._client = self._make_client(customer_id)
            except NoTokenError as error:
                self.exit(exit_codes.WRONG_USE, message=str(error))
            else:
                self.begin(self._client, one_line(customer_id))

    async def on_unmount(self) -> None:
        """Close the connections."""
        await self.end_feed()
        if self._client is not None:
            await self._client.close()


class ShopView(TerminalView):
    """What the shop's screens have."""

    @property
    def shop(self) -> ShopClient:
        """The customer's client."""
        return cast("ShopTerminal", self.app).client


class EntranceView(TerminalView):
    """Asks who orders."""

    def heading(self) -> str:
        """Name the screen."""
        return self.texts.gettext("Sign in")

    def named_keys(self) -> dict[str, str]:
        """Name the key that goes on."""
        return {"enter": N_("Sign in")}

    def body(self) -> Iterator[Widget]:
        """Ask for the id."""
        yield Static(self.texts.label("customer_id"), markup=False, classes="label")
        yield TextLine(self.texts.label("customer_id"), identity="customer", limit=ID_LENGTH_MAX)
        yield Static(
            self.texts.gettext(
                "The shop gave you this id. A token, where the shop asks for one, is read from QUITANDA_TOKEN or from "
                "the file of --token-file."
            ),
            markup=False,
            classes="hint",
            id="detail",
        )

    def on_mount(self) -> None:
        """Begin in the field."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def typed(self, event: Input.Submitted) -> None:
        """Take the id."""
        customer_id = event.value.strip()
        if wrong := check_id("customer_id", customer_id):
            self.say(self.texts.explain(Rejected(wrong)).text)
        else:
            self.dismiss(customer_id)


class ShopProductsView(ShopView, ProductListView):
    """Browse and search; put units into the order."""

    BINDINGS: ClassVar = [
        Binding("plus", "add(1)", N_("One more")),
        Binding("minus", "add(-1)", N_("One less")),
        Binding("a", "choose", N_("Quantity")),
        Binding("f", "in_stock", N_("In stock only")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._in_stock = False

    def wanted(self) -> DocumentFilter:
        """Give what is searched for."""
        return DocumentFilter(self.words, in_stock=self._in_stock)

    def heading(self) -> str:
        """Name what is shown."""
        return self.texts.gettext("In stock only") if self._in_stock else self.texts.gettext("Products")

    def open_row(self, row: Product) -> None:
        """Show the product."""
        self.terminal.push_screen(ShopProductView(row.product_id))

    def action_in_stock(self) -> None:
        """Show those alone of which there are units, or all."""
        self._in_stock = not self._in_stock
        self.load()

    def action_add(self, step: int) -> None:
        """Put one unit more or less into the order."""
        _change_quantity(self, self.chosen, step)

    def action_choose(self) -> None:
        """Ask for how many."""
        _change_quantity(self, self.chosen, None)


class ShopProductView(ShopView, ProductView):
    """One product."""

    BINDINGS: ClassVar = [
        Binding("plus", "add(1)", N_("One more")),
        Binding("minus", "add(-1)", N_("One less")),
        Binding("a", "choose", N_("Quantity")),
    ]

    def action_add(self, step: int) -> None:
        """Put one unit more or less into the order."""
        _change_quantity(self, self.product, step)

    def action_choose(self) -> None:
        """Ask for how many."""
        _change_quantity(self, self.product, None)


def _change_quantity(view: ShopView, product: Product | None, step: int | None) -> None:
    if product is None:
        return
    changes = ShopChanges(view.shop, view.texts)
    view.say("")
    if step is None:
        view.terminal.prepare_change(lambda: changes.quantity(product))
    else:
        view.terminal.take_step(Step((product.product_id,), step, partial(changes.quantity, product)))


class ShopOrderView(ShopView, OrderView):
    """One order of the customer; an open one she can change."""

    BINDINGS: ClassVar = [
        Binding("plus", "add(1)", N_("One more")),
        Binding("minus", "add(-1)", N_("One less")),
        Binding("delete", "add(-1000000)", N_("Take out")),
        Binding("p", "place", N_("Place")),
        Binding("x", "cancel", N_("Cancel")),
    ]

    async def find(self) -> tuple[Order | None, int]:
        """Find the order."""
        found = await self.shop.get_order(self.order_id, include_closed=True)
        return found.document, found.revision

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer changes while the order is open, and to place it where it has lines."""
        if action in {"add", "place", "cancel"}:
            is_open = self.order is not None and self.order.state == OrderState.OPEN
            return is_open and (action == "cancel" or bool(self.rows))
        return super().check_action(action, parameters)

    def enter_text(self) -> str:
        """Name what Enter does with a line of an open order."""
        return N_("Quantity") if self.check_action("add", ()) else ""

    def open_row(self, row: OrderItem) -> None:
        """Ask for how many units of a line there shall be."""
        self.ask(lambda: self._line_of(row.product_id))

    def action_add(self, step: int) -> None:
        """Change the units of the line under the cursor."""
        if self.chosen is not None:
            line = (self.order_id, self.chosen.product_id)
            self.say("")
            self.terminal.take_step(Step(line, step, partial(self._changes.line_step, *line)))

    def action_place(self) -> None:
        """Ask whether to place the order."""
        self.ask(lambda: self._move(self._changes.place))

    def action_cancel(self) -> None:
        """Ask whether to cancel the order."""
        self.ask(lambda: self._move(self._changes.cancel))

    @property
    def _changes(self) -> ShopChanges:
        return ShopChanges(self.shop, self.texts)

    def _move(self, make: Callable[[Order, Any], TerminalChange]) -> TerminalChange | None:
        return None if self.order is None else make(self.order, self._reread(make))

    def _line_of(self, product_id: str) -> TerminalChange | None:
        """Change the units of a line of the order as it is shown."""
        if self.order is None or self.order.state != OrderState.OPEN:
            return None
        return self._changes.line(self.order, product_id)

    def _reread(self, make: Callable[[Order, Any], TerminalChange]) -> Callable[[], Any]:
        async def again() -> TerminalChange:
            found = await self.shop.get_order(self.order_id, include_closed=True)
            return make(found.document, self._reread(make))

        return again


class BasketView(ShopOrderView):
    """The order that is being filled."""

    EMPTY = N_("No order is open. Choose a product to begin one: 1")

    def heading(self) -> str:
        """Name the screen."""
        return self.texts.gettext("My order")

    async def find(self) -> tuple[Order | None, int]:
        """Find the newest open order."""
        return await open_order(self.shop)


class ShopOrdersView(ShopView, OrderListView):
    """The customer's orders, in all states."""

    async def fetch(self, page_token: str) -> RowsPage:
        """Fetch a page."""
        states = [self.state] if self.state else [state for state in STATES if state]
        page = await self.shop.orders_page(100, page_token, states=states)
        return RowsPage(page.documents, page.revision, page.next_page_token)

    def open_row(self, row: Any) -> None:
        """Show the order."""
        self.terminal.push_screen(ShopOrderView(row.order_id))


ShopTerminal.FIRST_SCREENS = (ShopProductsView, BasketView, ShopOrdersView)
