"""A replica's data folder with a large state, made without Raft: through the state machine, as Raft would."""

import base64
import json
import random

from quitanda.codec.protobuf import encode_request
from quitanda.domain.commands import CreateCustomer, CreateProduct, Request
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.feed.queue import FeedPosition, FeedQueue
from quitanda_replica.raft.journal import APPLIED_KEY, NO_OP, log_key
from quitanda_replica.raft.learner import JOINED_KEY
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.dedup_window import REMEMBERED_BYTES_MAX
from quitanda_replica.state.store import Store

NOTE_BYTES = 12_000
"""Of each customer, random and as base64: 16 kB, near the limit, that cannot be compressed much."""
CUSTOMERS_PER_ENTRY = 32
PRODUCT_ID = "product"
BYTES_PER_CUSTOMER = 16_120
"""In the state; and once more in the outcome that is remembered, as long as there is room for outcomes."""
TERM = 1


def customer_id(number):
    return f"c{number:08d}"


def fill(folder, state_bytes):
    """Fill the folder with customers until keys and values come to that many bytes; return how many they are."""
    store = Store.open(folder)
    applier = Applier(store, FeedQueue(FeedPosition(0, 0)))
    chance = random.Random(1)
    index, customers, size = 1, 0, 0
    applier.apply(index, entry([Request("", "product", CreateProduct(PRODUCT_ID, "Pão de queijo", 250, 1000))]))
    while size < state_bytes:
        index += 1
        requests = [create(number, chance) for number in range(customers, customers + CUSTOMERS_PER_ENTRY)]
        applier.apply(index, entry(requests))
        customers += len(requests)
        size = customers * BYTES_PER_CUSTOMER
        size += min(size, REMEMBERED_BYTES_MAX)
        store.put(APPLIED_KEY, index.to_bytes(8, "big"))
        store.commit()
        applier.committed(index)
    store.put(log_key(index), TERM.to_bytes(8, "big") + NO_OP)
    store.put(JOINED_KEY, b"1")
    store.commit()
    store.close()
    return customers


def create(number, chance):
    note = base64.b64encode(chance.randbytes(NOTE_BYTES)).decode()
    command = CreateCustomer(customer_id(number), "Conceição", (("note", json.dumps(note)),))
    return Request("", f"r{number}", command)


def entry(requests):
    return pb.LogEntry(requests=[encode_request(request) for request in requests]).SerializeToString()


def measure(folder):
    """Return the number of keys of the state, and the bytes of its keys and values."""
    store = Store.open(folder)
    try:
        with store.snapshot() as state:
            sizes = [len(key) + len(value) for key, value in state.iterate(b"S")]
    finally:
        store.close()
    return len(sizes), sum(sizes)
