"""Orders as a customer and as the shop see them: the lists, one order with its lines, and the one being filled."""

from typing import Any, ClassVar, Final

from textual.binding import Binding

from quitanda.domain.model import Kind, Order, OrderItem, OrderState
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.rows import RowColumn
from quitanda_clients.terminal.rows_view import RowsPage, RowsView
from quitanda_clients.terminal.texts import TerminalTexts, one_line

STATES: Final = ("", *(state.value for state in OrderState))
"""What a list of orders shows: all, or those in one state."""


def item_columns(texts: TerminalTexts, *, given_back: bool) -> tuple[RowColumn, ...]:
    """Give the columns of an order's lines."""
    money = texts.formats.money
    returned = RowColumn(N_("Given back"), lambda item: texts.formats.number(item.returned), 10, number=True)
    return (
        RowColumn(N_("Product"), lambda item: one_line(item.name)),
        RowColumn(N_("Quantity"), lambda item: texts.formats.number(item.quantity), 10, number=True),
        *((returned,) if given_back else ()),
        RowColumn(N_("Price"), lambda item: money(item.unit_price), 12, number=True, spare=2),
        RowColumn(N_("Total"), lambda item: money(item.total), 12, number=True, spare=1),
    )


def order_columns(texts: TerminalTexts) -> tuple[RowColumn, ...]:
    """Give the columns of a list of orders."""
    return (
        RowColumn(N_("Order"), lambda order: one_line(order.order_id), is_id=True),
        RowColumn(N_("State"), lambda order: texts.state(order.state), 10),
        RowColumn(N_("Total"), lambda order: texts.formats.money(order.total), 12, number=True, spare=1),
        RowColumn(N_("Begun"), lambda order: texts.formats.minute(order.created_at_ms), 30, spare=2),
    )


class OrderListView(RowsView):
    """A list of orders, which a key narrows to one state."""

    BINDINGS: ClassVar = [Binding("f", "next_state", N_("Filter"))]
    KINDS = frozenset({Kind.ORDER})
    EMPTY = N_("No orders here.")

    def __init__(self) -> None:
        super().__init__()
        self.state = ""

    def columns(self) -> tuple[RowColumn, ...]:
        """Give the columns of a list of orders."""
        return order_columns(self.texts)

    def heading(self) -> str:
        """Name the state that is shown."""
        orders = self.texts.gettext("Orders")
        return f"{orders} ({self.texts.state(self.state)})" if self.state else orders

    def identity(self, row: Any) -> str:
        """Name an order."""
        return str(row.order_id)

    def action_next_state(self) -> None:
        """Show the orders in the next state; after the last one all."""
        self.state = STATES[(STATES.index(self.state) + 1) % len(STATES)]
        self.say("")
        self.show_title()
        self.load()


class OrderView(RowsView):
    """One order: what it is, and its lines."""

    KINDS = frozenset({Kind.ORDER})
    EMPTY = N_("The order has no products.")

    def __init__(self, order_id: str = "") -> None:
        super().__init__()
        self.order_id = order_id
        self.order: Order | None = None

    def columns(self) -> tuple[RowColumn, ...]:
        """Give the columns of an order's lines."""
        given_back = self.order is not None and any(item.returned for item in self.order.items)
        return item_columns(self.texts, given_back=given_back)

    def heading(self) -> str:
        """Name the order."""
        return " ".join(filter(None, [self.texts.gettext("Order"), one_line(self.order_id)]))

    def identity(self, row: OrderItem) -> str:
        """Name a line."""
        return row.product_id

    async def find(self) -> tuple[Order | None, int]:
        """Find the order as it is now, with the revision."""
        raise AssertionError("each screen says it")

    async def fetch(self, page_token: str) -> RowsPage:  # noqa: ARG002 - an order has one page
        """Fetch the order."""
        self.order, revision = await self.find()
        if self.order is not None:
            self.order_id = self.order.order_id
        items = self.order.items if self.order else ()
        self.refresh_bindings()
        return RowsPage(items, revision, head=self.head())

    def head(self) -> str:
        """Say what is known of the order beside its lines."""
        if self.order is None:
            return ""
        state, total = self.texts.state(self.order.state), self.texts.formats.money(self.order.total)
        facts = [  # the least important last: a low window shows four lines
            f"{self.texts.gettext('State')}: {state} · {self.texts.gettext('Total')}: {total}",
            *(
                f"{self.texts.gettext(label)}: {self.texts.formats.minute(moment_ms)}"
                for label, moment_ms in (
                    (N_("Expires"), self.order.expires_at_ms),
                    (N_("Begun"), self.order.created_at_ms),
                )
                if moment_ms
            ),
        ]
        return "\n".join(facts)
