"""The changes that staff make: of products, customers and orders."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from quitanda.domain.commands import (
    AdjustStock,
    CancelOrderItems,
    CreateCustomer,
    CreateProduct,
    DeleteCustomer,
    DeleteProduct,
    FulfilOrder,
    ItemQuantity,
    ReturnOrder,
    SetOrderDeadline,
    UpdateCustomer,
    UpdateProduct,
)
from quitanda.domain.field_types import ItemUnits
from quitanda.domain.model import Customer, Kind, Order, OrderState, Product
from quitanda_clients.client import AdminClient
from quitanda_clients.i18n.catalogue import CONTEXT_FREE as N_
from quitanda_clients.terminal.change_view import TerminalChange
from quitanda_clients.terminal.texts import TerminalTexts, one_line

PRODUCT_FIELDS: Final = ("name", "description", "price", "reorder_level")
_DELETIONS: Final[Mapping[Kind, type[DeleteProduct | DeleteCustomer]]] = {
    Kind.PRODUCT: DeleteProduct,
    Kind.CUSTOMER: DeleteCustomer,
}


@dataclass(frozen=True, slots=True)
class UnitsOfLine:
    """What is asked for where units of one line are cancelled or taken back."""

    quantity: ItemUnits
    restock: bool = False


class DocumentChanges:
    """The changes of products and customers. What is shown beside a form is changed as it was shown."""

    def __init__(self, client: AdminClient, texts: TerminalTexts) -> None:
        self._client = client
        self._texts = texts

    def new_product(self) -> TerminalChange:
        """Add a product."""

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            await self._client.create_product(**values, request_id=request_id)
            return self._texts.done("created")

        return TerminalChange(
            title=self._texts.gettext("New product"),
            send=send,
            command=CreateProduct,
            fields=("product_id", *PRODUCT_FIELDS, "quantity"),
            values={"reorder_level": 0},
        )

    def edit_product(self, product: Product) -> TerminalChange:
        """Change a product."""

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            await self._client.update_product(
                product.product_id, **values, expected_version=product.version, request_id=request_id
            )
            return self._texts.done("saved")

        async def again() -> TerminalChange:
            return self.edit_product((await self._client.get_product(product.product_id)).document)

        return TerminalChange(
            title=product.product_id,
            send=send,
            command=UpdateProduct,
            fields=PRODUCT_FIELDS,
            values={name: getattr(product, name) for name in PRODUCT_FIELDS},
            reread=again,
        )

    def stock(self, product: Product) -> TerminalChange:
        """Add to the units on hand, or take away. A sale meanwhile does not matter: the change is relative."""

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            await self._client.adjust_stock(product.product_id, **values, request_id=request_id)
            return self._texts.done("adjusted")

        return TerminalChange(
            title=self._texts.gettext("Adjust the stock"),
            send=send,
            command=AdjustStock,
            fields=("delta",),
            detail=f"{one_line(product.name)}: {self._texts.formats.number(product.quantity)}",
        )

    def new_customer(self) -> TerminalChange:
        """Register a customer; where customers need a secret it is shown once."""

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            made = await self._client.create_customer(**values, request_id=request_id)
            if not made.token:
                return self._texts.done("created")
            return self._texts.gettext("Created. The customer's secret, which is shown only now: {token}").format(
                token=made.token
            )

        return TerminalChange(
            title=self._texts.gettext("New customer"),
            send=send,
            command=CreateCustomer,
            fields=("customer_id", "name"),
        )

    def edit_customer(self, customer: Customer) -> TerminalChange:
        """Change a customer."""

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            await self._client.update_customer(
                customer.customer_id, **values, expected_version=customer.version, request_id=request_id
            )
            return self._texts.done("saved")

        async def again() -> TerminalChange:
            return self.edit_customer((await self._client.get_customer(customer.customer_id)).document)

        return TerminalChange(
            title=customer.customer_id,
            send=send,
            command=UpdateCustomer,
            fields=("name",),
            values={"name": customer.name},
            reread=again,
        )

    def delete(self, kind: Kind, document: Product | Customer) -> TerminalChange:
        """Delete a product or a customer."""
        command = _DELETIONS[kind]
        document_id = document.product_id if isinstance(document, Product) else document.customer_id

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            deletion = command(document_id, expected_version=document.version, **values)
            await self._client.execute(deletion, request_id=request_id)
            return self._texts.done("deleted")

        async def again() -> TerminalChange:
            return self.delete(kind, (await self._client.get(kind, document_id)).document)

        return TerminalChange(
            title=self._texts.gettext("Delete"),
            send=send,
            command=command,
            fields=("cascade",),
            detail=self._texts.gettext("Delete {name}? Nobody can bring it back.").format(name=one_line(document.name)),
            reread=again,
        )


class OrderMoves:
    """What the shop does with an order, as it was shown."""

    def __init__(self, client: AdminClient, texts: TerminalTexts) -> None:
        self._client = client
        self._texts = texts

    def fulfil(self, order: Order) -> TerminalChange:
        """Let the units leave."""

        async def send(_values: Mapping[str, Any], request_id: str) -> str:
            await self._client.fulfil_order(order.order_id, expected_version=order.version, request_id=request_id)
            return self._texts.done("fulfilled")

        return self._move(FulfilOrder, order, send, N_("Fulfil the order? Its units leave the shop."), self.fulfil)

    def cancel(self, order: Order) -> TerminalChange:
        """Give the units back to the stock."""

        async def send(_values: Mapping[str, Any], request_id: str) -> str:
            await self._client.cancel_order_items(order.order_id, expected_version=order.version, request_id=request_id)
            return self._texts.done("cancelled")

        question = N_("Cancel the order, and give its units back?")
        return self._move(CancelOrderItems, order, send, question, self.cancel)

    def take_back(self, order: Order) -> TerminalChange:
        """Take all units back that are left; into stock where that is ticked."""

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            await self._client.return_order(
                order.order_id, **values, expected_version=order.version, request_id=request_id
            )
            return self._texts.done("returned")

        question = N_("Take all units of the order back?")
        return self._move(ReturnOrder, order, send, question, self.take_back, {"restock": False})

    def deadline(self, order: Order) -> TerminalChange:
        """Set until when the order is held."""

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            await self._client.set_order_deadline(
                order.order_id, **values, expected_version=order.version, request_id=request_id
            )
            return self._texts.done("deadline")

        values = {"expires_at_ms": order.expires_at_ms}
        return self._move(SetOrderDeadline, order, send, N_("Until when it is held"), self.deadline, values)

    def units(self, order: Order, product_id: str) -> TerminalChange:
        """Cancel units of one line of a live order, or take units of a fulfilled one back."""
        line = next((item for item in order.items if item.product_id == product_id), None)
        name, left = (line.name, line.quantity - line.returned) if line else (product_id, 0)
        returns = order.state == OrderState.FULFILLED

        async def send(values: Mapping[str, Any], request_id: str) -> str:
            items = [ItemQuantity(product_id, values["quantity"])]
            if returns:
                await self._client.return_order(
                    order.order_id,
                    items,
                    restock=values["restock"],
                    expected_version=order.version,
                    request_id=request_id,
                )
                return self._texts.done("returned")
            changed = await self._client.cancel_order_items(
                order.order_id, items, expected_version=order.version, request_id=request_id
            )
            whole = changed.document.state == OrderState.CANCELLED
            return self._texts.done("cancelled" if whole else "partly-cancelled")

        question = N_("Which units came back?") if returns else N_("Which units are cancelled?")
        values = {"quantity": left, "restock": False} if returns else {"quantity": left}
        detail = f"{one_line(name)}: {self._texts.formats.number(left)}"
        return self._move(
            UnitsOfLine, order, send, question, lambda fresh: self.units(fresh, product_id), values, detail
        )

    def _move(
        self,
        command: type,
        order: Order,
        send: Callable[[Mapping[str, Any], str], Awaitable[str]],
        question: str,
        make: Callable[[Order], TerminalChange],
        values: Mapping[str, Any] | None = None,
        detail: str = "",
    ) -> TerminalChange:
        async def again() -> TerminalChange:
            return make((await self._client.get_order(order.order_id, include_closed=True)).document)

        detail = detail or f"{self._texts.gettext('Total')}: {self._texts.formats.money(order.total)}"
        return TerminalChange(
            title=one_line(order.order_id),
            send=send,
            command=command,
            fields=tuple(values or ()),
            values=values or {},
            detail=f"{self._texts.gettext(question)}\n{detail}",
            reread=again,
        )
