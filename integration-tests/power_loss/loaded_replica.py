"""A replica's store, state machine and Raft as a process that writes as fast as it can while it leads.

Arguments: name, folder, addresses as name=host:port,... Each line on standard input is a JSON command, each line on
standard output a JSON fact; it ends with its standard input.
"""

import json
import os
import sys
import threading
from collections import deque
from itertools import count
from random import Random
from typing import Any, cast

from quitanda.codec.documents import decode_document
from quitanda.codec.protobuf import decode_outcome, encode_request
from quitanda.domain.commands import AdjustStock, CreateCustomer, CreateProduct, Request
from quitanda.domain.model import Kind
from quitanda.errors import QuitandaError
from quitanda.v1 import replica_pb2 as pb
from quitanda_replica.feed.queue import FeedPosition, FeedQueue
from quitanda_replica.raft import RaftNode, RaftOptions, Role
from quitanda_replica.state import dedup_window, digest, keys
from quitanda_replica.state.applier import Applier
from quitanda_replica.state.store import Store
from quitanda_replica.state.stored_documents import json_of

WRITE_BUFFER_BYTES = 256 * 1024
"""Small, so that LevelDB changes its files many times in each round."""
LOG_ENTRIES_MAX = 500
WINDOW = 40
PRODUCTS = 8
ANSWER_SECONDS = 5.0
SECRET = "a secret of the tests"


class LoadedReplica:
    def __init__(self, name, folder, addresses):
        self.name = name
        options = RaftOptions(
            name=name,
            addresses=dict(pair.split("=") for pair in addresses.split(",")),
            secret=SECRET,
            bootstrap=True,
            election_timeout_min_seconds=0.25,
            election_timeout_max_seconds=0.5,
            heartbeat_seconds=0.05,
            connect_retry_seconds=0.05,
            log_entries_max=LOG_ENTRIES_MAX,
            snapshot_chunk_bytes=100_000,
        )
        self.store = Store.open(folder, write_buffer_bytes=WRITE_BUFFER_BYTES)
        self.machine = Applier(self.store, FeedQueue(FeedPosition(0, 0)))
        self.raft = RaftNode(options, self.store, self.machine)
        self.raft.start()
        self._pause = threading.Event()

    def status(self):
        status = self.raft.status()
        tell(kind="status", name=self.name, leads=status.role is Role.LEADER, applied=status.applied_index)

    def settle(self):
        """Tell the index that covers everything that was ever acknowledged, as far as this replica leads."""
        try:
            tell(kind="settled", index=self.raft.read_point(0.5))
        except QuitandaError as error:
            tell(kind="settled", index=None, why=str(error))

    def check(self, acknowledged):
        """Tell what of the acknowledged requests is not there, and what the state as a whole comes to."""
        with self.store.snapshot() as state:
            missing = [number for number, revision in acknowledged if not remembers(state, number, revision)]
            adjustments = state.iterate(keys.remembered(keys.request_name("", "a-")))
            products = state.iterate(keys.DOCUMENTS[Kind.PRODUCT])
            tell(
                kind="checked",
                missing=missing,
                digest=digest.verify(state),
                adjustments=sum(1 for _ in adjustments),
                stock=sum(cast("Any", decode_document(Kind.PRODUCT, json_of(value))).quantity for _, value in products),
            )

    def load(self, seed):
        threading.Thread(target=self._load, args=(Random(seed),), daemon=True).start()

    def _load(self, chance):
        stem = f"{self.name}-{chance.getrandbits(40):x}"
        pending = deque()
        while not self._have_products(stem):
            self._pause.wait(0.01)
        for number in count():
            request_id = f"{'a' if number % 3 else 'c'}-{stem}-{number}"
            try:
                pending.append((request_id, self._submit(request_id, number, chance)))
                if len(pending) >= WINDOW:
                    acknowledge(*pending.popleft())
            except QuitandaError:
                pending.clear()
                self._pause.wait(0.01)

    def _have_products(self, stem):
        """Create them, or find them; false where this replica does not lead."""
        try:
            for number in range(PRODUCTS):
                product = CreateProduct(f"product-{number}", "Pão de queijo", 100, 0)
                self._offer(Request("", f"p-{stem}-{number}", product)).result(ANSWER_SECONDS)
        except QuitandaError:
            return False
        return True

    def _submit(self, request_id, number, chance):
        if number % 3:
            return self._offer(Request("", request_id, AdjustStock(f"product-{number % PRODUCTS}", 1)))
        extra = (("note", json.dumps("x" * chance.randrange(1500))),)
        return self._offer(Request("", request_id, CreateCustomer(request_id, "Conceição", extra)))

    def _offer(self, request):
        return self.raft.submit(pb.LogEntry(requests=[encode_request(request)]).SerializeToString())


def remembers(state, name, revision):
    """Is the outcome of the request there, with the revision that was told?"""
    remembered = dedup_window.get(state, "", name)
    return remembered is not None and remembered.revision == revision


def acknowledge(request_id, submission):
    (outcome,) = pb.ExecuteResponse.FromString(submission.result(ANSWER_SECONDS)).outcomes
    _, revision = decode_outcome(outcome)
    tell(kind="acknowledged", request=request_id, revision=revision)


def tell(**fact):
    os.write(1, f"{json.dumps(fact)}\n".encode())


def main():
    replica = LoadedReplica(*sys.argv[1:])
    for line in sys.stdin:
        command = json.loads(line)
        getattr(replica, command.pop("do"))(**command)


if __name__ == "__main__":
    main()
