"""The rules' view of the state in LevelDB, and the keys that their changes come to."""

from collections.abc import Sequence

from quitanda.codec.documents import id_of, kind_of
from quitanda.codec.webhooks import lease_text, read_lease, read_webhook, webhook_text
from quitanda.domain.model import ORDER_STATES_LEVEL, Credential, Customer, Document, Kind, Order, OrderState, Product
from quitanda.domain.order_states import is_live
from quitanda.domain.state import Change, Delete, Put, StoredOutcome
from quitanda.domain.webhook_model import SenderLease, Webhook, WebhookChange, WebhookRemoval
from quitanda_replica.state import dedup_window, keys, live_orders
from quitanda_replica.state.access import StateReader
from quitanda_replica.state.counters import Counters
from quitanda_replica.state.low_products import write_low
from quitanda_replica.state.stored_documents import WorkingSet
from quitanda_replica.state.write_set import WriteSet


class StoredState:
    """A `quitanda.domain.state.StateView` of a store or of a snapshot."""

    def __init__(self, state: StateReader, counters: Counters, working_set: WorkingSet) -> None:
        self._state = state
        self._counters = counters
        self._working_set = working_set

    @property
    def level(self) -> int:
        """The level of rules that this state is at."""
        return self._counters.level

    @property
    def last_version(self) -> int:
        """The highest version given to any document so far; 0 at first."""
        return self._counters.last_version

    @property
    def clock_ms(self) -> int:
        """What the state's own clock shows, in milliseconds since 1970-01-01T00:00Z."""
        return self._counters.clock_ms

    def customer(self, customer_id: str) -> Customer | None:
        """Give the customer, or None."""
        return self._working_set.customer(self._state.get(keys.document(Kind.CUSTOMER, customer_id)), self.level)

    def product(self, product_id: str) -> Product | None:
        """Give the product, or None."""
        return self._working_set.product(self._state.get(keys.document(Kind.PRODUCT, product_id)), self.level)

    def order(self, order_id: str) -> Order | None:
        """Give the live order, or None."""
        return self._working_set.order(self._state.get(keys.document(Kind.ORDER, order_id)), self.level)

    def closed_order(self, order_id: str) -> Order | None:
        """Give the closed order, or None."""
        return self._working_set.order(self._state.get(keys.closed_order(order_id)), self.level)

    def credential(self, credential_id: str) -> Credential | None:
        """Give the credential, or None."""
        value = self._state.get(keys.document(Kind.CREDENTIAL, credential_id))
        return self._working_set.credential(value, self.level)

    def credentials_of(self, customer_id: str, limit: int) -> Sequence[str]:
        """Ids of the customer's credentials, with "" those of staff; ascending, at most `limit`."""
        return indexed_ids(self._state, keys.credentials_of(customer_id), None, limit)

    def orders_of_customer(self, customer_id: str, limit: int) -> Sequence[str]:
        """Ids of the customer's live orders, ascending, at most `limit`."""
        return indexed_ids(self._state, keys.orders_of_customer(customer_id), None, limit)

    def closed_orders_of_customer(self, customer_id: str, limit: int) -> Sequence[str]:
        """Ids of the customer's closed orders, ascending, at most `limit`."""
        return indexed_ids(self._state, keys.closed_orders_of_customer(customer_id), None, limit)

    def count_live_orders(self, customer_id: str) -> int:
        """How many live orders the customer has (`live_orders`)."""
        return live_orders.count(self._state, customer_id)

    def orders_with_product(self, product_id: str, limit: int) -> Sequence[str]:
        """Ids of the live orders that hold the product, ascending, at most `limit`."""
        return indexed_ids(self._state, keys.orders_with_product(product_id), None, limit)

    def due_orders(self, now_ms: int, limit: int) -> Sequence[str]:
        """Ids of live orders whose deadlines are at `now_ms` or before, by deadline and id, at most `limit`."""
        deadlines = (keys.deadline_in(key) for key, _ in self._state.scan(keys.DEADLINES, None, limit))
        return [order_id for expires_at_ms, order_id in deadlines if expires_at_ms <= now_ms]

    def webhook(self, webhook_id: str) -> Webhook | None:
        """Give the webhook, or None."""
        value = self._state.get(keys.webhook(webhook_id))
        return None if value is None else read_webhook(value)

    def webhook_ids(self, limit: int) -> Sequence[str]:
        """Ids of the webhooks, ascending, at most `limit`."""
        return indexed_ids(self._state, keys.WEBHOOKS, None, limit)

    def sender_lease(self) -> SenderLease:
        """Give which portal sends to webhooks."""
        value = self._state.get(keys.SENDER_LEASE)
        return SenderLease() if value is None else read_lease(value)

    def remembered(self, scope: str, request_id: str) -> StoredOutcome | None:
        """Give the outcome remembered for a request, or None."""
        return dedup_window.get(self._state, scope, request_id)


def indexed_ids(state: StateReader, prefix: bytes, after_id: str | None, limit: int) -> list[str]:
    """Ids that stand in an index under a prefix, ascending, at most `limit`, those greater than `after_id`."""
    after = None if after_id is None else prefix + after_id.encode()
    return [key[len(prefix) :].decode() for key, _ in state.scan(prefix, after, limit)]


def write_change(writes: WriteSet, documents: WorkingSet, change: Change) -> bytes:
    """Write a change of the rules into the write set: the document, its indexes and counters; give the document's key.

    An order that the change closes leaves the live ones; the key is that of the closed order then.

    ValueError where the rules delete what is not there.
    """
    match change:
        case Put(document=document):
            return _put(writes, documents, document)
        case Delete(kind=kind, document_id=document_id):
            return _delete(writes, documents, kind, document_id)


def write_webhook_change(writes: WriteSet, change: WebhookChange) -> None:
    """Write what a decision changes of webhooks into the write set."""
    match change:
        case Webhook():
            writes.put(keys.webhook(change.webhook_id), webhook_text(change).encode())
        case WebhookRemoval():
            writes.delete(keys.webhook(change.webhook_id))
        case SenderLease():
            writes.put(keys.SENDER_LEASE, lease_text(change).encode())


def _put(writes: WriteSet, documents: WorkingSet, document: Document) -> bytes:
    kind, level = kind_of(document), writes.counters.level
    if isinstance(document, Order) and not is_live(document):
        return _put_closed(writes, documents, document)
    key = keys.document(kind, id_of(document))
    old = writes.get(key)
    writes.put(key, documents.write(document, level))
    writes.counters.last_version = max(writes.counters.last_version, document.version)
    if old is None:
        writes.counters.add_document(kind, 1)
    if isinstance(document, Order):
        if old is None:
            live_orders.add(writes, document.customer_id)
        replaced = _remove_closed(writes, document.order_id) if old is None else old
        _write_indexes(writes, documents.order(replaced, level), document)
    elif isinstance(document, Product):
        write_low(writes, documents.product(old, level), document)
    elif isinstance(document, Credential) and old is None:
        writes.create(_index_key(document), b"")
    return key


def _remove_closed(writes: WriteSet, order_id: str) -> bytes | None:
    """Take away the closed order whose id a new order has; give its value."""
    if writes.counters.level < ORDER_STATES_LEVEL:
        return None
    key = keys.closed_order(order_id)
    value = writes.get(key)
    if value is not None:
        writes.delete(key)
        writes.counters.closed_orders -= 1
    return value


def _put_closed(writes: WriteSet, documents: WorkingSet, order: Order) -> bytes:
    live, key = keys.document(Kind.ORDER, order.order_id), keys.closed_order(order.order_id)
    level = writes.counters.level
    old = writes.get(live)
    if before := documents.order(old, level):
        writes.delete(live)
        _write_indexes(writes, before, order)
        writes.counters.add_document(Kind.ORDER, -1)
        writes.counters.closed_orders += 1
        live_orders.remove(writes, before.customer_id)  # its customer may be deleted, and the order nobody's now
    else:
        _write_indexes(writes, documents.order(writes.get(key), level), order)
    writes.put(key, documents.write(order, level))
    writes.counters.last_version = max(writes.counters.last_version, order.version)
    return key


def _delete(writes: WriteSet, documents: WorkingSet, kind: Kind, document_id: str) -> bytes:
    key = keys.document(kind, document_id)
    old = writes.get(key)
    if old is None:
        raise ValueError(f"the {kind} {document_id} is to be deleted, but there is none")
    writes.delete(key)
    writes.counters.add_document(kind, -1)
    if kind is Kind.ORDER and (order := documents.order(old, writes.counters.level)):
        _write_indexes(writes, order, None)
        live_orders.remove(writes, order.customer_id)
    elif kind is Kind.CUSTOMER:
        live_orders.forget(writes, document_id)
    elif kind is Kind.PRODUCT:
        write_low(writes, documents.product(old, writes.counters.level), None)
    elif kind is Kind.CREDENTIAL and (credential := documents.credential(old, writes.counters.level)):
        writes.delete(_index_key(credential))
    return key


def _index_key(credential: Credential) -> bytes:
    """Key of the index entry of a credential, which never changes its owner."""
    return keys.credentials_of(credential.customer_id) + credential.credential_id.encode()


def _write_indexes(writes: WriteSet, old: Order | None, new: Order | None) -> None:
    if old is not None and new is not None and _indexed(old) == _indexed(new):
        return
    before, after = _index_keys(old), _index_keys(new)
    for key in before:
        if key not in after:
            writes.delete(key)
    for key in after:
        if key not in before:
            writes.create(key, b"")


def _indexed(order: Order) -> tuple[str, str, int, list[str]]:
    return order.state, order.customer_id, order.expires_at_ms, [item.product_id for item in order.items]


def _index_keys(order: Order | None) -> dict[bytes, None]:
    """List the index entries of an order, in the order of its items (a dict, as sets have no order)."""
    if order is None:
        return {}
    live = is_live(order)
    of_customer = keys.orders_of_customer if live else keys.closed_orders_of_customer
    with_product = keys.orders_with_product if live else keys.closed_orders_with_product
    prefixes = [of_customer(order.customer_id), *(with_product(item.product_id) for item in order.items)]
    if order.state != OrderState.OPEN:
        prefixes.append(keys.orders_in_state(order.state))
    order_id = order.order_id.encode()
    found = dict.fromkeys(prefix + order_id for prefix in prefixes)
    if live and order.expires_at_ms:
        found[keys.deadline(order.expires_at_ms, order.order_id)] = None
    return found
