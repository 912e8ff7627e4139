"""The whole state in memory, for tests and history checkers, and the histories of its documents."""

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Sequence
from typing import Final, TypeVar

from quitanda.codec.change_records import HISTORY_ENTRY_CODEC, encode_records, find_entry
from quitanda.domain.commands import Request
from quitanda.domain.document_history import HISTORY_LEVEL, recorded
from quitanda.domain.levels import FIRST_LEVEL
from quitanda.domain.limits import REMEMBERED_REQUESTS_MAX
from quitanda.domain.model import Credential, Customer, Document, Kind, Order, Product
from quitanda.domain.order_states import is_live
from quitanda.domain.state import Change, Delete, Execution, Put, StateView, StoredOutcome
from quitanda.domain.webhook_model import SenderLease, Webhook, WebhookChange, WebhookRemoval

_Document = TypeVar("_Document", Customer, Product, Order, Credential)


class InMemoryState:
    """A StateView over dictionaries, which takes up what executing requests comes to.

    Everything is listed in ascending order of ids. Of the remembered outcomes, the oldest beyond
    `remembered_max` are forgotten.
    """

    def __init__(self, remembered_max: int = REMEMBERED_REQUESTS_MAX) -> None:
        self._remembered_max: Final = remembered_max
        self._level = FIRST_LEVEL
        self._last_version = 0
        self._customers: dict[str, Customer] = {}
        self._products: dict[str, Product] = {}
        self._clock_ms = 0
        self._orders: dict[str, Order] = {}
        self._closed_orders: dict[str, Order] = {}
        self._credentials: dict[str, Credential] = {}
        self._webhooks: dict[str, Webhook] = {}
        self._sender_lease = SenderLease()
        self._by_customer: dict[str, list[str]] = {}
        self._by_product: dict[str, list[str]] = {}
        self._remembered: dict[tuple[str, str], StoredOutcome] = {}

    @property
    def level(self) -> int:
        """The level of rules that this state is at."""
        return self._level

    @property
    def last_version(self) -> int:
        """The highest version given to any document so far; 0 at first."""
        return self._last_version

    @property
    def clock_ms(self) -> int:
        """What the state's own clock shows, in milliseconds since 1970-01-01T00:00Z."""
        return self._clock_ms

    def customer(self, customer_id: str) -> Customer | None:
        """Return the customer, or None."""
        return self._customers.get(customer_id)

    def product(self, product_id: str) -> Product | None:
        """Return the product, or None."""
        return self._products.get(product_id)

    def order(self, order_id: str) -> Order | None:
        """Return the live order, or None."""
        return self._orders.get(order_id)

    def closed_order(self, order_id: str) -> Order | None:
        """Return the closed order, or None."""
        return self._closed_orders.get(order_id)

    def credential(self, credential_id: str) -> Credential | None:
        """Return the credential, or None."""
        return self._credentials.get(credential_id)

    def credentials_of(self, customer_id: str, limit: int) -> Sequence[str]:
        """Return ids of the customer's credentials, with "" those of staff; ascending, at most `limit`."""
        ids = (each.credential_id for each in self.credentials() if each.customer_id == customer_id)
        return tuple(ids)[:limit]

    def orders_of_customer(self, customer_id: str, limit: int) -> Sequence[str]:
        """Return ids of the customer's live orders, ascending, at most `limit`."""
        return tuple(self._by_customer.get(customer_id, ())[:limit])

    def closed_orders_of_customer(self, customer_id: str, limit: int) -> Sequence[str]:
        """Return ids of the customer's closed orders, ascending, at most `limit`."""
        return tuple(order.order_id for order in self.closed_orders() if order.customer_id == customer_id)[:limit]

    def count_live_orders(self, customer_id: str) -> int:
        """Return how many live orders the customer has."""
        return len(self._by_customer.get(customer_id, ()))

    def orders_with_product(self, product_id: str, limit: int) -> Sequence[str]:
        """Return ids of the live orders that hold the product, ascending, at most `limit`."""
        return tuple(self._by_product.get(product_id, ())[:limit])

    def due_orders(self, now_ms: int, limit: int) -> Sequence[str]:
        """Return ids of live orders whose deadlines are at `now_ms` or before, by deadline and id, at most `limit`."""
        due = [(each.expires_at_ms, each.order_id) for each in self.orders() if 0 < each.expires_at_ms <= now_ms]
        return tuple(order_id for _, order_id in sorted(due)[:limit])

    def webhook(self, webhook_id: str) -> Webhook | None:
        """Return the webhook, or None."""
        return self._webhooks.get(webhook_id)

    def webhook_ids(self, limit: int) -> Sequence[str]:
        """Return ids of the webhooks, ascending, at most `limit`."""
        return sorted(self._webhooks)[:limit]

    def sender_lease(self) -> SenderLease:
        """Return which portal sends to webhooks."""
        return self._sender_lease

    def remembered(self, scope: str, request_id: str) -> StoredOutcome | None:
        """Return the outcome remembered for a request, or None."""
        return self._remembered.get((scope, request_id))

    def documents(self) -> Iterator[Document]:
        """Yield all customers, then all products, all live orders, all credentials, and all closed orders."""
        yield from _ascending(self._customers)
        yield from _ascending(self._products)
        yield from _ascending(self._orders)
        yield from _ascending(self._credentials)
        yield from _ascending(self._closed_orders)

    def customers(self) -> Iterator[Customer]:
        """Yield all customers."""
        return _ascending(self._customers)

    def products(self) -> Iterator[Product]:
        """Yield all products."""
        return _ascending(self._products)

    def orders(self) -> Iterator[Order]:
        """Yield all live orders."""
        return _ascending(self._orders)

    def closed_orders(self) -> Iterator[Order]:
        """Yield all closed orders."""
        return _ascending(self._closed_orders)

    def orders_in_states(self, customer_id: str, states: Collection[str]) -> list[Order]:
        """List the customer's orders that are in one of the states, without any the live ones, by id."""
        mine = (order for order in (*self.orders(), *self.closed_orders()) if order.customer_id == customer_id)
        wanted = (order for order in mine if (order.state in states if states else is_live(order)))
        return sorted(wanted, key=lambda order: order.order_id)

    def credentials(self) -> Iterator[Credential]:
        """Yield all credentials."""
        return _ascending(self._credentials)

    def memories(self) -> Iterator[tuple[tuple[str, str], StoredOutcome]]:
        """Yield all remembered outcomes with their (scope, request id), the oldest first."""
        return iter(self._remembered.items())

    def apply(self, request: Request, execution: Execution) -> None:
        """Take up what executing `request` on this state came to."""
        for change in execution.changes:
            self._change(change)
        self._level = execution.level or self._level
        self._clock_ms = self._clock_ms if execution.clock_ms is None else execution.clock_ms
        for webhook_change in execution.webhooks:
            self._change_webhooks(webhook_change)
        if execution.remember is not None:
            self._remembered[request.scope, request.request_id] = execution.remember
            while len(self._remembered) > self._remembered_max:
                del self._remembered[next(iter(self._remembered))]

    def _change(self, change: Change) -> None:
        match change:
            case Put(document):
                self._put(document)
                self._last_version = document.version
            case Delete(kind, document_id):
                self._last_version += self._level >= HISTORY_LEVEL
                self._delete(kind, document_id)

    def _change_webhooks(self, change: WebhookChange) -> None:
        match change:
            case Webhook():
                self._webhooks[change.webhook_id] = change
                self._last_version = max(self._last_version, change.version)
            case WebhookRemoval():
                self._last_version += 1
                del self._webhooks[change.webhook_id]
            case SenderLease():
                self._sender_lease = change

    def _put(self, document: Document) -> None:
        match document:
            case Customer():
                self._customers[document.customer_id] = document
            case Product():
                self._products[document.product_id] = document
            case Order():
                self._put_order(document)
            case Credential():
                self._credentials[document.credential_id] = document

    def _put_order(self, order: Order) -> None:
        self._unindex(self._orders.pop(order.order_id, None))
        self._closed_orders.pop(order.order_id, None)
        if is_live(order):
            self._orders[order.order_id] = order
            self._index(order)
        else:
            self._closed_orders[order.order_id] = order

    def _delete(self, kind: Kind, document_id: str) -> None:
        match kind:
            case Kind.CUSTOMER:
                del self._customers[document_id]
            case Kind.PRODUCT:
                del self._products[document_id]
            case Kind.ORDER:
                self._unindex(self._orders.pop(document_id))
            case Kind.CREDENTIAL:
                del self._credentials[document_id]

    def _index(self, order: Order) -> None:
        insort(self._by_customer.setdefault(order.customer_id, []), order.order_id)
        for item in order.items:
            insort(self._by_product.setdefault(item.product_id, []), order.order_id)

    def _unindex(self, order: Order | None) -> None:
        if order is None:
            return
        _remove(self._by_customer, order.customer_id, order.order_id)
        for item in order.items:
            _remove(self._by_product, item.product_id, order.order_id)


class InMemoryHistory:
    """What each request changed, by document. Nothing is forgotten."""

    def __init__(self) -> None:
        self.records: dict[int, bytes] = {}
        """What each request changed, by the number of its first change."""
        self._entries: dict[tuple[Kind, str], list[bytes]] = {}
        self._numbers: dict[tuple[Kind, str], int] = {}
        """Of each document's last change."""

    def record(self, state: StateView, request: Request, execution: Execution, revision: int) -> None:
        """Take up what a request is about to change of the state; below the level of histories, nothing."""
        if state.level < HISTORY_LEVEL:
            return
        made = recorded(state, request, execution.changes, self._deletion_of, execution.webhooks)
        if not made.changes:
            return
        value = encode_records(revision, [made])
        self.records[made.changes[0].number] = value
        for change in made.changes:
            document = (change.kind, change.document_id)
            entry, *_ = find_entry(value, change.number)
            self._entries.setdefault(document, []).append(HISTORY_ENTRY_CODEC.write(entry).SerializeToString())
            self._numbers[document] = change.number

    def _deletion_of(self, kind: Kind, document_id: str) -> int:
        return self._numbers.get((kind, document_id), 0)

    def entries(self, kind: Kind, document_id: str) -> Sequence[bytes]:
        """Give the encoded entries of a document's history, the newest first."""
        return self._entries.get((kind, document_id), [])[::-1]


def _ascending(documents: dict[str, _Document]) -> Iterator[_Document]:
    return (documents[document_id] for document_id in sorted(documents))


def _remove(index: dict[str, list[str]], key: str, order_id: str) -> None:
    order_ids = index[key]
    del order_ids[bisect_left(order_ids, order_id)]
    if not order_ids:
        del index[key]
