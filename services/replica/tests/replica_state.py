"""A replica's state without Raft: a real store, a real applier, and who calls it."""

from itertools import count

from quitanda.codec.documents import decode_document
from quitanda.codec.protobuf import decode_outcome, encode_request
from quitanda.domain.commands import (
    CreateCustomer,
    CreateOrder,
    CreateProduct,
    ItemQuantity,
    RaiseLevel,
    Request,
)
from quitanda.domain.levels import SUPPORTED_LEVEL
from quitanda.domain.machine import execute
from quitanda.domain.model import Kind
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.state import digest, keys
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.change_records import HistoryBounds
from quitanda_replica.state.dedup_window import WindowBounds
from quitanda_replica.state.store import Store
from quitanda_replica.state.stored_documents import WorkingSet, json_of
from quitanda_replica.state.view import StoredState
from quitanda_replica.state.write_set import read_counters


class ListSink:
    """Remembers what it is told."""

    def __init__(self):
        self.entries = []
        self.revision = 0
        self.restarts = []

    def applied(self, revision, entries):
        self.revision = revision
        self.entries.extend(entries)

    def restarted(self, revision, last_changed):
        self.restarts.append((revision, last_changed))


class ReplicaState:
    """Applies entries as the Raft thread does: apply, commit, committed; numbers them from 1."""

    def __init__(self, path, rules=execute, window=None, history=None):
        self.path = path
        self.rules = rules
        self.window = window or WindowBounds()
        self.history = history or HistoryBounds()
        self.index = 0
        self._request_numbers = count(1)
        self.open()

    def open(self):
        self.store = Store.open(self.path)
        self.sink = ListSink()
        self.applier = Applier(self.store, self.sink, self.rules, self.window, changes_kept=self.history)

    def close(self):
        self.store.close()

    def reopen(self):
        self.close()
        self.open()

    def apply(self, *requests):
        """Apply the requests as one entry; give [(outcome, revision)]."""
        return self.apply_payload(entry(*requests))

    def apply_payload(self, payload):
        self.index += 1
        response = pb.ExecuteResponse.FromString(self.applier.apply(self.index, payload))
        self.store.put(b"Mtest", self.index.to_bytes(8, "big"))
        self.store.commit()
        self.applier.committed(self.index)
        return [decode_outcome(outcome) for outcome in response.outcomes]

    def do(self, *commands, scope=""):
        """Apply commands as one entry, each with a request id of its own."""
        return self.apply(*(Request(scope, f"r{next(self._request_numbers)}", command) for command in commands))

    def contents(self):
        return dict(self.store.scan(keys.STATE, None, None))

    def documents(self):
        """All documents by (kind, id)."""
        found = {}
        for kind, prefix in keys.DOCUMENTS.items():
            for key, value in self.store.scan(prefix, None, None):
                found[kind, key[len(prefix) :].decode()] = decode_document(kind, json_of(value))
        return found

    def closed_orders(self):
        rows = self.store.scan(keys.CLOSED_ORDERS, None, None)
        return [decode_document(Kind.ORDER, json_of(value)) for _, value in rows]

    def raise_level(self, level=SUPPORTED_LEVEL):
        """Raise the level, one entry for each step."""
        for step in range(self.counters().level + 1, level + 1):
            self.apply(Request("", f"raise{step}", RaiseLevel(step)))

    def counters(self):
        return read_counters(self.store)

    def view(self):
        return WholeStoredState(self)

    def digest(self):
        """The digest kept, after checking it against everything."""
        with self.store.snapshot() as snapshot:
            return digest.verify(snapshot)


class WholeStoredState(StoredState):
    """The rules' view with lists of everything, as the invariants want it."""

    def __init__(self, state):
        super().__init__(state.store, state.counters(), WorkingSet())
        self._documents = state.documents()
        self._closed = state.closed_orders()

    def customers(self):
        return self._of_kind(Kind.CUSTOMER)

    def products(self):
        return self._of_kind(Kind.PRODUCT)

    def orders(self):
        return self._of_kind(Kind.ORDER)

    def closed_orders(self):
        return self._closed

    def credentials(self):
        return self._of_kind(Kind.CREDENTIAL)

    def _of_kind(self, wanted):
        return [document for (kind, _), document in self._documents.items() if kind is wanted]


def entry(*requests):
    return pb.LogEntry(requests=[encode_request(request) for request in requests]).SerializeToString()


def customer(customer_id="ana"):
    return CreateCustomer(customer_id, f"Name of {customer_id}", (("vip", "true"),))


def product(product_id="pen", quantity=10, price=250):
    return CreateProduct(product_id, f"Name of {product_id}", price, quantity)


def order(order_id="o1", customer_id="ana", created_at_ms=1_795_000_000_000, **quantities):
    items = tuple(ItemQuantity(product_id, quantity) for product_id, quantity in quantities.items())
    return CreateOrder(customer_id, order_id, created_at_ms, items)
