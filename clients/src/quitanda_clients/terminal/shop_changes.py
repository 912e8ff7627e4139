"""The changes that a customer makes: of the order that she fills."""

from collections.abc import Mapping
from typing import Any, Final

from quitanda.domain.commands import CancelOrder, ItemQuantity, PlaceOrder
from quitanda.domain.model import Order, OrderState, Product
from quitanda.domain.outcomes import Problem, Reason, invalid
from quitanda.errors import Rejected
from quitanda.operations import SetOrderItem
from quitanda_clients.client import ShopClient
from quitanda_clients.terminal.change_view import TerminalChange
from quitanda_clients.terminal.texts import TerminalTexts, one_line

OPEN_ORDERS_MAX: Final = 100
"""Among so many open orders the newest one is looked for."""


async def open_order(client: ShopClient) -> tuple[Order | None, int]:
    """Find the order that is being filled, the newest of the open ones; with the revision of what was seen."""
    listing = await client.list_orders(OPEN_ORDERS_MAX, states=[OrderState.OPEN])
    if not listing.documents:
        return None, listing.revision
    try:
        found = await client.get_order(listing.documents[-1].order_id)
    except Rejected as rejected:
        if rejected.refused.reason is not Reason.ORDER_NOT_FOUND:
            raise
        return None, listing.revision  # it was closed meanwhile
    return found.document, found.revision


class ShopChanges:
    """The changes that a customer makes."""

    def __init__(self, client: ShopClient, texts: TerminalTexts) -> None:
        self._client = client
        self._texts = texts

    async def quantity(self, product: Product, step: int | None = None) -> TerminalChange | None:
        """Set the units of a product in the order that is being filled; with a step, by so many more."""
        order, _ = await open_order(self._client)
        held = sum(item.quantity for item in order.items if item.product_id == product.product_id) if order else 0
        wanted = max(0, held + step) if step is not None else held or 1
        if step is not None and wanted == held:
            return None
        return self.set_item(order, product.product_id, product.name, wanted, lambda: self._again(product))

    async def _again(self, product: Product) -> TerminalChange:
        order, _ = await open_order(self._client)
        held = sum(item.quantity for item in order.items if item.product_id == product.product_id) if order else 0
        return self.set_item(order, product.product_id, product.name, held, lambda: self._again(product))

    def line(self, order: Order, product_id: str, step: int = 0) -> TerminalChange:
        """Set the units of a line of an order; begin with so many more than it has."""
        line = next((item for item in order.items if item.product_id == product_id), None)
        name, held = (line.name, line.quantity) if line else (product_id, 0)

        async def again() -> TerminalChange:
            found = await self._client.get_order(order.order_id, include_closed=True)
            return self.line(found.document, product_id)

        return self.set_item(order, product_id, name, max(0, held + step), again)

    async def line_step(self, order_id: str, product_id: str, step: int) -> TerminalChange | None:
        """Put so many more units of a line into an order, as it is now; None: none is left to take out."""
        order = (await self._client.get_order(order_id, include_closed=True)).document
        held = sum(item.quantity for item in order.items if item.product_id == product_id)
        return self.line(order, product_id, step) if max(0, held + step) != held else None

    def set_item(
        self, order: Order | None, product_id: str, name: str, quantity: int, reread: Any = None
    ) -> TerminalChange:
        """Set the units of a product in an order, or begin an order with it. Both are one change."""

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            wanted = values["quantity"]
            if order is not None:
                await self._client.set_order_item(
                    order.order_id, product_id, wanted, expected_version=order.version, request_id=request_id
                )
            elif wanted == 0:
                raise Rejected(invalid("quantity", Problem.MISSING))
            else:
                await self._client.create_order([ItemQuantity(product_id, wanted)], request_id=request_id)
            return self._texts.done("in-order")

        return TerminalChange(
            title=name,
            send=send,
            command=SetOrderItem,
            fields=("quantity",),
            values={"quantity": quantity},
            detail=self._texts.gettext("How many units of {name} shall be in your order? 0 takes it out.").format(
                name=one_line(name)
            ),
            reread=reread,
        )

    def place(self, order: Order, reread: Any) -> TerminalChange:
        """Commit the customer to her order, as she saw it."""

        async def send(_values: Mapping[str, Any], request_id: str) -> str:
            await self._client.place_order(order.order_id, expected_version=order.version, request_id=request_id)
            return self._texts.done("placed")

        total = self._texts.formats.money(order.total)
        return TerminalChange(
            title=self._texts.gettext("Place the order"),
            send=send,
            command=PlaceOrder,
            detail=self._texts.gettext("Place the order for {total}? Then only the shop can change it.").format(
                total=total
            ),
            reread=reread,
        )

    def cancel(self, order: Order, reread: Any) -> TerminalChange:
        """Cancel an open order, as its customer saw it."""

        async def send(_values: Mapping[str, Any], request_id: str) -> str:
            await self._client.cancel_order(order.order_id, expected_version=order.version, request_id=request_id)
            return self._texts.done("cancelled")

        return TerminalChange(
            title=self._texts.gettext("Cancel the order"),
            send=send,
            command=CancelOrder,
            detail=self._texts.gettext("Cancel the order, and give its units back?"),
            reread=reread,
        )
