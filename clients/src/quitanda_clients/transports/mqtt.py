"""What customers do, over MQTT (version 3.1.1, QoS 1)."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from quitanda.codec.documents import OrderSummary, read_document, read_summary
from quitanda.codec.json_text import parse_json
from quitanda.domain.commands import ItemQuantity
from quitanda.domain.model import CustomFields, Kind, Order, Product
from quitanda.domain.outcomes import Refused
from quitanda.domain.validation import check_id
from quitanda.error_status import from_json_error
from quitanda.errors import OutcomeUnknown, QuitandaError, Rejected, Unavailable
from quitanda.mqtt.topics import reply_topic, request_topic
from quitanda_clients.addresses import Address
from quitanda_clients.paging import LISTED_MAX, whole_list
from quitanda_clients.request_ids import new_request_id
from quitanda_clients.results import TIMEOUT_DEFAULT, Answer, Consistency, Listing, Page, Slow, unnoticed
from quitanda_clients.retry import RetryPolicy, retry_until_deadline
from quitanda_clients.transports.mqtt_session import Fields, MqttSession

T = TypeVar("T")

WRITES: Final = frozenset({"create_order", "set_order_item", "set_order_items", "cancel_order"})
"""Operations that may have had an effect where no reply came."""

REPLY_SECONDS_MAX: Final = 2.0
"""Then the request is sent again: the portal that got it may stand still, and the broker gives it to another one."""


class MqttShopClient:
    """Implements `shop_client.ShopClient`; needs a running event loop from its first call on."""

    def __init__(
        self, customer_id: str, broker: Address, *, timeout: float = TIMEOUT_DEFAULT, slow: Slow = unnoticed
    ) -> None:
        self.customer_id = customer_id
        self.revision = 0
        # 18 characters: every broker of MQTT 3.1.1 accepts client ids of up to 23.
        session_id = f"s-{secrets.token_hex(8)}"
        self._session = MqttSession(broker, session_id, reply_topic(customer_id, session_id))
        self._timeout = timeout
        self._slow = slow

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect; calls in flight end with an error."""
        await self._session.close()

    async def create_order(
        self, items: Sequence[ItemQuantity] = (), *, extra: CustomFields = (), request_id: str | None = None
    ) -> Answer[Order]:
        """Place an order, empty or with first items, all or nothing; the answer has its id."""
        return await self._order("create_order", {"items": _items(items), **_extra(extra)}, request_id)

    async def set_order_item(
        self,
        order_id: str,
        product_id: str,
        quantity: int,
        *,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> Answer[Order]:
        """Set the units of one product in an order; zero removes it. `extra` is about this item."""
        fields = {"order_id": order_id, "product_id": product_id, "quantity": quantity}
        return await self._order(
            "set_order_item", {**fields, **_extra(extra), **_version(expected_version)}, request_id
        )

    async def set_order_items(
        self,
        order_id: str,
        items: Sequence[ItemQuantity] = (),
        *,
        extra: CustomFields = (),
        expected_version: int | None = None,
        request_id: str | None = None,
    ) -> Answer[Order]:
        """Set the units of several products at once, all or nothing; duplicates count with their sum.

        An extra field of the order (`extra`) or of an item that is set to JSON `null` is removed.
        """
        fields = {"order_id": order_id, "items": _items(items)}
        return await self._order(
            "set_order_items", {**fields, **_extra(extra), **_version(expected_version)}, request_id
        )

    async def get_order(
        self, order_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> Answer[Order]:
        """Fetch one of the customer's orders; refused with ORDER_NOT_FOUND."""
        return await self._order("get_order", {"order_id": order_id, **self._freshness(consistency, min_revision)})

    async def orders_page(self, page_size: int = 0, page_token: str = "") -> Page[OrderSummary]:
        """Fetch one page of the customer's orders, oldest first; size 0 is the portal's default."""
        result, revision = await self._ask("list_orders", {"page_size": page_size, "page_token": page_token})
        return _page(result, "orders", read_summary, revision)

    async def list_orders(self, limit: int = LISTED_MAX) -> Listing[OrderSummary]:
        """Fetch all of the customer's orders, oldest first, from one snapshot."""
        return await whole_list(self.orders_page, limit)

    async def cancel_order(
        self, order_id: str, *, expected_version: int | None = None, request_id: str | None = None
    ) -> Answer[Order]:
        """Remove an order; its units return to stock. The answer has the order as it was."""
        return await self._order("cancel_order", {"order_id": order_id, **_version(expected_version)}, request_id)

    async def get_product(
        self, product_id: str, *, consistency: Consistency = Consistency.LINEARIZABLE, min_revision: int = 0
    ) -> Answer[Product]:
        """Fetch a product; refused with PRODUCT_NOT_FOUND."""
        fields = {"product_id": product_id, **self._freshness(consistency, min_revision)}
        result, revision = await self._ask("get_product", fields)
        return Answer(_document(result, _product), revision)

    async def products_page(self, page_size: int = 0, page_token: str = "") -> Page[Product]:
        """Fetch one page of the products, by id; size 0 is the portal's default."""
        result, revision = await self._ask("list_products", {"page_size": page_size, "page_token": page_token})
        return _page(result, "products", _product, revision)

    async def list_products(self, limit: int = LISTED_MAX) -> Listing[Product]:
        """Fetch all products, by id, from one snapshot."""
        return await whole_list(self.products_page, limit)

    async def _order(self, operation: str, fields: Fields, request_id: str | None = None) -> Answer[Order]:
        if operation in WRITES:
            request_id = request_id or new_request_id()
        try:
            result, revision = await self._ask(operation, fields, request_id)
            return Answer(_document(result, _order_of), revision, request_id or "")
        except QuitandaError as error:
            error.request_id = request_id or ""
            raise

    def _freshness(self, consistency: Consistency, min_revision: int) -> Fields:
        return {"consistency": consistency.value, "min_revision": max(min_revision, self.revision)}

    async def _ask(self, operation: str, fields: Fields, request_id: str | None = None) -> tuple[Any, int]:
        """Send the request, with one id, until it is answered; returns the result and its revision."""
        if wrong := check_id("customer_id", self.customer_id):  # it would not make a topic
            raise Rejected(wrong)
        self._session.start()
        request_id = request_id or new_request_id()
        topic = request_topic(self.customer_id, operation)

        async def attempt(seconds: float) -> tuple[Any, int]:
            return _outcome(await self._session.exchange(topic, fields, request_id, seconds))

        policy = RetryPolicy(self._timeout, patience=REPLY_SECONDS_MAX, slow=self._slow)
        result, revision = await retry_until_deadline(attempt, policy, write=operation in WRITES)
        self.revision = max(self.revision, revision)
        return result, revision


def _outcome(reply: Fields) -> tuple[Any, int]:
    """Take a reply apart; raises what it says went wrong."""
    if "error" in reply:
        failure = from_json_error(reply["error"] if isinstance(reply["error"], Mapping) else {})
        if isinstance(failure, Refused):
            raise Rejected(failure)
        kind = Unavailable if failure.definite else OutcomeUnknown
        raise kind(f"a portal answered {str(failure) or failure.reason}")
    revision = reply.get("revision")
    if "result" not in reply or type(revision) is not int:
        raise OutcomeUnknown("a reply without a result and its revision")
    return reply["result"], revision


def _document(result: Any, read: Callable[[Any], T]) -> T:
    """Read a result; one that cannot be read says nothing about what happened."""
    try:
        return read(result)
    except ValueError as error:
        raise OutcomeUnknown(f"a reply that cannot be read: {error}") from error


def _page(result: Any, name: str, read: Callable[[Any], T], revision: int) -> Page[T]:
    try:
        documents = tuple(read(document) for document in result[name])
        return Page(documents, str(result["next_page_token"]), revision)
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"a reply that cannot be read: {error!r}") from error


def _order_of(result: Any) -> Order:
    order = read_document(Kind.ORDER, result)
    if not isinstance(order, Order):
        raise ValueError("not an order")  # noqa: TRY004 - a wrong reply, not a wrong type
    return order


def _product(result: Any) -> Product:
    product = read_document(Kind.PRODUCT, result)
    if not isinstance(product, Product):
        raise ValueError("not a product")  # noqa: TRY004 - a wrong reply, not a wrong type
    return product


def _items(items: Sequence[ItemQuantity]) -> list[Fields]:
    return [
        {"product_id": item.product_id, "quantity": item.quantity, **_extra(item.extra, f"items[{index}].extra")}
        for index, item in enumerate(items)
    ]


def _extra(extra: CustomFields, field: str = "extra") -> Fields:
    """Write unknown fields as the values that they are; raises Rejected where a text is not JSON."""
    return {"extra": {name: _value(text, f"{field}.{name}") for name, text in extra}} if extra else {}


def _value(text: str, field: str) -> Any:
    parsed = parse_json(text, field)
    if isinstance(parsed, Refused):
        raise Rejected(parsed)
    return parsed.value


def _version(expected_version: int | None) -> Fields:
    return {} if expected_version is None else {"expected_version": expected_version}
